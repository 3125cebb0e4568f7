"""The backlog: the takes that have their drop and no answer. Reading it again reads only what changed."""

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
    """A take that has its drop and no answer. ``attempts`` is ``None`` where it was given to no run yet."""

    take: Take
    attempts: Attempts | None = None


class Backlog:
    """Reads what is pending in ``areas``. A take never changes; its attempts do.

    ``troubles`` says, by area, what could not be read the last time.
    """

    def __init__(self, areas: Iterable[Area]) -> None:
        self._areas = tuple(areas)
        self._takes: dict[Path, Take] = {}
        self._attempts: dict[Path, tuple[int, Attempts | None]] = {}
        self.troubles: dict[Path, str] = {}

    def pending(self) -> list[Pending]:
        """Return what is pending now, area by area; what cannot be read is left out. Raises nothing."""
        takes: dict[Path, Take] = {}
        attempts: dict[Path, tuple[int, Attempts | None]] = {}
        self.troubles = {}
        found = []
        for area in self._areas:
            for folder in self._folders(area):
                try:
                    take = self._takes.get(folder) or take_of(folder, area)
                    if take is None or is_answered(take) or not take.has_drop:
                        continue
                    attempts[folder] = self._attempts_of(take)
                except OSError as error:
                    self._record_trouble(area, error)
                    continue
                takes[folder] = take
                found.append(Pending(take, attempts[folder][1]))
        self._takes, self._attempts = takes, attempts
        return found

    def _folders(self, area: Area) -> list[Path]:
        try:
            return take_folders(area)
        except OSError as error:
            self._record_trouble(area, error)
            return []

    def _record_trouble(self, area: Area, error: OSError) -> None:
        self.troubles[area.root] = (
            f"{printable(str(area.root))}: what was taken from its inboxes cannot be read "
            f"({error.strerror or error}); they are read again when its disk answers"
        )

    def _attempts_of(self, take: Take) -> tuple[int, Attempts | None]:
        try:
            changed = attempts_file(take).stat().st_mtime_ns
        except FileNotFoundError:
            return 0, None
        known = self._attempts.get(take.folder)
        return known if known is not None and known[0] == changed else (changed, attempts_of(take))
