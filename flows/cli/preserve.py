"""``muniment preserve``: keep drops, with proof."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import GRAVEST_FIRST, WITHOUT_COPY, note, replica_fields, say, say_issues, say_json

if TYPE_CHECKING:
    from flows.installation.settings import Settings
    from flows.submission.answer import SubmissionResult
    from flows.submission.drop import DropRequest
    from flows.submission.dry_run import DryRunResult


def preserve(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders, files or bags to keep.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="The collection they are for.")],
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The object's name; else the drop's own.")
    ] = "",
    approve: Annotated[
        str, typer.Option("--approve", metavar="WHY", help="Answer what the drop was waiting for.")
    ] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen; keep nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Preserve drops: survey, screen, normalize, package, replicate, read back, and answer with a receipt.

    The drop is left as it is. Run again after a crash, it goes on where it was; the same drop again is
    recognised and nothing is written. A drop that waits for a person goes on with --approve and --by.

    Exit codes: 0 kept, 3 rejected, 6 interrupted, 7 waiting, 8 kept, without a preservation copy that the
    policy asks for; of several drops, the gravest. Where the drops are answered but the journal could not be
    sealed: 4 it is broken, 2 its key is missing.

    Example: muniment preserve ~/scans/sheet-012 --collection images
    """
    from flows.installation.settings_file import load_settings
    from flows.orchestration.in_process import drops_of
    from preservation.errors import ConfigurationError

    if bool(approve) != bool(by):
        raise ConfigurationError("--approve and --by belong together: why it may be kept, and who approves")
    if approve and len(paths) > 1:
        raise ConfigurationError("one answer is for one drop: approve them one by one")
    settings = load_settings(installation)
    drops = drops_of(paths, collection, settings, name)
    if approve:
        import dataclasses

        drops = [dataclasses.replace(drop, approved_by=by, because=approve) for drop in drops]
    log_to_stderr()
    if dry_run:
        _end_with(_dry_run(drops, settings, json=json))
    else:
        preserve_drops(drops, settings, json=json)


def preserve_drops(drops: list[DropRequest], settings: Settings, *, json: bool) -> None:
    """Preserve the drops and write how each ended. Raises ``typer.Exit`` where one is not kept."""
    _end_with(_preserve(drops, settings, json=json))


def _end_with(codes: set[int]) -> None:
    code = next(code for code in GRAVEST_FIRST if code in codes)
    if code:
        raise typer.Exit(code)


def _preserve(drops: list[DropRequest], settings: Settings, *, json: bool) -> set[int]:
    from flows.orchestration.drop_runs import drop_runs

    results: dict[str, SubmissionResult] = {}
    faults: set[int] = set()
    with drop_runs(settings) as runs:
        # One drop has nothing that could be lost with it.
        for _, outcome in runs.of(drops, apart=len(drops) > 1):
            results |= {one.object: one for one in outcome.results}
            if outcome.fault:
                note(f"muniment: {outcome.fault}")
                faults.add(outcome.exit_code)
    for drop in drops:
        _say_result(results[str(drop)], json=json)
    return set(map(exit_code_of, results.values())) | faults


def exit_code_of(result: SubmissionResult) -> int:
    """Return the code of the verdict, or that what is kept lacks a preservation copy."""
    from preservation.normalization.issues import NOT_MADE

    lacks = any(issue.code == NOT_MADE for issue in result.ending.issues)
    return result.ending.verdict.exit_code or (WITHOUT_COPY if lacks else 0)


def _say_result(result: SubmissionResult, *, json: bool) -> None:
    ending = result.ending
    if json:
        say_json(
            {
                "object": result.object,
                "object_version": ending.package.version if ending.package else None,
                "verdict": ending.verdict,
                "sentence": ending.sentence,
                "files": ending.files,
                "bytes": ending.bytes,
                "kept": {"files": ending.kept.files, "bytes": ending.kept.bytes},
                "replicas": replica_fields(ending.replicas),
                "lacking": ending.lacking,
                "issues": result.issues,
                "receipt": result.receipt,
            }
        )
        return
    say(f"{ending.verdict.value.upper()}  {result.object}")
    say(f"  {ending.sentence}")
    for replica in ending.replicas:
        say(f"  replica  {replica.store}: {replica.location}")
    say_issues(result.issues, "see the receipt")
    if result.receipt is not None:
        say(f"  receipt  {result.receipt}")


def _dry_run(drops: list[DropRequest], settings: Settings, *, json: bool) -> set[int]:
    import dataclasses

    from flows.installation.scratch import scratch_folder
    from flows.installation.wiring import open_installation
    from flows.submission.dry_run import dry_run
    from preservation.model.amounts import byte_size, count
    from preservation.model.difference import changes_in_words
    from preservation.model.verdicts import Verdict

    codes = set()
    with (
        scratch_folder(settings.state, "rehearsal") as scratch,
        open_installation(settings, (scratch, *(drop.path for drop in drops))) as opened,
    ):
        for drop in drops:
            would = dry_run(drop, opened, scratch)
            codes.add(Verdict(would.verdict).exit_code)
            if json:
                say_json({**dataclasses.asdict(would), "compared": _compared(would), "dry_run": True})
                continue
            say(f"would be {would.verdict.upper()}  {would.object}")
            say(f"  {would.sentence}")
            if would.compared is not None:
                say(f"  compared with {would.compared.before}: {changes_in_words(would.compared)}")
            say(f"  {count(would.files, 'file')}, {byte_size(would.bytes)}{_planned(would.actions)}")
            say_issues(would.issues, "--json has all of them")
    return codes


def _compared(would: DryRunResult) -> dict[str, object] | None:
    """Return the figures of a comparison, as JSON."""
    from preservation.model.difference import ChangeKind

    found = would.compared
    if found is None:
        return None
    figures = {kind.value: getattr(found, kind.value) for kind in ChangeKind}
    return {"object_version": found.before.version, "originals": found.originals, **figures}


_PLANNED = {
    "retain": "kept as it is",
    "normalize": "kept, and copied to a lasting format",
    "leave-out": "left out",
    "ask": "asked about",
    "reject": "not taken",
}


def _planned(actions: dict[str, int]) -> str:
    """Return what would be done with how many files."""
    named = [f"{number:,} {_PLANNED.get(action, action)}" for action, number in sorted(actions.items())]
    return f"; {', '.join(named)}" if named else ""


class _ForPeople(logging.Formatter):
    """Formats a record as one sentence; tracebacks are in the Prefect UI's log only."""

    def format(self, record: logging.LogRecord) -> str:
        return f"muniment: {record.getMessage()}"


def log_to_stderr() -> None:
    """Write the log to stderr too, for the user who waits."""
    from flows.installation.log import LOG

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ForPeople())
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
