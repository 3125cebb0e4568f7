"""Since when something fails: what is tried again, and fails each time, has failed all the while."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

_FORGOTTEN_AFTER: Final = timedelta(minutes=10)
"""A fault that is not told for so long is over: between two tries, and after a restart, none is told."""


class LastingFaults:
    """Remembers since when each fault lasts, by its path; ``since`` is what was known before a restart."""

    def __init__(self, since: Mapping[str, datetime]) -> None:
        self._since = dict(since)
        self._told_at: dict[str, datetime] = {}

    def note(self, faults: Collection[str], waiting: Collection[str], at: datetime) -> dict[str, datetime]:
        """Note which there are ``at`` that time; return since when each that is not over lasts.

        What failed and is ``waiting`` is being tried again.
        """
        for path in {*faults, *(self._since.keys() & set(waiting))}:
            # What was first told in the future was told before the clock was set back.
            self._since[path] = min(self._since.get(path, at), at)
            self._told_at[path] = at
        for path in list(self._since):
            if at - self._told_at.setdefault(path, at) > _FORGOTTEN_AFTER:
                del self._since[path], self._told_at[path]
        return dict(self._since)
