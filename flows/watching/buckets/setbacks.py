"""Takes that something could not be done for: each is told of, and left alone for a while, by itself."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from flows.log import LOG
from flows.watching.buckets.bulletin import Bulletin
from flows.watching.takes import Take
from preservation.errors import PreservationError
from preservation.model.paths import printable


@dataclass(frozen=True, slots=True)
class _Setback:
    take: Take
    again: float


def reason_of(error: Exception, where: str) -> str:
    """Return what went wrong; what nobody foresaw is logged with all that is known of it."""
    if isinstance(error, (OSError, PreservationError)):
        return str(error)
    LOG.error("%s: what nobody foresaw", where, exc_info=error)
    return f"what nobody foresaw: {printable(repr(error))}; the log says where"


class Setbacks:
    """Remembers them for one kind of work, whose ``sentence`` says what waits; told of in ``bulletin``.

    Each take is left alone for so many ``seconds``.
    """

    def __init__(self, bulletin: Bulletin, sentence: str, seconds: float) -> None:
        self._bulletin = bulletin
        self._sentence = sentence
        self._seconds = seconds
        self._known: dict[str, _Setback] = {}

    def keep_only(self, takes: Collection[Take]) -> None:
        """Forget all others: somebody else has done what there was to be done for them."""
        there = {take.id for take in takes}
        for setback in [one for one in self._known.values() if one.take.id not in there]:
            self.forget(setback.take)

    def is_resting(self, take: Take) -> bool:
        """Say whether a take is to be left alone now."""
        setback = self._known.get(take.id)
        return setback is not None and time.monotonic() < setback.again

    def note(self, take: Take, error: Exception) -> None:
        """Note that it could not be done."""
        where = printable(str(take.folder))
        self._known[take.id] = _Setback(take, time.monotonic() + self._seconds)
        self._bulletin.tell(where, f"{self._sentence} ({reason_of(error, where)})")

    def forget(self, take: Take) -> None:
        """Note that it could be done."""
        if self._known.pop(take.id, None) is not None:
            self._bulletin.tell(printable(str(take.folder)), "")
