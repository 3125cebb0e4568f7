"""``muniment policy``: check policy files, and explain their decisions."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import JsonOption
from flows.cli.output import note, say, say_issues, say_json
from preservation.model.amounts import count
from preservation.model.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.submission.dry_run import DryRunResult
    from flows.submission.workspace import Workspace
    from preservation.model.decisions import Migration
    from preservation.model.files import SurveyedFile
    from preservation.model.issues import Issue
    from preservation.policy.explanation import Explanation
    from preservation.policy.schema import Policy

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
            remarks = f", with {count(len(warnings), 'warning')}" if warnings else ""
            say(f"the policy {file} is sound{remarks}: {reference}")
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

    Each path stands for a drop, and is surveyed, screened and judged as `preserve` does it, as in an
    installation that holds nothing yet. Ends with 6 where one of the paths does not exist.

    Example: muniment policy explain policies/digitized-images.toml ~/scans/sheet-012
    """
    from flows.installation.throwaway import throwaway_installation
    from flows.submission.drop import DropRequest, name_tried
    from flows.submission.dry_run import dry_run_in
    from preservation.errors import NotFoundError
    from preservation.policy.explanation import of_drops
    from preservation.policy.load import load

    policy = load(file)
    there = [path for path in paths if path.exists()]
    for path in paths:
        if path not in there:
            note(f"{printable(str(path))}: there is nothing here; check the spelling")
    # The path is the user's, links and all; below it none is followed.
    places = [path.resolve() for path in there]
    with throwaway_installation(policy.source, tuple(places), policy.schemas) as opened:
        for path, place in zip(there, places, strict=True):
            drop = DropRequest(place, "explained", name_tried(place))
            with dry_run_in(drop, opened, opened.settings.directory) as (would, workspace):
                _say_drop(policy, path, would, workspace, json=json, why_not=why_not)
    for sentence in () if json else of_drops(policy):
        say(sentence)
    if len(there) < len(paths):
        raise NotFoundError(f"nothing is at {len(paths) - len(there)} of {len(paths)} paths, named above")


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


def _say_drop(
    policy: Policy, path: Path, would: DryRunResult, workspace: Workspace, *, json: bool, why_not: bool
) -> None:
    from flows.submission.workspace import only
    from preservation.model.files import SurveyedFile
    from preservation.policy.explanation import explain as explained

    for dossier in workspace.dossiers:
        found = dossier.found
        if not isinstance(found, SurveyedFile):
            note(f"{printable(found.path)}: {found.kind.value}; rules are for files only")
            continue
        issues = dossier.screened.issues if dossier.screened is not None else ()
        explanation = explained(policy, found)
        if json:
            _say_json(policy, found, explanation, issues)
        else:
            _say(policy, found, explanation, issues, why_not=why_not)
    if json:
        fields = {"verdict": would.verdict, "sentence": would.sentence, "issues": would.issues}
        say_json({"line": "drop", "drop": printable(str(path)), **fields})
        return
    say(f"The drop {printable(str(path))} would be {would.verdict.upper()}: {would.sentence}")
    if path.is_file() and workspace.received.exist and only(workspace.received).archive is not None:
        say("It would be unpacked: what is in it is kept, not the archive.")


def _would(explanation: Explanation, issues: Sequence[Issue]) -> str:
    """Return what would become of a file: of one that a screen holds back, not what the rule alone says."""
    from preservation.model.issues import Severity

    for severity, consequence in (
        (Severity.ERROR, "The whole drop would be rejected"),
        (Severity.QUESTION, "The drop would wait until an archivist has decided"),
    ):
        found = next((issue for issue in issues if issue.severity is severity), None)
        if found is not None:
            return f"{consequence}: {found.message}"
    return explanation.would


def _examined(policy: Policy, file: SurveyedFile) -> str:
    from preservation.rasters.families import family_of
    from preservation.screening.examiners import unexamined
    from preservation.screening.supplied_xml import schemas_for

    reason = unexamined(policy, file.path, file.identification)
    schemas = schemas_for(policy, file.path)
    if schemas and family_of(file.path, file.identification) is None:
        return f"It was held against {printable(' and '.join(schemas))}, and nothing else of it was examined."
    return f"It was not examined: {reason}." if reason else "It was examined to its end."


def _say(
    policy: Policy, file: SurveyedFile, explanation: Explanation, issues: Sequence[Issue], *, why_not: bool
) -> None:
    decision = explanation.decision
    say(f"{printable(file.path)}  ({file.identification.decided or '-'}, {file.identification.name})")
    say(f"  {decision.action} by rule {decision.rule}, because {explanation.reason}")
    say(f"    {decision.because}")
    say(f"    {_would(explanation, issues)}")
    say(f"    {_examined(policy, file)}")
    say_issues(issues, "--json has all of them")
    for passed_over in explanation.passed_over if why_not else ():
        say(f"  not {passed_over.rule}: {passed_over.reason}")


def _say_json(policy: Policy, file: SurveyedFile, explanation: Explanation, issues: Sequence[Issue]) -> None:
    from preservation.screening.examiners import unexamined

    decision = explanation.decision
    say_json(
        {
            "line": "file",
            "path": printable(file.path),
            "size": file.size,
            "puid": file.identification.decided,
            "format": file.identification.name,
            "action": decision.action,
            "rule": decision.rule,
            "because": decision.because,
            "reason": explanation.reason,
            "would": _would(explanation, issues),
            "issues": issues,
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
