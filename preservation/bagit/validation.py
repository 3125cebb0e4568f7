"""Is it a bag, complete, valid (RFC 8493 section 3)? The verdict is a value, whatever is found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from preservation.bagit import codes
from preservation.bagit.baginfo import NO_PAYLOAD, PayloadOxum
from preservation.bagit.contents import BagContents
from preservation.bagit.declaration import BagItVersion
from preservation.bagit.findings import Findings
from preservation.bagit.fixity_rules import check_digests, payload_oxum, wanted_digests
from preservation.bagit.opening import open_source
from preservation.bagit.reading import read_contents
from preservation.bagit.source import BagSource, DividedSource
from preservation.bagit.structure_rules import STRUCTURE_RULES
from preservation.bagit.turns import taken_in_turns
from preservation.model.issues import Issue
from preservation.model.paths import printable

_SAY_NOTHING_OF_COMPLETENESS = {codes.DIGEST_MISMATCH, codes.OXUM_MISMATCH}
_UNDECLARED = {codes.DECLARATION_MISSING, codes.DECLARATION_MALFORMED, codes.VERSION_UNKNOWN}


@dataclass(frozen=True, slots=True)
class Validation:
    """The verdict on a bag. ``valid`` and ``complete`` as in RFC 8493 section 3; warnings do not touch them.

    ``version`` is ``None`` where the bag does not properly declare it; ``payload`` is the size found.
    """

    bag: str
    valid: bool
    complete: bool
    issues: tuple[Issue, ...]
    version: BagItVersion | None = None
    payload: PayloadOxum = NO_PAYLOAD


def validate(bag: Path | BagSource, *, processes: int = 1) -> Validation:
    """Validate the bag in a folder, in a zip or tar archive, or from any source.

    So many ``processes`` digest the files, this one among them; more than one is for a process that
    runs no threads. Raises ``NotFoundError`` or ``DeniedError`` where there is nothing to be looked at.
    """
    source = open_source(bag) if isinstance(bag, Path) else bag
    if source is None:
        message = f"{printable(str(bag))} is neither a folder nor a zip or tar archive."
        return _no_verdict_on(str(bag), (codes.error(codes.NO_BAG, message),))
    findings = Findings()
    listing = source.listing()
    findings.extend(listing.issues)
    if not listing.whole:
        return _no_verdict_on(source.name, findings.issues)
    contents = read_contents(source, listing, findings)
    for rule in STRUCTURE_RULES:
        findings.extend(rule(contents))
    payload = _check_fixity(source, contents, findings, processes)
    findings.extend(payload_oxum(contents, payload))
    return _verdict(source.name, contents, payload, findings)


def _check_fixity(
    source: BagSource, contents: BagContents, findings: Findings, processes: int
) -> PayloadOxum:
    wanted = wanted_digests(contents)
    if processes == 1 or not isinstance(source, DividedSource):
        return check_digests(contents, source.digest(wanted), findings)

    def share(numbers: Iterable[int]) -> tuple[PayloadOxum, Findings]:
        found = Findings()
        return check_digests(contents, source.digest_parts(wanted, numbers), found), found

    shares = taken_in_turns(share, source.parts, processes)
    findings.join(found for _, found in shares)
    return PayloadOxum(sum(size.octets for size, _ in shares), sum(size.files for size, _ in shares))


def _no_verdict_on(name: str, issues: tuple[Issue, ...]) -> Validation:
    return Validation(name, valid=False, complete=False, issues=issues)


def _verdict(name: str, contents: BagContents, payload: PayloadOxum, findings: Findings) -> Validation:
    errors = findings.error_codes
    return Validation(
        bag=name,
        valid=not errors,
        complete=errors <= _SAY_NOTHING_OF_COMPLETENESS,
        issues=findings.issues,
        version=None if errors & _UNDECLARED else contents.declaration.version,
        payload=payload,
    )
