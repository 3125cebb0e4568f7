"""``muniment adopt``: old holdings come along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import GRAVEST_FIRST, note, say, say_issues, say_json

if TYPE_CHECKING:
    from flows.adoption.adopt import AdoptionOutcome, AdoptionResult
    from flows.adoption.candidates import LeftOut
    from flows.adoption.plan import AdoptionPlan, PlannedObject, PlanTotals
    from flows.adoption.request import AdoptionRequest
    from flows.installation.settings import Settings

_REJECTED = 3
_SHOWN = 20


def adopt(  # noqa: PLR0913, PLR0917  the options of the verb
    place: Annotated[
        str, typer.Argument(metavar="FOLDER|BUCKET", help="Where the old holding lies; s3://bucket/prefix.")
    ],
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="The collection it is for; packages have their own.")
    ] = "",
    one: Annotated[bool, typer.Option("--one", help="Take the folder as one object.")] = False,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="With --one: the object's name.")] = "",
    budget: Annotated[str | None, typer.Option(metavar="SIZE", help='Take at most that: "500 GB".')] = None,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the journal of packages lies, if not among them."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan; read no payload, keep nothing.")
    ] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Adopt an old holding, which is read and never changed: folders, bags, packages of another Muniment.

    Each folder in FOLDER becomes an object, and each bag, also further down. First comes the plan, then each
    goes the way of a drop. A bag is held against its own manifests; of what never had any, the receipt,
    PREMIS and the journal state that its fixity was unknown before. A damaged bag is not adopted; the others
    are. Packages in the store of another installation are copied as they are; in a store of this one they
    are recorded where they lie, once every byte was read. Run again, it goes on where it was: what is kept
    and lies there unchanged is not read again.

    Exit codes: 0 all is kept, 3 something is refused, 6 something was interrupted, is left for the next
    run, or has fewer copies than its policy asks for, 7 something waits for a person, 8 as preserve; of
    several, the gravest.

    Example: muniment adopt /mnt/old-server/bags --collection images --budget "500 GB" --dry-run
    """
    from contextlib import closing

    from flows.adoption.bucket_place import bucket_holding
    from flows.adoption.former_store import is_bucket, is_store, own_store_at
    from flows.adoption.request import AdoptionRequest, folder_holding, named_collection
    from flows.cli.adopt_packages import adopt_packages_at
    from flows.cli.preserve import log_to_stderr
    from flows.installation.settings_file import load_settings
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import CollectionName
    from preservation.model.paths import printable
    from preservation.policy.fixity import size_in_bytes

    settings = load_settings(installation)
    log_to_stderr()
    most = size_in_bytes(budget) if budget else None
    own = own_store_at(place, settings)
    if own is not None or (not is_bucket(place) and is_store(Path(place)) and not one):
        codes = adopt_packages_at(
            place,
            own,
            CollectionName(collection) if collection else None,
            journal,
            settings,
            budget=most,
            dry_run=dry_run,
            json=json,
        )
    elif not collection or journal is not None:
        raise ConfigurationError(
            f"{printable(place)}: it is no store of Muniment; say which collection it is for: --collection "
            "NAME; --journal is for packages alone"
        )
    else:
        holding = (
            bucket_holding(place, settings, one=one or bool(name))
            if is_bucket(place)
            else folder_holding(Path(place), settings, one=one, name=name)
        )
        with closing(holding):
            request = AdoptionRequest(holding, named_collection(collection), most)
            codes = _adopt_holding(request, settings, dry_run=dry_run, json=json)
    raise typer.Exit(next(code for code in GRAVEST_FIRST if code in codes))


def _adopt_holding(request: AdoptionRequest, settings: Settings, *, dry_run: bool, json: bool) -> set[int]:
    from flows.adoption.adopt import let_go_ended
    from flows.adoption.plan import plan_adoption
    from flows.installation.scratch import scratch_folder
    from flows.installation.wiring import open_installation

    with scratch_folder(settings.state, "adopting") as scratch:
        with open_installation(settings) as opened:
            plan = plan_adoption(request, opened, scratch)
        codes = _say_plan(plan, whole=dry_run or json, dry_run=dry_run, json=json)
        if not dry_run:
            let_go_ended(plan, request)
        if not dry_run and plan.totals.objects:
            codes |= _adopt(plan, request, settings, json=json)
    return codes


def _adopt(plan: AdoptionPlan, request: AdoptionRequest, settings: Settings, *, json: bool) -> set[int]:
    from functools import partial

    from flows.adoption.adopt import AdoptionResult, adopt
    from flows.adoption.progress import AdoptionProgress, run_shown
    from flows.orchestration.drop_runs import drop_runs

    progress = AdoptionProgress(plan.totals, note, request.budget)
    codes = set()
    with drop_runs(settings) as runs:
        of = partial(runs.of, watched=partial(run_shown, settings, note))
        for outcome in adopt(plan, request, settings, of):
            codes.add(_say_outcome(outcome, json=json))
            if isinstance(outcome, AdoptionResult):
                progress.add(outcome)
    if not json:
        ended = ", ".join(f"{number:,} {verdict}" for verdict, number in sorted(progress.ended.items()))
        say(f"Of {plan.totals.objects:,}: {ended}.")
    return codes


