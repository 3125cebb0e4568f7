"""The status of the virus scanner, and whether it meets the installation's policies."""

from collections.abc import Iterator
from contextlib import suppress

from flows.installation.settings import Settings
from preservation.errors import ConfigurationError, ToolMissingError
from preservation.model.amounts import byte_size, count
from preservation.model.viruses import NoScanner
from preservation.policy.intake import Intake, VirusScan


def scanner_status(settings: Settings) -> str:
    """Return the scanner's release, and what follows from it for the policies.

    Raises ``ToolMissingError`` where a policy requires a scan, and the scanner cannot be trusted.
    """
    from flows.installation.wiring import now, virus_scanner  # noqa: PLC0415  half a second, and only here
    from preservation.virus.outcome import doubt  # noqa: PLC0415  as above

    at = now()
    release = virus_scanner(settings).release()
    wanted = [intake for intake in _intakes(settings) if intake.virus_scan is not VirusScan.OFF]
    required = [intake for intake in wanted if intake.virus_scan is VirusScan.REQUIRE]
    days = min((intake.virus_signatures_days for intake in required or wanted), default=None)
    unsure = None if days is None else doubt(release, at, days)
    if required and unsure is not None:
        policies = "a policy requires it" if len(required) == 1 else f"{len(required)} policies require it"
        raise ToolMissingError(f"{unsure.detail}; {policies}, and drops will be interrupted")
    if isinstance(release, NoScanner):
        return f"none ({release.detail}); {_asked_by(len(wanted))}"
    status = f"{release.described(at)}, for files of up to {byte_size(settings.virus.largest)}"
    if unsure is not None:
        return f"{status}; nothing will be called clean: {unsure.detail}"
    return f"{status}; {_asked_by(len(wanted))}"


def _asked_by(policies: int) -> str:
    return f"asked for by {count(policies, 'policy', 'policies')}" if policies else "no policy asks for it"


def _intakes(settings: Settings) -> Iterator[Intake]:
    from preservation.policy.load import load  # noqa: PLC0415  a third of a second, and only here

    files = {settings.directory / collection.policy for collection in settings.collection}
    if settings.default_policy is not None:
        files.add(settings.directory / settings.default_policy)
    for file in sorted(files):
        # A policy with faults has its own finding.
        with suppress(ConfigurationError):
            yield load(file).terms.intake
