"""The operator's decisions about taken drops: approve one that waits, retry one that was given up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.inboxes.queue.answers import forget_damaged_answer, has_damaged_answer
from flows.inboxes.queue.attempts import Attempts, attempts_of, forget_attempts, record_run, set_attempts
from flows.inboxes.queue.backlog import Backlog
from flows.inboxes.queue.locks import locked_backlog
from flows.inboxes.queue.takes import Take, take_folders, take_of
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.submission.drop import DropRequest
from preservation.errors import NotFoundError, UnavailableError
from preservation.model.identifiers import ObjectId
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class StoppedTake:
    """A take that was tried and left. ``attempts`` is ``None`` where its answer cannot be read."""

    take: Take
    attempts: Attempts | None

    @property
    def sentence(self) -> str:
        """Why it was left."""
        if self.attempts is None:
            return "the answer to it cannot be read"
        return self.attempts.sentence or "its last run ended without a result, or has not ended"


def stopped_take(object_id: ObjectId, settings: Settings) -> StoppedTake:
    """Return the oldest take of the object that was tried and is not answered.

    Raises ``NotFoundError`` where there is none, ``UnavailableError`` where an area cannot be read.
    """
    for area in settings.areas:
        try:
            for folder in take_folders(area):
                take = take_of(folder, area)
                if take is None or take.object_id != object_id or not take.has_drop:
                    continue
                damaged = has_damaged_answer(take)
                attempts = None if damaged else attempts_of(take)
                if damaged or attempts is not None:
                    return StoppedTake(take, attempts)
        except OSError as error:
            raise UnavailableError(
                f"{printable(str(area.root))}: the takes cannot be read ({error.strerror or error}); "
                "check its disk, then try again"
            ) from error
    raise NotFoundError(
        f"{object_id}: no drop of that name was taken, tried and left; muniment status shows which were. "
        f"One that was left without its drop: muniment abandon {object_id} --because WHY --by NAME"
    )


def retry(stopped: StoppedTake) -> None:
    """Let the running service give the take to a run at once. Raises ``UnavailableError``."""
    try:
        forget_damaged_answer(stopped.take)
        forget_attempts(stopped.take)
    except OSError as error:
        raise UnavailableError(
            f"{printable(str(stopped.take.folder))} cannot be written to ({error.strerror or error}); "
            "check its disk, then try again"
        ) from error


def waiting_take(object_id: ObjectId, settings: Settings) -> Take:
    """Return the oldest take of the object that waits for a person. Raises ``NotFoundError``."""
    for one in Backlog(settings.areas).pending():
        waits = one.attempts is not None and one.attempts.verdict is Verdict.WAITING
        if waits and one.take.object_id == object_id:
            return one.take
    raise nothing_waits(object_id)


def nothing_waits(object_id: ObjectId) -> NotFoundError:
    """Return the error that nothing of that name waits for a person."""
    return NotFoundError(
        f"{object_id}: nothing of that name waits for a person; muniment status shows what does"
    )


def newer_version_warning(take: Take, catalogue: Catalogue) -> str:
    """Return a warning where a version was stored after the take was made; else ``""``.

    Raises ``StorageError`` where the database does not answer.
    """
    latest = catalogue.latest(take.object_id)
    if latest is None or latest.registered_at <= take.at:
        return ""
    return (
        f"{latest.package} was stored at {latest.registered_at:%Y-%m-%d %H:%M} UTC, after this drop was "
        f"taken ({take.at:%Y-%m-%d %H:%M} UTC): approved, what was dropped earlier becomes the latest version"
    )


def preserve_approved(
    take: Take, settings: Settings, *, by: str, because: str, ask: Callable[[Sequence[DropRequest]], Any]
) -> None:
    """Ask for a run that preserves the take as approved.

    Raises ``NotFoundError`` where the take does not wait any more, and what ``ask`` raises; it then waits as
    before.
    """
    with locked_backlog(settings):
        before = attempts_of(take)
        waits = before is not None and before.verdict is Verdict.WAITING
        if not waits or not record_run(take, now(), before):
            raise NotFoundError(
                f"{take.object_id}: it does not wait any more; muniment status shows its state"
            )
        try:
            ask([replace(take.as_drop, approved_by=by, because=because)])
        except BaseException:
            set_attempts(take, before)
            raise
