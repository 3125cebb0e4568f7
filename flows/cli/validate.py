"""``muniment validate``: check whether bags are complete and valid."""

from pathlib import Path
from typing import Annotated

import typer


def validate(
    bags: Annotated[list[Path], typer.Argument(metavar="BAG...", help="Folders or archives.")],
    against: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Compare with what this installation recorded of the version."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a bag, one a line.")] = False,
) -> None:
    """Validate bags (RFC 8493): folders, or zip and tar archives of one bag.

    Reads BagIt 1.0 and 0.93 to 0.97, opens nothing outside the bag and unpacks nothing. Warnings leave a bag
    valid. With --against, a package in a folder is valid only where its tag manifests are those that the
    catalogue and the journal of the installation recorded: so it is what was kept, not only sound in itself.

    Exit code 0: all are valid; 3: at least one is not; 6: one is not there.

    Example: muniment validate /media/usb/letters-1911 bags/*.zip
    """
    from flows.cli.validating import validate_all

    if against is None:
        raise typer.Exit(validate_all(bags, json=json))
    from flows.archive.recorded import compared
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation

    with open_installation(load_settings(against)) as opened:
        code = validate_all(bags, json=json, compare=lambda verdict, bag: compared(verdict, bag, opened))
    raise typer.Exit(code)
