"""Moments as text, RFC 3339 in UTC with microseconds and ``Z``: text order is time order; and a clock."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class ForwardClock:
    """A clock that is never set back: while ``clock`` is behind what was seen of it, it stands still.

    What is recorded of one piece of work by it comes in the order in which it was done.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._last = clock()

    def __call__(self) -> datetime:
        """Return the time. It may be asked from any thread."""
        with self._lock:
            self._last = max(self._last, self._clock())
            return self._last


def moment_text(at: datetime) -> str:
    """Return ``at`` as ``2026-11-21T01:15:00.000000Z``. Raises ``ValueError`` where it has no zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; give it in UTC")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_moment(text: str) -> datetime:
    """Return the moment that ``text`` gives. Raises ``ValueError`` where it is written otherwise."""
    if _MOMENT.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a moment; they are written 2026-11-21T01:15:00.000000Z")
    return datetime.fromisoformat(text)
