"""``muniment doctor``: report what works, and how to repair what does not."""

import dataclasses
from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

_FAILING = 2


def doctor(
    send_test_alarm: Annotated[
        bool,
        typer.Option("--send-test-alarm", help="Send a test alarm by every channel."),
    ] = False,
    installation: InstallationOption = None,
    json: JsonOption = False,
) -> None:
    """Report what is installed, which converters and stores work, and how to repair what does not.

    Everything is tried, not assumed: each store is written to, read back and listed, and left as it was.
    Outside an installation only the programs are checked.

    Example: muniment doctor -C archive
    """
    from flows.installation.settings_file import NoInstallationError, load_settings
    from flows.service.doctor import State, examine_installation, examine_programs

    findings = list(examine_programs())
    try:
        settings = load_settings(installation)
    except NoInstallationError as error:
        note(f"only the programs were checked: {error}")
    else:
        findings += examine_installation(settings, send_test_alarm=send_test_alarm)
    for finding in findings:
        if json:
            say_json(dataclasses.asdict(finding))
        else:
            say(f"{finding.state.value:8} {finding.what}: {finding.detail}")
            if finding.state is not State.OK:
                say(f"         → {finding.next_step}")
    if any(finding.state is not State.OK for finding in findings):
        raise typer.Exit(_FAILING)
