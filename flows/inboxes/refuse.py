"""The refusal of a drop that waits for a person, or is queued: it ends as rejected, with reason and name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from flows.inboxes.answer import place
from flows.inboxes.queue.approve import nothing_waits, waiting_take
from flows.inboxes.queue.attempts import Attempts, attempts_of
from flows.inboxes.queue.backlog import Backlog
from flows.inboxes.queue.locks import locked_backlog
from flows.inboxes.queue.takes import Take, take_holding
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, now
from flows.submission.answer import SubmissionResult, answer
from flows.submission.claim import last_wait
from flows.submission.drop import DropRequest, outline_of
from flows.submission.stages.stage import end
from flows.submission.workspace import Refusal, Workspace, locked_workspace, only, workspace_root
from preservation.errors import IntegrityError, NotFoundError, UnavailableError
from preservation.model.identifiers import ObjectId
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import PersonsDecision
from preservation.receipt.headline import decided


@dataclass(frozen=True, slots=True)
class WaitingSubmission:
    """A drop that waits for a person, or, where it ``is_queued``, for a run.

    ``take`` is ``None`` where it was given to ``muniment preserve``.
    """

    drop: DropRequest
    sentence: str
    take: Take | None
    is_queued: bool = False

    @property
    def is_there(self) -> bool:
        """Whether its take waits still."""
        if self.take is None or not self.take.has_drop:
            return False
        attempts = attempts_of(self.take)
        if self.is_queued:
            return _is_queued(attempts)
        return attempts is not None and attempts.verdict is Verdict.WAITING

    @property
    def gone(self) -> NotFoundError:
        """The error that it does not wait any more."""
        object_id = self.drop.object_id
        return _nothing_queued(object_id) if self.is_queued else nothing_waits(object_id)


def waiting_submission(object_id: ObjectId, settings: Settings) -> WaitingSubmission:
    """Return the drop of the object that waits for a person, wherever it came from.

    One from an inbox comes first, the oldest of several. Raises ``NotFoundError`` where none waits.
    """
    try:
        take = waiting_take(object_id, settings)
    except NotFoundError:
        workspace = Workspace(workspace_root(settings.processing, object_id))
        try:
            if _waits(workspace):
                drop, sentence = workspace.submission.drop, only(workspace.ending).sentence
                if take_holding(drop) is None:
                    request = DropRequest(drop, object_id.collection, object_id.name)
                    return WaitingSubmission(request, sentence, None)
        except (IntegrityError, FileNotFoundError, StopIteration):
            # Damaged, or answered in the meantime.
            pass
        raise
    attempts = attempts_of(take)
    return WaitingSubmission(take.as_drop, attempts.sentence if attempts else "", take)


def queued_submission(object_id: ObjectId, settings: Settings) -> WaitingSubmission:
    """Return the oldest take of the object that no run works on: held, waiting for a run, or interrupted.

    Raises ``NotFoundError`` where there is none.
    """
    for one in Backlog(settings.areas).pending():
        if one.take.object_id == object_id and _is_queued(one.attempts):
            return WaitingSubmission(one.take.as_drop, "", one.take, is_queued=True)
    raise _nothing_queued(object_id)


def _is_queued(attempts: Attempts | None) -> bool:
    return attempts is None or attempts.verdict is Verdict.INTERRUPTED


def _nothing_queued(object_id: ObjectId) -> NotFoundError:
    return NotFoundError(
        f"{object_id}: no drop of that name is queued; muniment status shows what is. One that waits for a "
        "person is refused: muniment refuse; what a run works on is cancelled in the Prefect UI"
    )


def refuse(
    waiting: WaitingSubmission, installation: Installation, *, by: str, because: str
) -> SubmissionResult:
    """End the submission as rejected; a drop from an inbox moves to ``rejected/``, with its receipt.

    Raises ``NotFoundError`` where it does not wait any more, ``UnavailableError`` where a run works on the
    object or the end cannot be recorded, and other ``StorageError``; it then waits as before.
    """
    with locked_backlog(installation.settings), _workspace_of(waiting, installation) as workspace:
        refusal = Refusal(by, because, now())
        issues = next((ending.issues for ending in workspace.ending.so_far), ())
        workspace.refusal.write([refusal])
        sentence = decided(PersonsDecision(by, because, refusal.at, approves=False))
        end(workspace, Verdict.REJECTED, sentence, issues=issues)
        [result] = answer([workspace], installation)
        if result.ending.verdict is not Verdict.REJECTED:
            raise UnavailableError(f"{result.object}: {result.ending.sentence}")
        if waiting.take is not None:
            place(result, waiting.take)
        return result


@contextmanager
def _workspace_of(waiting: WaitingSubmission, installation: Installation) -> Iterator[Workspace]:
    """Yield the submission's folder, or a new one where it is another submission's by now."""
    settings, object_id = installation.settings, waiting.drop.object_id
    with locked_workspace(settings.processing, object_id) as workspace:
        take = waiting.take
        if take is not None and not waiting.is_there:
            raise waiting.gone
        is_ours = waiting.is_queued or _waits(workspace) or workspace.refusal.exist
        if _is_of(workspace, waiting.drop) and is_ours:
            yield workspace
        elif take is None:
            raise nothing_waits(object_id)
        else:
            with scratch_folder(settings.state, "refusal") as scratch:
                fresh = Workspace(scratch / printable(object_id.collection) / "refused")
                policy = installation.policy_of(object_id.collection)
                found = outline_of(take.path)
                fresh.start(object_id, take.path, found, policy, now(), take.dropped_as)
                waited = last_wait(take.path, object_id, installation)
                if waited is not None:
                    # It is that submission that ends; else it would wait for ever in the catalogue.
                    claimed = msgspec.structs.replace(only(fresh.claim), submission=waited.submission)
                    fresh.claim.write([claimed])
                yield fresh


def _is_of(workspace: Workspace, drop: DropRequest) -> bool:
    return any(claimed.submission.drop == drop.path for claimed in workspace.claim.so_far)


def _waits(workspace: Workspace) -> bool:
    return any(ending.verdict is Verdict.WAITING for ending in workspace.ending.so_far)
