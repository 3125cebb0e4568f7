"""The claim: locks an object for a drop, and resumes where an earlier run was stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flows.installation.disk_space import require_room_for_work, require_room_in_stores
from flows.installation.wiring import SOFTWARE, Installation, now
from flows.submission.answer import answer, discard
from flows.submission.drop import DropRequest, outline_of
from flows.submission.stages.drop_changes import require_drop
from flows.submission.stages.register import REGISTER
from flows.submission.stages.stage import end
from flows.submission.workspace import Approval, Workspace, locked_workspace, only
from preservation.errors import NotFoundError, UnavailableError
from preservation.files.beneath import without_links_above
from preservation.ingest_events import IngestEvents
from preservation.model.digests import HexDigest
from preservation.model.identifiers import ObjectId
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.policy.schema import Policy
from preservation.survey.walk import TreeOutline
from storage.ports.catalogue import Conclusion
from storage.replication.outcomes import SOURCE_CHANGED

_FOR_NOW = frozenset({Verdict.INTERRUPTED, Verdict.WAITING})


@dataclass(frozen=True, slots=True)
class TakenDrop:
    """What is known of a drop that was taken from its inbox: its signature then, and where it lay."""

    tree: HexDigest
    dropped_as: str


@contextmanager
def claim(
    drop: DropRequest, installation: Installation, taken: TakenDrop | None = None
) -> Iterator[Workspace]:
    """Lock the drop's object for as long as the context lasts, and yield its workspace.

    What an earlier run left is resumed where the drop and the policy are unchanged; else the submission
    begins anew, after what that run had left in the stores was removed.

    A drop that was ``taken`` from its inbox and changed since is rejected.

    Raises ``ConfigurationError`` where a name or the policy is invalid, ``NotFoundError`` where the drop is
    gone, ``UnavailableError`` where another run works on the object or a drop under way is gone, and
    ``StoreFullError`` where the drop cannot fit.
    """
    object_id = drop.object_id
    drop = replace(drop, path=without_links_above(drop.path))
    policy = installation.policy_of(object_id.collection)
    found = outline_of(drop.path)
    with locked_workspace(installation.settings.processing, object_id) as workspace:
        if not _continues(workspace, drop, found.signature, policy.reference.digest):
            # Earlier work is not discarded for the empty mount point of a drop whose disk is away.
            if any(claimed.submission.drop == drop.path for claimed in workspace.claim.so_far):
                require_drop(workspace)
            _settle(workspace, installation)
            _require_room(object_id, found, policy, installation)
            dropped_as = taken.dropped_as if taken else drop.adopted
            workspace.start(object_id, drop.path, found, policy, now(), dropped_as, adopted=drop.adopted)
            if drop.because and taken is not None and taken.tree == found.signature:
                _keep_approval(workspace, drop, installation)
        elif workspace.has_ended and only(workspace.ending).verdict in _FOR_NOW:
            ending = only(workspace.ending)
            if drop.because and ending.verdict is Verdict.WAITING:
                workspace.approval.write([Approval(drop.approved_by, drop.because, now(), ending.at)])
            workspace.reopen()
        if not workspace.has_ended and taken is not None and taken.tree != found.signature:
            _send_back(workspace)
        yield workspace


def _keep_approval(workspace: Workspace, drop: DropRequest, installation: Installation) -> None:
    """Record the approval of a drop that waited under this policy, where another drop had its folder since.

    One that never waited, or waited under another policy, is not approved: nobody was asked what it asks now.
    The submission that waited ends, for this one goes on in its place.
    """
    object_id = workspace.submission.object
    last = last_wait(drop.path, object_id, installation)
    if last is None:
        return
    ingest = IngestEvents(last.submission, SOFTWARE, now)
    governed = ingest.governed(workspace.policy.reference, "")
    is_approved = any(
        (entry.identifier, entry.detail) == (governed.identifier, governed.detail)
        for entry in installation.journal.about(str(object_id))
    )
    at, submission = now(), workspace.submission.identifier
    answered = f"approved by {printable(drop.approved_by)}" if is_approved else "its policy was changed"
    sentence = f"Another drop had its folder since; {answered}, it begins anew as submission {submission}."
    # Before the approval: a kill in between leaves one that asks again, and none that waits for ever.
    ended = ingest.ended(Verdict.INTERRUPTED, sentence, at)
    conclusion = Conclusion(last.submission, Verdict.INTERRUPTED, at, sentence, last.receipt)
    installation.catalogue.conclude(conclusion, (ended,))
    if is_approved:
        workspace.approval.write([Approval(drop.approved_by, drop.because, at, last.concluded_at)])


def last_wait(drop: Path, object_id: ObjectId, installation: Installation) -> Conclusion | None:
    """Return the end of the newest submission of the drop that waits, as far as the catalogue knows."""
    waited = (
        end
        for end in installation.catalogue.history(object_id).conclusions
        if end.submission.drop == drop and end.verdict is Verdict.WAITING
    )
    return max(waited, key=lambda end: end.concluded_at, default=None)


def _send_back(workspace: Workspace) -> None:
    changed = Issue(
        SOURCE_CHANGED,
        Severity.ERROR,
        "The drop was changed after it was taken from its inbox: it was still being written to.",
        None,
        "Wait until nothing writes to it any more, then drop it again.",
    )
    end(workspace, Verdict.REJECTED, f"{changed.message} {changed.next_step}", issues=(changed,))


def _require_room(
    object_id: ObjectId, found: TreeOutline, policy: Policy, installation: Installation
) -> None:
    """Check the free space before a byte is read. A further version may need little, so it is not checked."""
    require_room_for_work(found, installation.settings)
    if installation.catalogue.latest(object_id) is None:
        require_room_in_stores(found, policy, installation.settings)


def _continues(workspace: Workspace, drop: DropRequest, tree: HexDigest, policy: HexDigest) -> bool:
    return any(
        claimed.submission.drop == drop.path and claimed.tree == tree and claimed.policy == policy
        for claimed in workspace.claim.so_far
    )


def _settle(workspace: Workspace, installation: Installation) -> None:
    """Finish an earlier submission of the object: answer it if it was kept, else discard it."""
    if is_registered(workspace, installation):
        REGISTER.run(workspace, installation)
        [result] = answer([workspace], installation)
        if result.ending.verdict is Verdict.INTERRUPTED:
            raise UnavailableError(f"{result.object}: the try before: {result.ending.sentence}")
    else:
        discard(workspace, installation)


def is_registered(workspace: Workspace, installation: Installation) -> bool:
    """Return whether the submission was kept, whatever is left to be done for it."""
    for number in workspace.number.so_far:
        try:
            kept = installation.catalogue.package(number.package)
        except NotFoundError:
            return False
        return kept.submission == only(workspace.claim).submission.identifier
    return False
