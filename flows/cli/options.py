"""Options that several verbs share, so that they have the same names everywhere."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

InstallationOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--installation",
        "-C",
        metavar="DIR",
        help="The installation; else MUNIMENT_HOME, else the nearest one upwards, or the only one below.",
        show_default=False,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
InboxOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--inbox",
        metavar="INBOX",
        help="Only this one: the directory of an area, or the name of a bucket inbox.  [default: all]",
        show_default=False,
    ),
]
