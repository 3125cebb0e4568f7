"""The ordeal: preserving drops while everything is killed again and again; then the proofs."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ordeals.crash_drops import Content, Drops, content_of
from ordeals.crash_instants import Unkilled, choose
from ordeals.crash_proofs import prove_kept, prove_nothing_is_half_visible, prove_story, prove_tidy
from ordeals.crash_trees import Run, Start
from support.archives import Archive

from flows.submission.stages.order import STAGES

_LONGEST_RUN_SECONDS = 900
_POLL_SECONDS = 0.005
_ANYWHERE = 0.4
_COLLECTION = "images"
_STAGES = frozenset({*STAGES, "answer"})


@dataclass
class Ordeal:
    """An installation that is killed over and over, and what it must have kept in the end.

    ``replicas`` gives its stores as folders, fetched where they are buckets. ``kills`` are counted by
    what the run was doing.
    """

    archive: Archive
    start: Start
    replicas: Callable[[], Sequence[Path]]
    scratch: Path
    source: random.Random
    drops: list[Drops] = field(default_factory=list)
    versions: dict[str, list[Content]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    resumed: int = 0

    def hand_in(self, drops: Drops) -> None:
        """Let these drops come too, from now on."""
        self.drops.append(drops)
        self._expect(drops)

    def change(self) -> None:
        """Let a drop of each set change, so that its object gets another version."""
        for drops in self.drops:
            drops.change()
            self._expect(drops)

    def measure(self) -> Unkilled:
        """Let one run go to its end, and tell how it went."""
        began = time.monotonic()
        run = self._started()
        while not run.lines():
            self._wait(run, began)
        first_word = time.monotonic() - began
        while not run.ended():
            self._wait(run, began)
        self._prove_told(run)
        return Unkilled(first_word, time.monotonic() - began, len(run.lines()))

    def go_through(self, unkilled: Unkilled, most_kills: int) -> None:
        """Start and kill so many times, less where a run comes to its end before; then let one through."""
        killed, said = False, set[str]()
        for _ in range(most_kills):
            # Mostly in what is left to do; now and then anywhere, so that in the end it gets through.
            ahead = unkilled if self.source.random() < _ANYWHERE else unkilled.without(len(said))
            instant = choose(self.source, ahead)
            run = self._started()
            self.resumed += killed
            killed = instant.strike(run)
            if not killed:
                self._prove_told(run)
                break
            lines = run.lines()
            said.update(lines)
            self.kills[_stage_of(lines)] += 1
            prove_nothing_is_half_visible(self.replicas(), self.archive)
        self.resumed += killed
        self.measure()

    def prove(self) -> None:
        """Prove what must hold in the end."""
        prove_kept(self.replicas(), self.versions, self.archive, self.scratch / "copied")
        unfit = [_object_of(drop) for drops in self.drops for drop in drops.unfit]
        prove_story(self.versions, unfit, self.archive)
        prove_tidy(self.archive)

    def _expect(self, drops: Drops) -> None:
        for drop in drops.fit:
            content, known = content_of(drop), self.versions.setdefault(_object_of(drop), [])
            if content not in known:
                known.append(content)

    def _started(self) -> Run:
        paths = [path for drops in self.drops for path in (*drops.fit, *drops.unfit)]
        arguments = ["preserve", *paths, "--collection", _COLLECTION, "--json", "-C", self.archive.directory]
        return self.start(arguments, self.archive.environment, self.scratch)

    def _wait(self, run: Run, began: float) -> None:
        assert time.monotonic() - began < _LONGEST_RUN_SECONDS, f"it hangs: {run.lines()[-5:]}"
        time.sleep(_POLL_SECONDS)

    def _prove_told(self, run: Run) -> None:
        """Every drop has its end, the right one, and a receipt that says so where it is said to lie."""
        told = {one["object"]: one for one in run.results()}
        unfit = {_object_of(drop) for drops in self.drops for drop in drops.unfit}
        assert told.keys() == self.versions.keys() | unfit, run.lines()
        for name, one in told.items():
            if name in unfit:
                assert one["verdict"] == "rejected", one
            else:
                assert one["verdict"] in {"stored", "already-kept"}, one
                assert one["object_version"] == len(self.versions[name]), one
            page = Path(one["receipt"])
            assert name.partition("/")[2] in page.read_text()
            assert json.loads(page.with_suffix(".json").read_text())["verdict"] == one["verdict"]


def _object_of(drop: Path) -> str:
    return f"{_COLLECTION}/{drop.name}"


def _stage_of(lines: list[str]) -> str:
    """Name what a run was doing when it had said that: the last stage that it began."""
    begun = [stage for line in lines for stage in [line.rpartition(": ")[2]] if stage in _STAGES]
    return begun[-1] if begun else "start"
