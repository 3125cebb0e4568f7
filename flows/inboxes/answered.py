"""Drops that were answered: a run for them, started again in Prefect, ends as the one before."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.takes import take_holding
from flows.installation.wiring import Installation
from flows.submission.answer import FOR_GOOD, SubmissionResult, interrupted
from flows.submission.drop import DropRequest
from flows.submission.workspace import Ending, Workspace, workspace_root

Attempts: TypeAlias = Sequence[tuple[datetime, datetime]]
"""From when to when a run ran before."""


def answered_before(
    drop: DropRequest, installation: Installation, attempts: Attempts
) -> SubmissionResult | None:
    """Return how a drop was answered; ``None`` where it is to be preserved now.

    An answered drop does not lie where the run looks for it. ``attempts`` are those of the same run before
    this one. Where a drop was not taken, another one may have lain at its place: only what ended in the midst
    of an attempt is an end of that run.

    Raises what ``object_id`` of the drop raises, ``StorageError`` where the database does not answer.
    """
    if drop.taken:
        take = take_holding(drop.path)
        if take is not None and take.has_drop and not is_answered(take):
            return None
    elif not attempts or os.path.lexists(drop.path) or _is_on_its_way(drop, installation):
        return None
    history = installation.catalogue.history(drop.object_id)
    ends = [
        end
        for end in history.conclusions
        if end.submission.drop == drop.path
        and end.verdict in FOR_GOOD
        and (drop.taken or any(began <= end.concluded_at <= ended for began, ended in attempts))
    ]
    if ends:
        last = max(ends, key=lambda end: end.concluded_at)
        packages = (
            kept.package for kept in history.registrations if kept.submission == last.submission.identifier
        )
        ending = Ending(last.verdict, last.summary, last.concluded_at, package=next(packages, None))
        return SubmissionResult(str(drop), ending, receipt=last.receipt)
    if not drop.taken:
        return None
    return interrupted(
        drop,
        "It was taken from its inbox, is not in processing/ any more, and no answer to it is recorded: it "
        "was moved away by hand. This run can do nothing for it; drop it again in its inbox.",
    )


def _is_on_its_way(drop: DropRequest, installation: Installation) -> bool:
    """Return whether a submission of the drop is in ``processing/``: an answer is then to an earlier one."""
    workspace = Workspace(workspace_root(installation.settings.processing, drop.object_id))
    return any(claimed.submission.drop == drop.path for claimed in workspace.claim.so_far)
