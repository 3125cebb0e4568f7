"""``muniment validate``: check whether bags are complete and valid."""

from pathlib import Path
from typing import Annotated

import typer


def validate(
    bags: Annotated[list[Path], typer.Argument(metavar="BAG...", help="Folders or archives.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a bag, one a line.")] = False,
) -> None:
    """Validate bags (RFC 8493): folders, or zip and tar archives of one bag.

    Reads BagIt 1.0 and 0.93 to 0.97, opens nothing outside the bag and unpacks nothing. Warnings leave a bag
    valid. Exit code 0: all are valid; 3: at least one is not; 6: one is not there.

    Example: muniment validate /media/usb/letters-1911 bags/*.zip
    """
    from flows.cli.validating import validate_all

    raise typer.Exit(validate_all(bags, json=json))
