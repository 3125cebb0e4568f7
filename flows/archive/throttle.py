"""Holding work back to a rate: so many bytes a second, over all threads together."""

import time
from collections.abc import Callable
from threading import Lock

_BURST_SECONDS = 1.0


class Throttle:
    """Lets at most ``rate`` bytes a second pass; without a rate, everything at once."""

    def __init__(
        self,
        rate: int | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._paid_until = clock()

    def wait(self, size: int) -> None:
        """Take ``size`` bytes that were read, and wait as long as they should have taken."""
        if self._rate is None or not size:
            return
        with self._lock:
            now = self._clock()
            # Time in which nothing was read is not saved up.
            self._paid_until = max(self._paid_until, now - _BURST_SECONDS) + size / self._rate
            ahead = self._paid_until - now
        if ahead > 0:
            self._sleep(ahead)
