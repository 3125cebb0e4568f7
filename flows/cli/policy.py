"""``muniment policy``: check policy files, and explain their decisions."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import JsonOption
from flows.cli.output import note, say, say_json
from preservation.model.paths import RelativePath, printable, relative_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preservation.model.decisions import Migration
    from preservation.model.files import SurveyedFile
    from preservation.policy.explanation import Explanation
    from preservation.policy.schema import Policy
    from preservation.survey.walk import FoundFile

_BATCH = 256
"""Files identified at a time: enough for every core, few enough that the first answer comes soon."""


VERBS = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Check policy files, and explain what they would do."
)


@VERBS.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files.")],
    json: JsonOption = False,
) -> None:
    """Read policy files and report every fault in them, each with its line.

    A warning names PUIDs that PRONOM never gave. Ends with 0 where all are sound, with 2 where one is not.

    Example: muniment policy check policies/*.toml
    """
    from preservation.errors import ConfigurationError
    from preservation.identification.pronom import doubts_about
    from preservation.policy.load import load

    sound = True
    for file in files:
        try:
            policy = load(file)
        except ConfigurationError as error:
            sound = False
            if json:
                say_json({"path": str(file), "sound": False, "faults": error.faults})
            else:
                say(str(error))
            continue
        reference = policy.reference
        warnings = list(doubts_about(_puids_in(policy)))
        if json:
            fields = {"policy": reference.name, "revision": reference.revision, "digest": reference.digest}
            say_json({"path": str(file), "sound": True, "faults": [], "warnings": warnings, **fields})
        else:
            say(f"the policy {file} is sound: {reference}")
            for warning in warnings:
                say(f"  WARNING: {warning}")
    if not sound:
        raise typer.Exit(ConfigurationError.exit_code)


@VERBS.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders as drops.")],
    json: JsonOption = False,
    why_not: Annotated[
        bool, typer.Option("--why-not", help="Show for every other rule, too, why it does not take the file.")
    ] = False,
) -> None:
    """Show for each file which rule takes it, why, and what would happen. Nothing is changed.

    A folder stands for a drop: patterns are compared with the paths below it. Ends with 6 where one of the
    paths does not exist.

    Example: muniment policy explain policies/digitized-images.toml ~/scans/sheet-012
    """
    from preservation.errors import NotFoundError
    from preservation.policy.explanation import explain as explained
    from preservation.policy.explanation import of_drops
    from preservation.policy.load import load

    policy = load(file)
    missing = 0
    for path in paths:
        if not path.exists():
            note(f"{printable(str(path))}: there is nothing here; check the spelling")
            missing += 1
            continue
        for found in _identified(policy, path):
            if json:
                _say_json(policy, found, explained(policy, found))
            else:
                _say(policy, found, explained(policy, found), why_not=why_not)
            if path.is_file() and not json and _would_be_unpacked(policy, path):
                say("  Dropped by itself it would be unpacked: what is in it is kept, not the archive.")
    for sentence in () if json else of_drops(policy):
        say(sentence)
    if missing:
        raise NotFoundError(f"nothing is at {missing} of {len(paths)} paths, named above")


@VERBS.command()
def schema() -> None:
    """Write the JSON Schema of policy files to stdout, for editors that complete and check TOML.

    Example: muniment policy schema > policies/policy.schema.json
    """
    from preservation.policy.json_schema import json_schema_text

    say(json_schema_text().rstrip("\n"))


def _puids_in(policy: Policy) -> Iterator[str]:
    """Yield every PUID that the policy names."""
    import tomllib

    from preservation.model.formats import puid

    values: list[object] = [tomllib.loads(policy.source.decode())]
    while values:
        match values.pop():
            case dict() as table:
                values += table.values()
            case [*items]:
                values += items
            case str() as text:
                with suppress(ValueError):
                    yield puid(text)


def _identified(policy: Policy, path: Path) -> Iterator[SurveyedFile]:
    """Identify the file, or the files of the drop, at ``path``. Without digests: rules do not need them."""
    from preservation.identification.caged import CagedIdentifier, identifying_workers
    from preservation.model.files import SurveyedFile
    from preservation.tools.limits import Limits

    # The path is the user's, links and all; below it none is followed.
    root = (path if path.is_dir() else path.parent).resolve()
    files = _plain_files(root, None if path.is_dir() else relative_path(path.name))
    with identifying_workers(Limits(), len(os.sched_getaffinity(0)), [root.resolve()]) as workers:
        identifier = CagedIdentifier(workers, second_opinion=policy.terms.identification.second_opinion)
        while batch := list(islice(files, _BATCH)):
            (identifications,) = identifier.identify(root, [batch])
            for file, identification in zip(batch, identifications, strict=True):
                yield SurveyedFile(file.path, file.size, file.modified, {}, identification)


def _plain_files(root: Path, only: RelativePath | None) -> Iterator[FoundFile]:
    from preservation.survey.walk import FoundFile, walk

    for entry in walk(root, only):
        if isinstance(entry, FoundFile):
            yield entry
        else:
            note(f"{printable(entry.path)}: {entry.kind.value}; rules are for files only")


def _would_be_unpacked(policy: Policy, path: Path) -> bool:
    from preservation.archives.walking import archive_kind, kind_by_name
    from preservation.intake.recognise import as_unpacked

    kind = archive_kind(path) if kind_by_name(path.name) else None
    return kind is not None and as_unpacked(kind) in policy.terms.intake.unpack


def _examined(policy: Policy, file: SurveyedFile) -> str:
    from preservation.screening.examiners import unexamined

    reason = unexamined(policy, file.path, file.identification)
    return f"It would not be examined: {reason}." if reason else "It would be examined to its end."


def _say(policy: Policy, file: SurveyedFile, explanation: Explanation, *, why_not: bool) -> None:
    decision = explanation.decision
    say(f"{printable(file.path)}  ({file.identification.decided or '-'}, {file.identification.name})")
    say(f"  {decision.action} by rule {decision.rule}, because {explanation.reason}")
    say(f"    {decision.because}")
    say(f"    {explanation.would}")
    say(f"    {_examined(policy, file)}")
    for passed_over in explanation.passed_over if why_not else ():
        say(f"  not {passed_over.rule}: {passed_over.reason}")


def _say_json(policy: Policy, file: SurveyedFile, explanation: Explanation) -> None:
    from preservation.screening.examiners import unexamined

    decision = explanation.decision
    say_json(
        {
            "path": printable(file.path),
            "size": file.size,
            "puid": file.identification.decided,
            "format": file.identification.name,
            "action": decision.action,
            "rule": decision.rule,
            "because": decision.because,
            "reason": explanation.reason,
            "would": explanation.would,
            "unexamined": unexamined(policy, file.path, file.identification),
            "normalize": _migration_fields(decision.normalize),
            "prove": decision.prove,
            "accept_loss": decision.accept_loss,
            "access": _migration_fields(decision.access),
            "passed_over": explanation.passed_over,
        }
    )


def _migration_fields(migration: Migration | None) -> dict[str, object] | None:
    return None if migration is None else {"migration": migration.name, **migration.options}
