"""What the judgement says of a further version: what it lacks, and whether it is the same object at all."""

from collections.abc import Iterable, Iterator
from itertools import islice

from preservation.model.amounts import count
from preservation.model.difference import ChangeKind, FileChange, VersionDifference
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.planning import codes
from preservation.policy.versions import RemovedAction, VersionAction, Versions

_NAMED = 3

_SEVERITY = {
    VersionAction.KEEP: Severity.WARNING,
    VersionAction.ASK: Severity.QUESTION,
    VersionAction.REJECT: Severity.ERROR,
}
_OF_REMOVED = {
    RemovedAction.KEEP: Severity.WARNING,
    RemovedAction.ASK: Severity.QUESTION,
    RemovedAction.REJECT: Severity.ERROR,
    RemovedAction.COMPLETE: Severity.QUESTION,
}
_RANK = {severity: rank for rank, severity in enumerate(Severity)}

_ABOUT_REMOVED = {
    RemovedAction.KEEP: "If that is not meant, drop it again with all files: the earlier version has them.",
    RemovedAction.ASK: "Is that meant? Then have the drop approved. Else drop it again with all files.",
    RemovedAction.REJECT: "Put these files into the drop, and drop it again.",
    RemovedAction.COMPLETE: "A bag, a single file and a drop with links are not completed. Is it meant to "
    "lack them? Then have the drop approved. Else drop a folder.",
}
_ABOUT_UNRELATED = {
    VersionAction.KEEP: "If it is another object, drop it again under a name of its own.",
    VersionAction.ASK: "Is it the same object? Then have the drop approved. Else drop it again under a name "
    "of its own.",
    VersionAction.REJECT: "Drop it again under a name of its own.",
}


def issues_of_version(
    difference: VersionDifference, changes: Iterable[FileChange], versions: Versions
) -> Iterator[Issue]:
    """Yield what ``versions`` of the policy makes of a difference.

    Where nothing is in common, that originals were removed is an issue only if it is the graver one.
    """
    removed = _OF_REMOVED[versions.removed]
    if difference.is_unrelated:
        unrelated = _SEVERITY[versions.unrelated]
        yield Issue(
            codes.UNRELATED_VERSION,
            unrelated,
            f"The drop has nothing in common with {difference.before}, which is kept under its name: none of "
            f"{count(difference.originals, 'file')}, by content or by name.",
            None,
            _ABOUT_UNRELATED[versions.unrelated],
        )
        if _RANK[removed] <= _RANK[unrelated]:
            return
    if difference.removed:
        yield Issue(
            codes.REMOVED_FILES,
            removed,
            f"{difference.before} has {count(difference.removed, 'file')} that the drop does not have: "
            f"{_names(difference.removed, changes)}.",
            None,
            _ABOUT_REMOVED[versions.removed],
        )


def _names(number: int, changes: Iterable[FileChange]) -> str:
    removed = (one for one in changes if one.kind is ChangeKind.REMOVED)
    named = ", ".join(printable(one.path) for one in islice(removed, _NAMED))
    return named if number <= _NAMED else f"{named} and {number - _NAMED:,} more"