def _say_plan(plan: AdoptionPlan, *, whole: bool, dry_run: bool, json: bool) -> set[int]:
    """Say what was found, and return the exit codes that it means; in part where not ``whole``."""
    codes = {0}
    for left in plan.left_out():
        _say_left(left, dry_run=dry_run, json=json)
        codes.add(_REJECTED if left.refused else 0)
    shown = hidden = 0
    for planned in plan.objects():
        if planned.before is not None:
            codes.add(planned.before.verdict.exit_code)
        # What was refused before is always said: it is not kept.
        if whole or shown < _SHOWN or (planned.before is not None and planned.before.verdict.exit_code):
            shown += 1
            _say_planned(planned, dry_run=dry_run, json=json)
        else:
            hidden += 1
    if hidden:
        say(f"and {hidden:,} more: --dry-run shows all")
    _say_totals(plan.totals, dry_run=dry_run, json=json)
    return codes


def _say_left(left: LeftOut, *, dry_run: bool, json: bool) -> None:
    if json:
        fields = {"place": left.place, "sentence": left.sentence, "refused": left.refused}
        say_json({"what": "left", **fields, "dry_run": dry_run})
    else:
        say(f"{'REFUSED' if left.refused else 'left'}  {left.place}\n  {left.sentence}")


def _say_planned(planned: PlannedObject, *, dry_run: bool, json: bool) -> None:
    from preservation.model.amounts import byte_size, count
    from preservation.model.paths import printable
    from preservation.model.verdicts import Verdict

    candidate, before = planned.candidate, planned.before
    name = printable(str(planned.object_id))
    if json:
        say_json(
            {
                "what": "object",
                "object": name,
                "place": candidate.place,
                "kind": candidate.kind.value,
                "files": candidate.files,
                "bytes": candidate.bytes,
                "before": None if before is None else before.verdict.value,
                "sentence": "" if before is None else before.sentence,
                "kept_version": planned.latest,
                "dry_run": dry_run,
            }
        )
        return
    size = f"{count(candidate.files, 'file')}, {byte_size(candidate.bytes)}"
    if before is None:
        kept = f"; v{planned.latest} of that name is kept here" if planned.latest is not None else ""
        say(f"object  {name}: {candidate.described}, {size}{kept}")
    elif before.package is not None:
        say(f"before  {name}: kept as v{before.package.version} on {before.at:%Y-%m-%d}; not read again")
    elif before.verdict is Verdict.WAITING:
        say(f"WAITING  {name}, unchanged since {before.at:%Y-%m-%d}\n  {before.sentence}")
    else:
        say(f"REFUSED BEFORE  {name}, unchanged since {before.at:%Y-%m-%d}\n  {before.sentence}")


def _say_totals(totals: PlanTotals, *, dry_run: bool, json: bool) -> None:
    from flows.archive.progress_line import in_words
    from preservation.model.amounts import byte_size, count

    if json:
        say_json(
            {
                "what": "plan",
                "objects": totals.objects,
                "files": totals.files,
                "bytes": totals.bytes,
                "kept_before": totals.kept,
                "refused_before": totals.refused,
                "waiting_before": totals.waiting,
                "left": totals.left,
                "stores": list(totals.stores),
                "seconds": totals.seconds,
                "space": totals.space,
                "dry_run": dry_run,
            }
        )
        return
    say(
        f"Plan: {count(totals.objects, 'object')}, {count(totals.files, 'file')}, {byte_size(totals.bytes)} "
        f"to be kept in each of {', '.join(totals.stores)}; {totals.kept:,} kept before, "
        f"{totals.refused:,} refused before, {totals.waiting:,} waiting, {totals.left:,} left where they are"
    )
    if totals.objects and totals.seconds is None:
        say("How long it takes is not known: nothing was preserved here yet; a first slice shows it.")
    elif totals.objects:
        say(f"About {in_words(totals.seconds or 0)}, at the pace of what was preserved here last.")
    if totals.space:
        say(f"NOT ENOUGH SPACE  {totals.space}")


def _say_outcome(outcome: AdoptionOutcome, *, json: bool) -> int:
    """Say how one object ended, and return the exit code that it means."""
    from flows.adoption.adopt import AdoptionResult, LeftToAdopt
    from flows.cli.adopt_packages import say_later

    if isinstance(outcome, AdoptionResult):
        return _say_result(outcome, json=json)
    if isinstance(outcome, LeftToAdopt):
        return say_later(outcome, json=json)
    note(f"muniment: {outcome.sentence}")
    return outcome.exit_code


def _say_result(one: AdoptionResult, *, json: bool) -> int:
    from flows.cli.preserve import exit_code_of

    result, ending = one.result, one.result.ending
    if json:
        say_json(
            {
                "what": "result",
                "object": result.object,
                "place": one.planned.candidate.place,
                "object_version": ending.package.version if ending.package else None,
                "verdict": ending.verdict,
                "sentence": ending.sentence,
                "files": ending.files,
                "bytes": ending.bytes,
                "issues": result.issues,
                "receipt": result.receipt,
            }
        )
    else:
        say(f"{ending.verdict.value.upper()}  {result.object}\n  {ending.sentence}")
        if ending.verdict.exit_code:
            say_issues(result.issues, "see the receipt")
    return exit_code_of(result)
