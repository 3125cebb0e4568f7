"""``muniment gate check``: what the service would answer, before anything is dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import JsonOption


def check(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Folders, files or bags, each as a drop of its own."),
    ],
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="POLICY",
            help="The policy file that the drops are held against.  [default: whole-files]",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write the page that it would be answered with; of several, into this folder.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE.csv",
            help="Write what is to be scanned again as a table.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check deliveries as the service would, before they are dropped or sent. Keeps nothing.

    It needs no installation, one policy file is enough: so whoever scans checks by the very same rules. What
    the service alone knows is left out: whether the object is kept already, and what else lies in its inbox.

    Exit codes: 0 nothing is against any of them, 3 one would be sent back, 7 one would wait for a person,
    6 one is not there, or what was asked for could not be written.

    Example: muniment gate check ~/scans/ms-1387 --policy manuscripts.toml --report ms-1387.html
    """
    from flows.cli.drop_check import CheckOutput, check_drops

    check_drops(folders, policy, CheckOutput(json=json, is_delivery=True, report=report, csv=csv))
