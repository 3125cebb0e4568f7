"""The takes that have their drop and no answer, read again and again without reading all of it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.attempts import Attempts, attempts_file, attempts_of
from flows.inboxes.queue.takes import Take, take_folders, take_of
from flows.installation.areas import Area
from preservation.model.paths import printable


@dataclass(frozen=True, slots=True)
class Pending:
    """A take that has its drop and no answer. ``tries`` is ``None`` where no run was given it yet."""

    take: Take
    tries: Attempts | None = None


class Backlog:
    """Reads what is pending in ``areas``. What a take is of never changes; how its tries went does.

    ``troubles`` says, area by area, what could not be read the last time.
    """

    def __init__(self, areas: Iterable[Area]) -> None:
        self._areas = tuple(areas)
        self._takes: dict[Path, Take] = {}
        self._tries: dict[Path, tuple[int, Attempts | None]] = {}
        self.troubles: dict[Path, str] = {}

    def pending(self) -> list[Pending]:
        """Return what is pending now, area by area; what cannot be read is left out. Raises nothing."""
        takes: dict[Path, Take] = {}
        tries: dict[Path, tuple[int, Attempts | None]] = {}
        self.troubles = {}
        found = []
        for area in self._areas:
            for folder in self._folders(area):
                try:
                    take = self._takes.get(folder) or take_of(folder, area)
                    if take is None or is_answered(take) or not take.has_drop:
                        continue
                    tries[folder] = self._tries_of(take)
                except OSError as error:
                    self._note_trouble(area, error)
                    continue
                takes[folder] = take
                found.append(Pending(take, tries[folder][1]))
        self._takes, self._tries = takes, tries
        return found

    def _folders(self, area: Area) -> list[Path]:
        try:
            return take_folders(area)
        except OSError as error:
            self._note_trouble(area, error)
            return []

    def _note_trouble(self, area: Area, error: OSError) -> None:
        self.troubles[area.root] = (
            f"{printable(str(area.root))}: what was taken from its inboxes cannot be read "
            f"({error.strerror or error}); it goes on when its disk answers again"
        )

    def _tries_of(self, take: Take) -> tuple[int, Attempts | None]:
        try:
            changed = attempts_file(take).stat().st_mtime_ns
        except FileNotFoundError:
            return 0, None
        known = self._tries.get(take.folder)
        return known if known is not None and known[0] == changed else (changed, attempts_of(take))
