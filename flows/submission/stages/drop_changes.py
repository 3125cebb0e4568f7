"""Whether the drop changed since the survey, or is gone: by names, sizes and times; no byte is read."""

import os
import stat
from collections.abc import Iterable, Iterator
from typing import TypeVar

from flows.submission.drop import tree_of
from flows.submission.workspace import Workspace, only
from preservation.errors import NotFoundError, UnavailableError
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from storage.replication.outcomes import SOURCE_CHANGED


def has_changed(workspace: Workspace) -> bool:
    """Return whether a file of the drop came, went or was written to since the submission began."""
    claimed = only(workspace.claim)
    try:
        return tree_of(claimed.submission.drop) != claimed.tree
    except NotFoundError:
        return True


_Found = TypeVar("_Found")


def while_there(workspace: Workspace, found: Iterable[_Found]) -> Iterator[_Found]:
    """Yield what is found in the drop; at its end, raise what ``require_drop`` raises."""
    yield from found
    require_drop(workspace)


def require_drop(workspace: Workspace) -> None:
    """Raise ``UnavailableError`` where nothing is left of the drop, as when its disk is gone.

    What was found since then is not a finding about content. An empty folder remains where a disk was
    mounted.
    """
    claimed = only(workspace.claim)
    drop = claimed.submission.drop
    try:
        if not stat.S_ISDIR(drop.lstat().st_mode):
            return
        with os.scandir(drop) as entries:
            if next(entries, None) is not None or tree_of(drop) == claimed.tree:
                return
        reason = "it is empty now"
    except OSError as error:
        reason = error.strerror or str(error)
    raise UnavailableError(
        f"the drop {printable(os.fspath(drop))} is gone ({reason}): mount its disk again, "
        "or put the drop back as it was"
    )


def changed_since_survey(severity: Severity = Severity.ERROR) -> Issue:
    """Return the issue of a drop that was changed while it was being preserved."""
    return Issue(
        SOURCE_CHANGED,
        severity,
        "The drop was changed while it was being preserved: files came, went or were written to.",
        None,
        "Wait until nothing writes to it any more, then drop it again.",
    )
