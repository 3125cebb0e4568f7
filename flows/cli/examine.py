"""``muniment examine``: look into files as screening does, without keeping anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import JsonOption
from flows.cli.output import GRAVEST_FIRST, note, say, say_issues, say_json

if TYPE_CHECKING:
    from flows.submission.dry_run import DryRunResult
    from flows.submission.workspace import Workspace

_DEFAULT_POLICY = "whole-files.toml"
_NOT_THERE = 6


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
    in an installation where nothing is kept yet.

    Exit codes: 0 all are fit to be kept, 3 one is not, 7 one would wait for a person, 6 one is not there.

    Example: muniment examine ~/scans/sheet-012/*.tif report.pdf
    """
    from flows.installation.throwaway import throwaway_installation
    from flows.submission.drop import DropRequest, name_tried
    from flows.submission.dry_run import dry_run_in
    from preservation.model.paths import printable
    from preservation.model.verdicts import Verdict
    from preservation.policy.shipped import shipped_policies

    there = [path for path in paths if os.path.lexists(path)]
    codes = {0}
    for path in paths:
        if path not in there:
            note(f"{printable(str(path))}: there is nothing here; check the spelling")
            codes.add(_NOT_THERE)
    source = shipped_policies()[_DEFAULT_POLICY] if policy is None else policy.read_bytes()
    # Links that were named here are followed.
    places = [path.resolve() for path in there]
    with throwaway_installation(source, tuple(places)) as opened:
        for path, place in zip(there, places, strict=True):
            drop = DropRequest(place, "examined", name_tried(place))
            with dry_run_in(drop, opened, opened.settings.directory) as (would, workspace):
                codes.add(Verdict(would.verdict).exit_code)
                (_say_json if json else _say)(path, would, workspace)
    code = next(code for code in GRAVEST_FIRST if code in codes)
    if code:
        raise typer.Exit(code)


_VERDICTS = {"stored": "FIT TO BE KEPT", "rejected": "NOT FIT", "waiting": "A PERSON IS ASKED"}


def _say(path: Path, would: DryRunResult, workspace: Workspace) -> None:
    from preservation.model.files import IrregularEntry
    from preservation.model.paths import printable
    from preservation.receipt.views import facts_in_words

    say(f"{_VERDICTS.get(would.verdict, would.verdict.upper())}  {printable(str(path))}")
    for dossier in workspace.dossiers:
        file = dossier.found
        if isinstance(file, IrregularEntry):
            continue
        found = file.identification
        words = [found.decided or "-", found.name, *facts_in_words(dossier.screened)]
        if dossier.screened is not None and dossier.screened.unexamined:
            words.append(f"not looked into: {dossier.screened.unexamined}")
        say(f"  {printable(file.path)}  {', '.join(words)}")
        for warning in found.warnings:
            say(f"      {printable(warning)}")
    say_issues(would.issues, "--json has all of them")


def _say_json(path: Path, would: DryRunResult, workspace: Workspace) -> None:
    from preservation.model.paths import printable
    from preservation.receipt.as_json import file_fields

    drop = printable(str(path))
    for dossier in workspace.dossiers:
        say_json({"line": "file", "drop": drop, **file_fields(dossier)})
    say_json(
        {
            "line": "drop",
            "drop": drop,
            "verdict": would.verdict,
            "sentence": would.sentence,
            "files": would.files,
            "bytes": would.bytes,
            "issues": would.issues,
        }
    )
