"""A person's word that what stopped a taken drop is mended: it is given to a run as if for the first time."""

from __future__ import annotations

from dataclasses import dataclass

from flows.settings import Settings
from flows.watching.placing import forget_damaged_answer, has_damaged_answer
from flows.watching.takes import Take, take_folders, take_of
from flows.watching.tries import Tries, forget_tries, tries_of
from preservation.errors import NotFoundError, UnavailableError
from preservation.model.identifiers import ObjectId
from preservation.model.paths import printable


@dataclass(frozen=True, slots=True)
class Stopped:
    """A take that may go on, and why it did not: how its tries went, or that its answer cannot be read."""

    take: Take
    tries: Tries | None

    @property
    def sentence(self) -> str:
        """Say why it did not go on."""
        if self.tries is None:
            return "what was to become of it cannot be read any more"
        return self.tries.sentence or "its last run ended without a word, or has not ended"


def stopped_take(object_id: ObjectId, settings: Settings) -> Stopped:
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
                tries = None if damaged else tries_of(take)
                if damaged or tries is not None:
                    return Stopped(take, tries)
        except OSError as error:
            raise UnavailableError(
                f"{printable(str(area.root))}: what was taken cannot be read ({error.strerror or error}); "
                "see to its disk, then try again"
            ) from error
    raise NotFoundError(
        f"{object_id}: no drop of that name was taken, tried and left; muniment status shows what was"
    )


def retry(stopped: Stopped) -> None:
    """Let the running service give the take to a run. Raises ``UnavailableError``."""
    try:
        forget_damaged_answer(stopped.take)
        forget_tries(stopped.take)
    except OSError as error:
        raise UnavailableError(
            f"{printable(str(stopped.take.folder))} cannot be written to ({error.strerror or error}); see to "
            "its disk, then try again"
        ) from error
