"""The numbers of one sequence, as runs without a gap: a million of them in order are one run."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

Run: TypeAlias = tuple[int, int]
"""The first and the last number of numbers that follow each other."""

_HALF: Final = 32
_LOW: Final = (1 << _HALF) - 1


@dataclass(frozen=True, slots=True)
class NumbersFound:
    """What the numbers of a sequence are: its ends, what is missing between them, and what is there twice."""

    first: int
    last: int
    missing: int
    missing_runs: tuple[Run, ...]
    doubled: int
    doubled_numbers: tuple[int, ...]


@dataclass(slots=True)
class NumberRuns:
    """Numbers below 2**32, in any order: the run at hand, and eight bytes for each run before it."""

    count: int = 0
    _run: int = 0
    _earlier: "array[int] | None" = None

    def add(self, number: int) -> None:
        """Enter a number."""
        if self.count and (self._run & _LOW) + 1 == number:
            self._run += 1
        else:
            if self.count:
                self._earlier = self._earlier or array("Q")
                self._earlier.append(self._run)
            self._run = number << _HALF | number
        self.count += 1

    def found(self, most: int) -> NumbersFound:
        """Return what the numbers are, with no more than ``most`` runs and doubles of it named."""
        runs = self._in_order()
        first, last = next(runs)
        missing = doubled = 0
        missing_runs: list[Run] = []
        doubles: list[int] = []
        for start, end in runs:
            if start > last + 1:
                missing += start - last - 1
                if len(missing_runs) < most:
                    missing_runs.append((last + 1, start - 1))
            again = min(end, last) - start + 1
            if again > 0:
                doubled += again
                doubles.extend(range(start, start + min(again, most - len(doubles))))
            last = max(last, end)
        return NumbersFound(first, last, missing, tuple(missing_runs), doubled, tuple(dict.fromkeys(doubles)))

    def _in_order(self) -> Iterator[Run]:
        for run in sorted([*(self._earlier or ()), self._run]):
            yield run >> _HALF, run & _LOW
