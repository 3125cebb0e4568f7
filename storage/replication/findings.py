"""From what reading back showed to an outcome: which files, which side is at fault, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from preservation.errors import PreservationError, SourceChangedError
from preservation.fixity.checking import Unreadable
from preservation.model.identifiers import StoreName
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.packages import BagEntry, EarlierFile
from preservation.model.paths import BagPath, RelativePath, StoreKey, printable
from storage.readback import Missing, Reading
from storage.replication.outcomes import (
    EARLIER_FILE_LOST,
    LOST,
    NOT_WHAT_WAS_WRITTEN,
    SOURCE_CHANGED,
    STORE_FAILED,
    UNKNOWN_FILE,
    UNREADABLE,
    AtFault,
    Failed,
    Failure,
    Mismatch,
)
from storage.replication.plan_outline import PlanOutline

NAMED = 20
"""So many files are named one by one; of more, only the number is given."""

_PRESERVE_AGAIN = "See that nothing writes to the drop any more, then preserve it again."
_SUSPECT_STORE = "Check the store's disk or service, then preserve the drop again."


@dataclass(frozen=True, slots=True)
class Faults:
    """Files that did not read back as promised: how many, and the first of them."""

    count: int
    first: tuple[Reading, ...]


def outcome_of(faults: Faults, outline: PlanOutline, store: StoreName) -> Failure:
    """Compare the sources with what was surveyed, and return which side is at fault."""
    entries = _entries_of(faults, outline)
    changed = [entry for entry in entries.values() if not outline.is_as_surveyed(entry)]
    if changed:
        reasons = [f"{printable(entry.source.name)} changed after it was surveyed" for entry in changed]
        return Mismatch(
            store,
            reasons[0] + (f", and so did {len(changed) - 1} more" if len(changed) > 1 else ""),
            AtFault.SOURCE,
            tuple(
                _issue(SOURCE_CHANGED, f"{reason}.", _PRESERVE_AGAIN, entry.path)
                for entry, reason in zip(changed, reasons, strict=True)
            ),
        )
    issues = tuple(
        _store_issue(reading, entries[reading.promised.key].path, store) for reading in faults.first
    )
    reason = (
        f"store {store}: {_files(faults.count)} of {outline.plan.package} did not read back as planned, "
        f"the first is {printable(entries[faults.first[0].promised.key].path)}"
    )
    if all(isinstance(reading.verdict, Unreadable) for reading in faults.first):
        return Failed(store, reason, retryable=True, issues=issues)
    return Mismatch(store, reason, AtFault.STORE, issues)


def as_committed(outcome: Failure, outline: PlanOutline) -> Failure:
    """Return the outcome with what a committed version may be that is not the planned one."""
    if not isinstance(outcome, Mismatch) or outcome.at_fault is not AtFault.STORE:
        return outcome
    return replace(outcome, reason=f"{outcome.reason}; {outline.where_committed}")


def strangers_outcome(paths: Sequence[BagPath], outline: PlanOutline, store: StoreName) -> Mismatch:
    """Return the outcome where a store holds files below the package that are not planned."""
    return Mismatch(
        store,
        f"store {store}: below {outline.plan.package} there is what was not planned, {printable(paths[0])}"
        + (f" and {len(paths) - 1} more" if len(paths) > 1 else ""),
        AtFault.STORE,
        tuple(
            _issue(
                UNKNOWN_FILE,
                f"Store {store} holds {printable(path)}, which is not part of the package.",
                "Find out who put it there and take it away, then preserve the drop again.",
                path,
            )
            for path in paths[:NAMED]
        ),
    )


def absent_outcome(absent: Sequence[EarlierFile], outline: PlanOutline, store: StoreName) -> Failed:
    """Return the outcome where a store no longer has what the version relies on in earlier ones."""
    return Failed(
        store,
        f"store {store}: {_files(len(absent))} of earlier versions, on which {outline.plan.package} relies, "
        f"cannot be found there in the size that was kept, the first is {printable(absent[0].locator.key)}",
        retryable=False,
        issues=tuple(
            _issue(
                EARLIER_FILE_LOST,
                f"Store {store} no longer has {printable(file.locator.key)} as it was kept there.",
                "Find out what happened to the store and put the file back from another one, then "
                "preserve the drop again.",
                file.path,
            )
            for file in absent[:NAMED]
        ),
    )


def failure_of(error: PreservationError, store: StoreName) -> Failure:
    """Return the outcome where an error kept a store from doing its part."""
    if isinstance(error, SourceChangedError):
        issue = _issue(SOURCE_CHANGED, f"{error}.", _PRESERVE_AGAIN)
        return Mismatch(store, str(error), AtFault.SOURCE, (issue,))
    issue = _issue(STORE_FAILED, f"{error}.", _SUSPECT_STORE)
    return Failed(store, str(error), error.retryable, (issue,))


def _entries_of(faults: Faults, outline: PlanOutline) -> dict[StoreKey, BagEntry]:
    wanted = {reading.promised.key for reading in faults.first}
    return {outline.key(entry): entry for entry in outline.plan.entries if outline.key(entry) in wanted}


def _store_issue(reading: Reading, path: BagPath, store: StoreName) -> Issue:
    match reading.verdict:
        case Missing():
            return _issue(LOST, f"Store {store} has lost {printable(path)}.", _SUSPECT_STORE, path)
        case Unreadable(reason):
            message = f"Store {store} cannot read {printable(path)} back: {reason}."
            return _issue(UNREADABLE, message, _SUSPECT_STORE, path)
        case _:
            message = f"Store {store} gives back other bytes for {printable(path)} than were written."
            return _issue(NOT_WHAT_WAS_WRITTEN, message, _SUSPECT_STORE, path)


def _issue(code: IssueCode, message: str, next_step: str, path: BagPath | None = None) -> Issue:
    return Issue(code, Severity.ERROR, message, None if path is None else RelativePath(path), next_step)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
