"""Pages for print: figures in words, and bars that a table beside says too."""

from __future__ import annotations

import pytest

from flows.archive.pages.plots import bar_plot
from flows.archive.pages.rendering import duration
from preservation.identification.pronom import format_names


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0234, "0.023 seconds"),
        (1, "1 second"),
        (59.6, "60 seconds"),
        (90, "1.5 minutes"),
        (3600, "1 hour"),
        (200_000, "2.3 days"),
        (5_000_000_000, "159 years"),
    ],
)
def test_a_time_is_told_in_one_unit(seconds: float, words: str):
    assert duration(seconds) == words


def test_bars_stand_on_the_axis_and_the_highest_stays_below_a_round_end():
    plot = bar_plot("growth", "Growth", [("2026-01", 0), ("2026-02", 1_500_000), ("2026-03", 1_200_000)])
    assert [bar.y + bar.height for bar in plot.bars] == pytest.approx([plot.bottom] * 3)
    assert plot.bars[0].height == 0
    assert plot.bars[1].height == pytest.approx((plot.bottom - plot.top) * 0.75, abs=0.01)
    assert [label.text for label in plot.beside] == ["0 bytes", "1.0 MB", "2.0 MB"]
    assert plot.bars[2].sentence == "2026-03: 1.2 MB"
    assert "the highest is 2026-02 with 1.5 MB" in plot.description
    left, right = plot.bars[0].x, plot.bars[-1].x + plot.bars[-1].width
    assert plot.left <= left < right <= plot.right


@pytest.mark.parametrize("number", [1, 7, 90, 1000])
def test_labels_stay_few_however_many_bars_there_are(number: int):
    plot = bar_plot("many", "Many", [(str(one), one) for one in range(number)])
    assert 1 <= len(plot.below) <= 8


def test_nothing_is_drawn_of_nothing():
    plot = bar_plot("none", "None", [])
    assert (plot.bars, plot.below, plot.description) == ((), (), "There is nothing to show.")
    assert bar_plot("zero", "Zero", [("a", 0)]).bars[0].height == 0


def test_formats_have_the_names_that_pronom_gives_them():
    names = format_names()
    assert names["fmt/20"] == "Acrobat PDF 1.6 - Portable Document Format 1.6"
    assert len(names) > 1000
