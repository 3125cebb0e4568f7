"""How often each replica is to be read again: by its policy, or by what the user asks for the report."""

from datetime import date

from flows.archive.audit_plan import pace_of
from flows.installation.wiring import Installation
from preservation.model.amounts import count
from preservation.model.identifiers import CollectionName, StoreName
from storage.ports.holdings import ReadingDay


class ReadingIntervals:
    """The days within which replicas are to be read; ``days`` for all, else as each policy has it."""

    def __init__(self, installation: Installation, days: int | None) -> None:
        self._installation = installation
        self._days = days
        self._by_policy: dict[tuple[StoreName, CollectionName], int] = {}

    def days_of(self, reading: ReadingDay) -> int:
        """Return the days within which those replicas are to be read again."""
        if self._days is not None:
            return self._days
        key = reading.store, reading.collection
        if key not in self._by_policy:
            every = pace_of(self._installation, reading.collection, reading.store).every
            self._by_policy[key] = max(1, every.days)
        return self._by_policy[key]

    def is_overdue(self, reading: ReadingDay, today: date) -> bool:
        """Return whether those replicas should have been read again before ``today``."""
        return (today - reading.day).days > self.days_of(reading)


def within(days: int | None) -> str:
    """Return the interval in words."""
    return "the time that their policies ask for" if days is None else count(days, "day")
