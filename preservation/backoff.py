"""Pauses between attempts that double while the attempts fail."""


class Backoff:
    """Pauses in seconds, from ``first`` on twice as long each time, up to ``longest``."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = self._next = first
        self._longest = longest

    def pause(self) -> float:
        """Return how long to pause now; the pause after this one is twice as long."""
        now = self._next
        self._next = min(2 * now, self._longest)
        return now

    def reset(self) -> None:
        """Begin again with the first pause: an attempt succeeded."""
        self._next = self._first
