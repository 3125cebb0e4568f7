"""The bell by which a process that asks Prefect for a run calls the workers of its installation.

A worker that nothing calls asks Prefect less often, which costs less at rest: a run that is asked for in the
UI begins a little later.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from flows.installation.settings import Settings


def ring(settings: Settings) -> None:
    """Have idle workers ask Prefect for runs at once. Raises nothing: unheard, they ask within seconds."""
    with suppress(OSError):
        _place(settings).touch()


class Bell:
    """What one worker hears of it; the file's time is looked at, since shares notify no process."""

    def __init__(self, settings: Settings) -> None:
        self._place = _place(settings)
        self._last = self._rung_at()

    def rang(self) -> bool:
        """Return whether it rang since the last look."""
        last, self._last = self._last, self._rung_at()
        return self._last != last

    def _rung_at(self) -> int:
        try:
            return self._place.stat().st_mtime_ns
        except OSError:
            return 0


def _place(settings: Settings) -> Path:
    return settings.state / "run-asked"
