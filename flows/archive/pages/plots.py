"""Bars as coordinates, for a template that draws them; a description and a table beside say the same."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from preservation.model.amounts import byte_size, count

_LEFT, _TOP, _WIDTH, _HEIGHT = 78.0, 8.0, 540.0, 150.0
_MOST_LABELS: Final = 8
_GAP: Final = 0.2


@dataclass(frozen=True, slots=True)
class PlotBar:
    """A bar: its left upper corner and its sizes in the plot's own units, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    sentence: str


@dataclass(frozen=True, slots=True)
class PlotLabel:
    """A text at a place of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class BarPlot:
    """Bars over time; ``left`` to ``right`` and ``top`` to ``bottom`` is the space for them."""

    name: str
    title: str
    description: str
    bars: tuple[PlotBar, ...]
    below: tuple[PlotLabel, ...]
    beside: tuple[PlotLabel, ...]
    left: float = _LEFT
    right: float = _LEFT + _WIDTH
    top: float = _TOP
    bottom: float = _TOP + _HEIGHT


def bar_plot(
    name: str,
    title: str,
    values: Sequence[tuple[str, int]],
    shown: Callable[[int], str] = byte_size,
) -> BarPlot:
    """Return the plot of ``values``, each a label and a number, in their order.

    ``shown`` writes a number for people: of bytes, where nothing else is given.
    """
    highest = _round_up(max((value for _, value in values), default=0))
    step = _WIDTH / max(1, len(values))
    bars = tuple(
        PlotBar(
            round(_LEFT + step * (index + _GAP / 2), 2),
            round(_TOP + _HEIGHT * (1 - value / highest), 2),
            round(step * (1 - _GAP), 2),
            round(_HEIGHT * value / highest, 2),
            f"{label}: {shown(value)}",
        )
        for index, (label, value) in enumerate(values)
    )
    every = math.ceil(len(values) / _MOST_LABELS) or 1
    below = tuple(
        PlotLabel(round(_LEFT + step * (index + 0.5), 2), label)
        for index, (label, _) in enumerate(values)
        if index % every == 0
    )
    beside = tuple(
        PlotLabel(round(_TOP + _HEIGHT * (1 - share), 2), shown(int(highest * share)))
        for share in (0.0, 0.5, 1.0)
    )
    return BarPlot(name, title, _described(values, shown), bars, below, beside)


def _round_up(value: int) -> int:
    """Return the next number above that is one digit and zeros, so that the axis has round ends."""
    if value <= 0:
        return 1
    size: int = 10 ** (len(str(value)) - 1)
    return math.ceil(value / size) * size


def _described(values: Sequence[tuple[str, int]], shown: Callable[[int], str]) -> str:
    if not values:
        return "There is nothing to show."
    label, most = max(values, key=lambda one: one[1])
    first, last = values[0], values[-1]
    return (
        f"{count(len(values), 'bar')}, from {first[0]} ({shown(first[1])}) to {last[0]} ({shown(last[1])}); "
        f"the highest is {label} with {shown(most)}."
    )
