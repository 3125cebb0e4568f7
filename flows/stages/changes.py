"""Has the drop changed since it was surveyed? Asked of names, sizes and times; no byte is read for it."""

from __future__ import annotations

from flows.drops import tree_of
from flows.workspace import Workspace, only
from preservation.errors import NotFoundError
from preservation.model.issues import Issue, Severity
from storage.replication.outcomes import SOURCE_CHANGED


def has_changed(workspace: Workspace) -> bool:
    """Say whether a file of the drop came, went or was written to since the submission began."""
    claimed = only(workspace.claim)
    try:
        return tree_of(claimed.submission.drop) != claimed.tree
    except NotFoundError:
        return True


def changed_since_survey(severity: Severity = Severity.ERROR) -> Issue:
    """Return the issue of a drop that was not left in peace."""
    return Issue(
        SOURCE_CHANGED,
        severity,
        "The drop was changed while it was being preserved: files came, went or were written to.",
        None,
        "Wait until nobody writes to it any more, then drop it again.",
    )
