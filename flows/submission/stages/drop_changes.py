"""Has the drop changed since it was surveyed, or gone? Asked of names, sizes and times, reading no byte."""

from __future__ import annotations

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
    """Say whether a file of the drop came, went or was written to since the submission began."""
    claimed = only(workspace.claim)
    try:
        return tree_of(claimed.submission.drop) != claimed.tree
    except NotFoundError:
        return True


_Found = TypeVar("_Found")


def while_there(workspace: Workspace, found: Iterable[_Found]) -> Iterator[_Found]:
    """Give what is found in the drop; raise at its end what ``require_drop`` raises, so that none is kept."""
    yield from found
    require_drop(workspace)


def require_drop(workspace: Workspace) -> None:
    """Raise ``UnavailableError`` where nothing is left of the drop, as when its disk has gone.

    What was found in it since then is no finding about content. An empty folder is what stays where a
    disk was mounted.
    """
    claimed = only(workspace.claim)
    drop = claimed.submission.drop
    try:
        if not stat.S_ISDIR(drop.lstat().st_mode):
            return
        with os.scandir(drop) as entries:
            if next(entries, None) is not None or tree_of(drop) == claimed.tree:
                return
        reason = "there is nothing in it any more"
    except OSError as error:
        reason = error.strerror or str(error)
    raise UnavailableError(
        f"the drop {printable(os.fspath(drop))} is gone ({reason}): mount its disk again, "
        "or put the drop back as it was"
    )


def changed_since_survey(severity: Severity = Severity.ERROR) -> Issue:
    """Return the issue of a drop that was not left in peace."""
    return Issue(
        SOURCE_CHANGED,
        severity,
        "The drop was changed while it was being preserved: files came, went or were written to.",
        None,
        "Wait until nobody writes to it any more, then drop it again.",
    )
