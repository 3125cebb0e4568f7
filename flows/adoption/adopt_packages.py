"""Adopting packages that another installation wrote: in place or copied, within a budget."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from flows.adoption.adopt import MOST_IN_A_ROW, LeftToAdopt
from flows.adoption.package_copy import copy_former_package
from flows.adoption.package_in_place import InPlace
from flows.adoption.package_outcomes import (
    AdoptedPackage,
    InterruptedPackage,
    PackageOutcome,
)
from flows.adoption.package_plan import PackagePlan, PlannedPackage, RefusedPackage
from flows.adoption.package_progress import PackageProgress
from flows.adoption.postponed import Postponed
from flows.archive.fill_request import Budget
from flows.archive.journal_seal import seal
from flows.installation.wiring import Installation
from flows.submission.workspace import busy_sentence, lock_of
from preservation.files.lock import locked
from preservation.model.identifiers import ObjectId, PackageId


def adopt_packages(
    plan: PackagePlan,
    installation: Installation,
    scratch: Path,
    progress: PackageProgress,
    budget: int | None = None,
) -> Iterator[PackageOutcome]:
    """Adopt what the plan has, and yield what became of each version; last what is left for the budget.

    An object is locked meanwhile, so that no submission of it gets a number in between. Where a version is
    not adopted, those after it are not either, for they may rely on it. After three objects in a row that the
    system stopped, the rest is left; the next run takes these three up last. Killed, it goes on where it was.
    """
    left = Budget(budget)
    in_place = (
        None if plan.own is None else InPlace(plan.source, plan.journal, installation, scratch, progress.read)
    )

    def adopted(package: PackageId) -> PackageOutcome:
        if in_place is not None:
            return in_place.adopt(package)
        return copy_former_package(package, plan.source, plan.journal, installation, progress.listen)

    postponed = Postponed(installation.settings.state)
    is_adopted, stopped = False, 0
    for versions in postponed.in_turn(_waiting(plan)):
        object_id = versions[0].package.object
        if stopped >= MOST_IN_A_ROW:
            for version in versions:
                left.leave(version.bytes)
            continue
        outcome: PackageOutcome | None = None
        for outcome in _of_object(object_id, versions, adopted, left, installation.settings.processing):
            is_adopted |= isinstance(outcome, AdoptedPackage)
            progress.end()
            yield outcome
        is_stopped = isinstance(outcome, InterruptedPackage)
        stopped = stopped + 1 if is_stopped else 0
        if outcome is not None:
            postponed.record(object_id, is_stopped=is_stopped)
    if left.left:
        yield LeftToAdopt(left.left, left.left_bytes, stopped=stopped >= MOST_IN_A_ROW)
    if is_adopted:
        seal(installation)


def _waiting(plan: PackagePlan) -> Iterator[tuple[ObjectId, list[PlannedPackage]]]:
    """Yield each object with the versions of it that are to be adopted."""
    waiting = (one for one in plan.entries if isinstance(one, PlannedPackage) and not one.is_kept)
    for object_id, versions in groupby(waiting, lambda one: one.package.object):
        yield object_id, list(versions)


def _of_object(
    object_id: ObjectId,
    versions: Iterable[PlannedPackage],
    adopted: Callable[[PackageId], PackageOutcome],
    budget: Budget,
    processing: Path,
) -> Iterator[PackageOutcome]:
    place = lock_of(processing, object_id)
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place, wait=False) as is_ours:
        before: PackageOutcome | None = None
        for planned in versions:
            package = planned.package
            if not is_ours:
                yield InterruptedPackage(package, busy_sentence(object_id))
            elif isinstance(before, RefusedPackage | InterruptedPackage):
                sentence = f"{package}: it may rely on {before.package}, which is not adopted"
                yield type(before)(package, sentence)
            elif budget.allows(planned.bytes):
                budget.spend(planned.bytes)
                before = adopted(package)
                yield before
