"""How fast this installation preserved what it preserved last: the only measure for what is to come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Catalogue

_LAST: Final = 50
"""So many submissions are looked at."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many files and bytes were preserved in ``took`` seconds, from the survey to the last store."""

    files: int
    bytes: int
    took: float

    def seconds(self, files: int, size: int) -> float:
        """Return how long so much takes at that pace: by its files or by its bytes, whichever is longer."""
        by_files = files * self.took / self.files if self.files else 0.0
        by_bytes = size * self.took / self.bytes if self.bytes else 0.0
        return max(by_files, by_bytes)


def pace_of(catalogue: Catalogue) -> Pace | None:
    """Return the pace of the last submissions that were stored; ``None`` where there is none.

    Submissions that ran beside each other count their time once.
    """
    ended = islice(catalogue.conclusions(Verdict.STORED), _LAST)
    began = {end.submission.identifier: end.submission.received_at for end in ended}
    files = size = 0
    spans = []
    for kept in islice(catalogue.packages(newest_first=True), _LAST if began else 0):
        if kept.submission in began:
            files += kept.files
            size += kept.bytes
            spans.append((began[kept.submission], kept.registered_at))
    took = _together(spans)
    return Pace(files, size, took) if took > 0 else None


def _together(spans: Iterable[tuple[datetime, datetime]]) -> float:
    """Return how many seconds lie in at least one of ``spans``."""
    total, reached = 0.0, None
    for begin, end in sorted(spans):
        start = begin if reached is None else max(begin, reached)
        total += max((end - start).total_seconds(), 0.0)
        reached = end if reached is None else max(reached, end)
    return total
