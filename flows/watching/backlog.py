"""The takes that have their drop and no answer, read again and again without reading all of it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.watching.areas import Area
from flows.watching.placing import is_answered
from flows.watching.taking import Take, take_folders, take_of
from flows.watching.tries import Tries, tries_file, tries_of


@dataclass(frozen=True, slots=True)
class Pending:
    """A take that has its drop and no answer. ``tries`` is ``None`` where no run was given it yet."""

    take: Take
    tries: Tries | None = None


class Backlog:
    """Reads what is pending in ``areas``. What a take is of never changes; how its tries went does."""

    def __init__(self, areas: Iterable[Area]) -> None:
        self._areas = tuple(areas)
        self._takes: dict[Path, Take] = {}
        self._tries: dict[Path, tuple[int, Tries | None]] = {}

    def pending(self) -> list[Pending]:
        """Return what is pending now, area by area. Raises ``OSError``, ``IntegrityError``."""
        takes: dict[Path, Take] = {}
        tries: dict[Path, tuple[int, Tries | None]] = {}
        found = []
        for area in self._areas:
            for folder in take_folders(area):
                take = self._takes.get(folder) or take_of(folder, area)
                if take is None or is_answered(take) or not take.has_drop:
                    continue
                takes[folder] = take
                tries[folder] = self._tries_of(take)
                found.append(Pending(take, tries[folder][1]))
        self._takes, self._tries = takes, tries
        return found

    def _tries_of(self, take: Take) -> tuple[int, Tries | None]:
        try:
            changed = tries_file(take).stat().st_mtime_ns
        except FileNotFoundError:
            return 0, None
        known = self._tries.get(take.folder)
        return known if known is not None and known[0] == changed else (changed, tries_of(take))
