"""The short soak: in turn, from seeds that can be given again, and ended in time."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from soak.short import ORDEALS, Ordeal, Turn, rotated

SHORT, LONG, BROKEN = Ordeal("short", 100), Ordeal("long", 400), Ordeal("broken", 50)


class Bench:
    """Runs ordeals in no time: each takes, by its own clock, what it really takes."""

    def __init__(self, really: dict[Ordeal, float]) -> None:
        self.seconds = 1000.0
        self._really = really

    def clock(self) -> float:
        return self.seconds

    def passes(self, ordeal: Ordeal, _: str) -> bool:
        self.seconds += self._really[ordeal]
        return ordeal is not BROKEN

    def soaked(self, seconds: float, seed: str = "1") -> list[Turn]:
        return rotated(list(self._really), seconds, seed, self.passes, self.clock)


def test_each_has_its_turn_before_any_has_another_and_what_would_end_too_late_is_not_begun():
    bench = Bench({SHORT: 100, LONG: 400})
    turns = bench.soaked(750)
    assert Counter(turn.ordeal for turn in turns) == {SHORT: 3, LONG: 1}
    assert LONG in {turn.ordeal for turn in turns[:2]}
    assert bench.seconds <= 1000 + 750


def test_what_took_longer_than_it_says_is_known_to_take_longer():
    bench = Bench({SHORT: 300})
    assert len(bench.soaked(850)) == 2
    assert bench.seconds <= 1000 + 850


def test_a_failure_does_not_end_it_and_is_told_with_what_repeats_it():
    turns = Bench({BROKEN: 50, SHORT: 100}).soaked(400)
    assert {turn.ordeal: turn.passed for turn in turns} == {BROKEN: False, SHORT: True}
    failed = next(turn for turn in turns if not turn.passed)
    assert f"MUNIMENT_SOAK_SEED={failed.seed}" in failed.command
    assert "tests/soak/broken" in failed.command


def test_a_seed_repeats_the_order_and_every_draw_and_no_two_turns_share_one():
    def drawn(seed: str) -> list[tuple[str, str]]:
        really = {ordeal: ordeal.seconds for ordeal in ORDEALS}
        return [(turn.ordeal.test, turn.seed) for turn in Bench(really).soaked(4000, seed)]

    assert drawn("a") == drawn("a")
    assert [test for test, _ in drawn("a")] != [test for test, _ in drawn("b")]
    assert len({seed for _, seed in drawn("a")}) == len(drawn("a")) > len(ORDEALS)


def names_of(mark: pytest.Mark) -> list[str]:
    """What pytest calls the cases of a parametrization."""
    ids = mark.kwargs.get("ids") or str
    return [ids(value) for value in mark.args[1]] if callable(ids) else ids


@pytest.mark.parametrize("ordeal", ORDEALS, ids=lambda ordeal: ordeal.test)
def test_every_ordeal_is_a_soaking_test_and_one_of_its_cases(ordeal: Ordeal):
    file, _, rest = ordeal.test.partition("::")
    name, _, case = rest.removesuffix("]").partition("[")
    module = import_module(f"soak.{file.removesuffix('.py')}")
    assert "soak" in [mark.name for mark in module.pytestmark]
    marks = getattr(getattr(module, name), "pytestmark", [])
    cases = [names_of(mark) for mark in marks if mark.name == "parametrize"]
    assert cases == [] if not case else case in cases[0]


@pytest.mark.parametrize("ordeal", ORDEALS, ids=lambda ordeal: ordeal.test)
def test_its_size_is_one_that_its_test_reads(ordeal: Ordeal, project: Path):
    source = (project / "tests" / "soak" / ordeal.test.partition("::")[0]).read_text()
    assert all(f'"{setting.partition("=")[0]}"' in source for setting in ordeal.size.split())
    assert 'environ.get("MUNIMENT_SOAK_SEED")' in source or "given(" in source or "gone" in ordeal.test
