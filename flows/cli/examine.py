"""``muniment examine``: look into files as screening does, without keeping anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.drop_check import CheckOutput, check_drops
from flows.cli.options import JsonOption


def examine(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files, folders, bags, each as a drop of its own.")
    ],
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="POLICY",
            help="Judge by this policy.  [default: whole-files: any format, and damage is refused]",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Examine files as `preserve` does: identify, decode to the end, and judge by a policy. Keeps nothing.

    It needs no installation. Each path is taken as a drop: the verdict is the one that `preserve` would reach
    in an installation where nothing is kept yet. Each file has a line; `muniment gate check` does the same
    for whole deliveries, with a page and a table of what is to be scanned again.

    Exit codes: 0 all are fit to be kept, 3 one is not, 7 one would wait for a person, 6 one is not there.

    Example: muniment examine ~/scans/sheet-012/*.tif report.pdf
    """
    check_drops(paths, policy, CheckOutput(json=json))
