"""Claiming: taking an object in hand for a drop, going on where an earlier run was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.inboxes.queue.takes import take_holding
from flows.installation.disk_space import require_room_for_work, require_room_in_stores
from flows.installation.wiring import Installation, now
from flows.submission.answer import answer, discard
from flows.submission.drop import DropRequest, outline_of
from flows.submission.stages.drop_changes import require_drop
from flows.submission.stages.register import REGISTER
from flows.submission.stages.stage import end
from flows.submission.workspace import Approval, Workspace, in_hand, only
from preservation.errors import NotFoundError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import ObjectId
from preservation.model.issues import Issue, Severity
from preservation.model.verdicts import Verdict
from preservation.policy.schema import Policy
from preservation.survey.walk import TreeOutline
from storage.replication.outcomes import SOURCE_CHANGED


@contextmanager
def claim(drop: DropRequest, installation: Installation) -> Iterator[Workspace]:
    """Take the drop's object in hand for as long as the context lasts.

    Goes on with what an earlier run left, where the drop and the policy are what they were; else
    begins anew, after what that run had left in the stores was taken away.
    Raises ``ConfigurationError`` for names and policies that cannot be, ``NotFoundError`` where the
    drop is gone, ``UnavailableError`` where another run has the object in hand or nothing is left of a drop
    that is on its way, ``StoreFullError`` where it can be seen now that the drop cannot fit.
    """
    object_id = drop.object_id
    policy = installation.policy_of(object_id.collection)
    found = outline_of(drop.path)
    with in_hand(installation.settings.processing, object_id) as workspace:
        if not _goes_on(workspace, drop, found.signature, policy.reference.digest):
            # What was done is not given up for the empty mount point of a drop whose disk is away.
            if any(claimed.submission.drop == drop.path for claimed in workspace.claim.so_far):
                require_drop(workspace)
            _settle(workspace, installation)
            _require_room(object_id, found, policy, installation)
            workspace.start(object_id, drop.path, found, policy, now())
        elif _ended_for_now(workspace):
            _take_answer(drop, workspace)
            workspace.reopen()
        if not workspace.has_ended and not _is_as_taken(drop, found):
            _send_back(workspace)
        yield workspace


def _is_as_taken(drop: DropRequest, found: TreeOutline) -> bool:
    """Say whether a drop from an inbox is what was taken; of any other nothing is known."""
    taken = take_holding(drop.path) if drop.taken else None
    return taken is None or found.signature == taken.tree


def _send_back(workspace: Workspace) -> None:
    changed = Issue(
        SOURCE_CHANGED,
        Severity.ERROR,
        "The drop was changed after it was taken from its inbox: somebody still wrote to it.",
        None,
        "Wait until nobody writes to it any more, then drop it again.",
    )
    end(workspace, Verdict.REJECTED, f"{changed.message} {changed.next_step}", issues=(changed,))


def _require_room(
    object_id: ObjectId, found: TreeOutline, policy: Policy, installation: Installation
) -> None:
    """Ask for room before a byte is read. A further version may need next to none: that shows later."""
    require_room_for_work(found, installation.settings)
    if installation.catalogue.latest(object_id) is None:
        require_room_in_stores(found, policy, installation.settings)


def _take_answer(drop: DropRequest, workspace: Workspace) -> None:
    """Note a person's answer, where something was asked: what nobody has asked cannot be approved."""
    if drop.because and only(workspace.ending).verdict is Verdict.WAITING:
        workspace.approval.write([Approval(drop.approved_by, drop.because, now())])


def _goes_on(workspace: Workspace, drop: DropRequest, tree: HexDigest, policy: HexDigest) -> bool:
    return any(
        claimed.submission.drop == drop.path and claimed.tree == tree and claimed.policy == policy
        for claimed in workspace.claim.so_far
    )


def _ended_for_now(workspace: Workspace) -> bool:
    return any(ending.verdict in {Verdict.INTERRUPTED, Verdict.WAITING} for ending in workspace.ending.so_far)


def _settle(workspace: Workspace, installation: Installation) -> None:
    """Finish with an earlier submission of the object: answered if it was kept, forgotten if not."""
    if _is_registered(workspace, installation):
        REGISTER.run(workspace, installation)
        answer([workspace], installation)
    else:
        discard(workspace, installation)


def _is_registered(workspace: Workspace, installation: Installation) -> bool:
    for number in workspace.number.so_far:
        try:
            kept = installation.catalogue.package(number.package)
        except NotFoundError:
            return False
        return kept.submission == only(workspace.claim).submission.identifier
    return False
