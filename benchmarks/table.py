"""The lines of the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADINGS = ("work", "Muniment", "beside it", "figure", "target", "")
_WHOLE = (" MB", " runs")
STAGE_HEADINGS = ("whole way", "seconds", "in each kind of work, median of the rounds")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the work, what was measured of us and of the peer, the figure that counts and its most."""

    work: str
    ours: str
    beside: str
    figure: float
    target: float
    unit: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        met = "met" if self.figure <= self.target else "**missed**"
        return (
            self.work,
            self.ours,
            self.beside,
            self._with_unit(self.figure),
            self._with_unit(self.target),
            met,
        )

    def _with_unit(self, number: float) -> str:
        return f"{number:.0f}{self.unit}" if self.unit in _WHOLE else f"{number:.2f}{self.unit}"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where the wall time of a whole way goes: seconds in each kind of work; the rest is orchestration."""

    work: str
    wall: float
    seconds: dict[str, float]

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        parts = [f"{name} {seconds:.2f}" for name, seconds in self.seconds.items()]
        rest = self.wall - sum(self.seconds.values())
        return self.work, f"{self.wall:.2f}", ", ".join([*parts, f"everything else {rest:.2f}"])


def as_markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    rows = [headings, ["---"] * len(headings), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
