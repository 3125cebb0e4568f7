"""The part of ``muniment adopt`` for packages that another installation wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from flows.adoption.adopt import LeftToAdopt
    from flows.adoption.package_outcomes import PackageOutcome
    from flows.adoption.package_plan import PackagePlan, PlannedPackage, RefusedPackage
    from flows.installation.settings import Settings
    from preservation.model.identifiers import CollectionName, StoreName

_REFUSED = 3
_LEFT = 6
_SHOWN = 20


def adopt_packages_at(
    place: str,
    own: StoreName | None,
    collection: CollectionName | None,
    journal: Path | None,
    settings: Settings,
    *,
    budget: int | None,
    dry_run: bool,
    json: bool,
) -> set[int]:
    """Adopt the packages at a place, ``own`` where it is a store of ours; return the exit codes it means."""
    from flows.adoption.adopt_packages import adopt_packages
    from flows.adoption.former_store import opened_former_store
    from flows.adoption.package_in_place import require_own_journal
    from flows.adoption.package_plan import plan_packages
    from flows.adoption.package_progress import PackageProgress
    from flows.archive.progress_line import shown
    from flows.installation.scratch import scratch_folder
    from flows.installation.wiring import open_installation
    from preservation.errors import ConfigurationError

    if collection is not None and (fault := settings.refusal_of(collection)):
        raise ConfigurationError(fault)
    with (
        scratch_folder(settings.state, "adopting") as scratch,
        open_installation(settings) as installation,
    ):
        if own is None:
            source = opened_former_store(Path(place).resolve(), settings)
        else:
            source = next(store for store in installation.stores if store.name == own)
            require_own_journal(source, installation)
        plan = plan_packages(source, own, installation, scratch, collection, journal)
        codes = _say_plan(plan, whole=dry_run or json, dry_run=dry_run, json=json)
        if dry_run or not plan.packages:
            return codes
        progress = PackageProgress(plan)
        with shown(progress.line, note):
            for outcome in adopt_packages(plan, installation, scratch, progress, budget):
                codes.add(_say_outcome(outcome, json=json))
    return codes


def _say_plan(plan: PackagePlan, *, whole: bool, dry_run: bool, json: bool) -> set[int]:
    from flows.adoption.package_plan import RefusedPackage
    from preservation.model.amounts import byte_size, count

    codes = {0}
    shown = hidden = 0
    for entry in plan.entries:
        if isinstance(entry, RefusedPackage):
            _say_refused(entry, dry_run=dry_run, json=json)
            codes.add(_REFUSED)
        elif whole or shown < _SHOWN:
            shown += 1
            _say_planned(entry, dry_run=dry_run, json=json)
        else:
            hidden += 1
    if hidden:
        say(f"and {hidden:,} more: --dry-run shows all")
    where = "recorded in place" if plan.own is not None else "copied"
    if json:
        fields = {"packages": plan.packages, "files": plan.files, "bytes": plan.bytes, "becomes": where}
        more = {"kept_before": plan.kept, "refused": plan.refused, "journal": plan.journal.sentence}
        say_json({"what": "plan", **fields, **more, "dry_run": dry_run})
    else:
        size = f"{count(plan.files, 'file')}, {byte_size(plan.bytes)}"
        say(
            f"Plan: {count(plan.packages, 'package')}, {size} to be {where}; {plan.kept:,} kept here "
            f"already, {plan.refused:,} refused"
        )
        say(f"Their former journal: {plan.journal.sentence}.")
    return codes


def _say_planned(entry: PlannedPackage, *, dry_run: bool, json: bool) -> None:
    from preservation.model.amounts import byte_size, count
    from preservation.model.paths import printable

    name = printable(str(entry.package))
    if json:
        fields = {"package": name, "files": entry.files, "bytes": entry.bytes, "kept_before": entry.is_kept}
        say_json({"what": "package", **fields, "dry_run": dry_run})
    else:
        word = "before " if entry.is_kept else "package"
        say(f"{word}  {name}: {count(entry.files, 'file')}, {byte_size(entry.bytes)}")


def _say_refused(entry: RefusedPackage, *, dry_run: bool, json: bool) -> None:
    from preservation.model.paths import printable

    name = printable(str(entry.package))
    if json:
        say_json({"what": "refused", "package": name, "sentence": entry.sentence, "dry_run": dry_run})
    else:
        say(f"REFUSED  {name}\n  {entry.sentence}")


def _say_outcome(outcome: PackageOutcome, *, json: bool) -> int:
    from flows.adoption.adopt import LeftToAdopt
    from flows.adoption.package_outcomes import AdoptedPackage, InterruptedPackage
    from preservation.model.paths import printable

    if isinstance(outcome, LeftToAdopt):
        return say_later(outcome, json=json)
    name = printable(str(outcome.package))
    if isinstance(outcome, AdoptedPackage):
        verdict, stores, sentence = "adopted", list(outcome.stores), outcome.lacking
        code = _LEFT if outcome.is_short else 0
    elif isinstance(outcome, InterruptedPackage):
        verdict, stores, sentence, code = "interrupted", [], outcome.sentence, _LEFT
    else:
        verdict, stores, sentence, code = "refused", [], outcome.sentence, _REFUSED
    if json:
        fields = {"package": name, "verdict": verdict, "stores": stores, "sentence": sentence}
        say_json({"what": "result", **fields})
    else:
        say(f"{verdict.upper()}  {name}")
        if stores:
            say(f"  read back from {' and '.join(stores)}")
        if sentence:
            say(f"  {sentence}")
    return code


def say_later(left: LeftToAdopt, *, json: bool) -> int:
    """Say what is left for the next run, and return the exit code that it means."""
    if json:
        fields = {"objects": left.objects, "bytes": left.bytes, "sentence": left.sentence}
        say_json({"what": "later", **fields})
    else:
        say(f"LEFT  {left.sentence}.")
    return _LEFT
