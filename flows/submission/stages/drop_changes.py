"""Whether the drop changed since the survey, or is gone: by names, sizes and times; no byte is read."""

import os
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TypeVar

from flows.submission.drop import tree_of
from flows.submission.workspace import Workspace, only
from preservation.errors import NotFoundError, UnavailableError
from preservation.files.beneath import A_LINK_NOW, LIST_FOLDER, opened
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath, path_order, printable
from preservation.survey.walk import FoundFile, walk
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
        with opened(os.fspath(drop), LIST_FOLDER) as folder, os.scandir(folder) as entries:
            if next(entries, None) is not None or tree_of(drop) == claimed.tree:
                return
        reason = "it is empty now"
    except OSError as error:
        if error.errno in A_LINK_NOW:
            # It is one file, or was exchanged for a link; it is not gone.
            return
        reason = error.strerror or str(error)
    raise UnavailableError(
        f"the drop {printable(os.fspath(drop))} is gone ({reason}): mount its disk again, "
        "or put the drop back as it was"
    )


def changed_since_survey(workspace: Workspace, severity: Severity = Severity.ERROR) -> Issue:
    """Return the issue of a drop that was changed while it was being preserved, with the first such path."""
    path = _first_change(workspace)
    named = "" if path is None else f", first {printable(path)}"
    return Issue(
        SOURCE_CHANGED,
        severity,
        "The drop was changed while it was being preserved: files came, went, were written to, or are "
        f"links now{named}.",
        path,
        "Wait until nothing writes to it any more, then drop it again.",
    )


def _first_change(workspace: Workspace) -> RelativePath | None:
    """Return the first path that is not as it was surveyed; ``None`` where it is not in what was surveyed."""
    if not workspace.received.exist:
        return None
    received = only(workspace.received)
    try:
        for now, then in zip_longest(walk(received.payload_root, received.only), workspace.survey.so_far):
            if _look_of(now) != _look_of(then):
                return min((one.path for one in (now, then) if one is not None), key=path_order)
    except OSError:
        # The folder of all of it is none any more.
        return RelativePath(received.payload_root.name)
    return None


def _look_of(entry: FoundFile | SurveyedFile | IrregularEntry | None) -> tuple[object, ...]:
    """Return what a look at an entry shows, without reading it."""
    match entry:
        case FoundFile() | SurveyedFile():
            return entry.path, entry.size, entry.modified
        case IrregularEntry():
            return entry.path, entry.kind
        case None:
            return ()
