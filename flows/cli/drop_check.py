"""Drops that are checked and not kept: what `gate check` and `examine` do alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import typer

from flows.cli.output import GRAVEST_FIRST, note, say, say_issues, say_json
from flows.cli.progress import shown_in_terminal

if TYPE_CHECKING:
    from flows.installation.wiring import Installation
    from flows.submission.trial import Trial
    from flows.submission.workspace import Workspace
    from preservation.policy.schema_files import SchemaFile

_DEFAULT_POLICY = "whole-files.toml"
_NOT_THERE = 6
_VERDICTS = {"stored": "FIT TO BE KEPT", "rejected": "NOT FIT", "waiting": "A PERSON IS ASKED"}

_AddRow: TypeAlias = "Callable[[Sequence[str]], None]"


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """What is written of drops that are checked.

    ``is_delivery`` takes each path for a drop under its own name, which must be one that the service takes,
    and sums its files up; without, each file has a line. ``report`` is a page, or, for several drops, the
    folder of their pages; ``csv`` is one table for all of them.
    """

    json: bool = False
    is_delivery: bool = False
    report: Path | None = None
    csv: Path | None = None


def check_drops(paths: Sequence[Path], policy: Path | None, output: CheckOutput) -> None:
    """Check each path as a drop by the policy, in an installation that holds nothing, and write the result.

    Raises ``typer.Exit`` with the gravest code, ``ConfigurationError`` where the policy is not sound or the
    report is one page for several drops, ``UnavailableError`` where a report cannot be written.
    """
    from flows.installation.throwaway import throwaway_installation
    from preservation.errors import ConfigurationError
    from preservation.model.paths import printable

    there = [path for path in paths if os.path.lexists(path)]
    codes = {0}
    for path in paths:
        if path not in there:
            note(f"{printable(str(path))}: there is nothing here; check the spelling")
            codes.add(_NOT_THERE)
    if output.report is not None and output.report.suffix == ".html" and len(there) > 1:
        raise ConfigurationError(
            f"{printable(str(output.report))}: each drop has a page of its own; name a folder, or check one"
        )
    # Links that were named here are followed.
    places = [path.resolve() for path in there]
    source, schemas = _source_of(policy)
    with (
        throwaway_installation(source, tuple(places), schemas) as opened,
        _reject_list(output.csv) as add,
    ):
        for path, place, page in zip(there, places, _pages_of(places, output.report), strict=True):
            codes.add(_check(path, place, opened, output, add, page))
    code = next(code for code in GRAVEST_FIRST if code in codes)
    if code:
        raise typer.Exit(code)


def _source_of(policy: Path | None) -> tuple[bytes, tuple[SchemaFile, ...]]:
    from preservation.policy.load import load
    from preservation.policy.shipped import shipped_policies

    # Loaded here, so that its faults are told of the file that was named.
    if policy is None:
        return shipped_policies()[_DEFAULT_POLICY], ()
    loaded = load(policy)
    return loaded.source, loaded.schemas


def _pages_of(places: Sequence[Path], report: Path | None) -> Iterator[Path | None]:
    """Yield where the page of each drop goes; drops of one name get one each."""
    from flows.inboxes.drop_names import names_for

    taken: set[str] = set()
    for place in places:
        if report is None:
            yield None
        elif report.suffix == ".html":
            yield report
        else:
            name = next(name for name in names_for(place.name) if name not in taken)
            taken.add(name)
            yield report / f"{name}.html"


@contextmanager
def _reject_list(csv: Path | None) -> Iterator[_AddRow | None]:
    """Yield what adds a row to the table, which appears when all went well; ``None`` without one."""
    from preservation.files.durable import written_whole
    from preservation.files.spreadsheet import Spreadsheet
    from preservation.receipt.reject_list import HEADINGS

    if csv is None:
        yield None
        return
    with ExitStack() as stack:
        with _writing(csv):
            sink = stack.enter_context(written_whole(csv))
        table = Spreadsheet(sink.write)
        table.add(HEADINGS)
        yield table.add


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    from preservation.errors import UnavailableError
    from preservation.model.paths import printable

    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"{printable(str(place))} cannot be written ({error.strerror}); see that its folder is there "
            "and may be written to"
        ) from error


def _check(
    path: Path, place: Path, opened: Installation, output: CheckOutput, add: _AddRow | None, page: Path | None
) -> int:
    """Check one drop and write what was found; return its exit code."""
    from flows.submission.dry_run import dry_run_workspace
    from flows.submission.trial import tried
    from preservation.model.verdicts import Verdict
    from preservation.receipt.placed_issues import settled
    from preservation.receipt.reject_list import reject_rows
    from preservation.receipt.rendering import render_page

    scratch = opened.settings.directory
    with ExitStack() as stack:
        with shown_in_terminal(lambda: _progress(path, dry_run_workspace(scratch))):
            trial = stack.enter_context(tried(place, opened, scratch, is_named=output.is_delivery))
        if page is not None:
            with _writing(page):
                render_page(trial.receipt, page)
        if add is not None:
            for row in reject_rows(settled(trial.receipt)):
                add(row)
        if output.json:
            _say_json(path, trial, page)
        elif output.is_delivery:
            _say_delivery(path, trial, page)
        else:
            _say_files(path, trial)
        return Verdict(trial.result.verdict).exit_code


def _progress(path: Path, workspace: Workspace) -> str:
    """Return how far the drop is, as far as it is known."""
    from flows.installation.wiring import now
    from flows.submission.progress.progress import in_words, position_of
    from preservation.errors import PreservationError
    from preservation.model.paths import printable

    words = printable(path.name or str(path))
    try:
        position = position_of(workspace)
    except (PreservationError, OSError, StopIteration):
        # It is only begun, or done.
        return words
    progress = in_words(position.progress, now()) if position.progress is not None else ""
    return ": ".join(filter(None, (words, position.stage, progress)))


def _say_verdict(path: Path, trial: Trial) -> None:
    from preservation.model.paths import printable

    verdict = trial.result.verdict
    say(f"{_VERDICTS.get(verdict, verdict.upper())}  {printable(str(path))}")


def _say_files(path: Path, trial: Trial) -> None:
    from preservation.model.files import IrregularEntry
    from preservation.model.paths import printable
    from preservation.receipt.views import facts_in_words

    _say_verdict(path, trial)
    for dossier in trial.workspace.dossiers:
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
    say_issues(trial.result.issues, "--json has all of them")


def _say_delivery(path: Path, trial: Trial, page: Path | None) -> None:
    from preservation.model.amounts import byte_size, count
    from preservation.model.paths import printable
    from preservation.receipt.headline import gravest_first
    from preservation.receipt.passed import passed_in_words
    from preservation.receipt.placed_issues import settled
    from preservation.receipt.summary import marking_faults, summarise
    from preservation.receipt.titles import title_of

    _say_verdict(path, trial)
    result = trial.result
    say(f"  {count(result.files, 'file')}, {byte_size(result.bytes)}")
    summary = summarise(settled(trial.receipt).files)
    for fault in marking_faults(summary):
        say(f"  {fault.severity.value:8} {count(fault.files, 'file')}: {title_of(fault.code)} ({fault.code})")
    for line in passed_in_words(summary):
        say(f"  passed   {line}")
    say_issues(gravest_first(result.issues), "--csv and --json have all of them")
    if page is not None:
        say(f"  report   {printable(str(page))}")


def _say_json(path: Path, trial: Trial, page: Path | None) -> None:
    from preservation.model.paths import printable
    from preservation.receipt.as_json import file_fields

    drop, result = printable(str(path)), trial.result
    for dossier in trial.workspace.dossiers:
        say_json({"line": "file", "drop": drop, **file_fields(dossier)})
    say_json(
        {
            "line": "drop",
            "drop": drop,
            "verdict": result.verdict,
            "sentence": result.sentence,
            "files": result.files,
            "bytes": result.bytes,
            "issues": result.issues,
            "report": page,
        }
    )
