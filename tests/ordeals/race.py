"""Two machines that make the next version of one object at once, round after round; then the proofs."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ordeals.crash_drops import Content, content_of
from ordeals.crash_proofs import prove_kept, prove_story, prove_tidy
from ordeals.crash_trees import Run, Start
from support.archives import Archive
from support.flow_runs import installed

OBJECT = "files/letters"
_MACHINES = ("here", "there")
_LATEST_START_SECONDS = 0.4
_LATEST_KILL_SECONDS = 2.5
_LONGEST_ROUND_SECONDS = 240
_POLL_SECONDS = 0.01
_PATIENCE = 5
"""So often Prefect may be too busy, which locks its database while it writes."""


def on_another_machine(archive: Archive, directory: Path) -> Archive:
    """Make an installation of its own whose catalogue, journal, key and stores are those of ``archive``."""
    other = installed(directory, archive.api_url)
    settings = other.directory / "muniment.toml"
    text = (archive.directory / "muniment.toml").read_text()
    text = text.replace("sqlite:///state/", f"sqlite:///{archive.directory}/state/")
    for store in ("first", "second"):
        text = text.replace(f'path = "stores/{store}"', f'path = "{archive.store(store)}"')
    settings.write_text(text)
    shutil.rmtree(other.directory / "state" / "keys")
    shutil.copytree(archive.directory / "state" / "keys", other.directory / "state" / "keys")
    return other


@dataclass
class Race:
    """Two machines that share everything but their drops. ``replicas`` gives the stores as folders."""

    machines: tuple[Archive, Archive]
    start: Start
    replicas: Callable[[], Sequence[Path]]
    folder: Path
    source: random.Random
    versions: list[Content] = field(default_factory=list)
    ends: Counter[tuple[str, ...]] = field(default_factory=Counter)
    kills: int = 0

    def run_round(self, *, same: bool, kill: bool = False) -> None:
        """Let both make a version: of the ``same`` content or each of its own; ``kill`` one on its way."""
        drops = [self._changed_drop(machine, same=same) for machine in _MACHINES]
        runs = [self._started(place, drop) for place, drop in enumerate(drops)]
        killed = None
        if kill:
            place = self.source.randrange(2)
            time.sleep(self.source.uniform(0, _LATEST_KILL_SECONDS))
            if not runs[place].ended():
                runs[place].kill()
                self.kills += 1
                killed = content_of(drops[place])
                runs[place] = self._started(place, drops[place])
        told = [self._told(place, drops[place], run) for place, run in enumerate(runs)]
        self._expect(drops, told, may_be_kept=same or kill, killed=killed)

    def prove(self) -> None:
        """Prove that every version is kept once, whole, in every store, without a gap, and told once."""
        expected = {OBJECT: self.versions}
        prove_kept(self.replicas(), expected, self.machines[0], self.folder / "copied")
        prove_story(expected, (), self.machines[0])
        for machine in self.machines:
            prove_tidy(machine)

    def _changed_drop(self, machine: str, *, same: bool) -> Path:
        drop = self.folder / machine / "letters"
        drop.mkdir(parents=True, exist_ok=True)
        (drop / "note.txt").write_text("All of it\n")
        (drop / "new.txt").write_text(f"After {len(self.versions)}: {'both' if same else machine}\n" * 20)
        return drop

    def _started(self, place: int, drop: Path) -> Run:
        time.sleep(self.source.uniform(0, _LATEST_START_SECONDS))
        archive = self.machines[place]
        said = drop.parent / "said"
        said.mkdir(exist_ok=True)
        arguments = ["preserve", drop, "--collection", "files", "--json", "-C", archive.directory]
        return self.start(arguments, archive.environment, said)

    def _told(self, place: int, drop: Path, run: Run) -> dict[str, Any]:
        """Wait for its result; a run that Prefect had no time for is started again, as it says."""
        told = _told(run)
        for _ in range(_PATIENCE):
            if told["verdict"] != "interrupted" or "Prefect at" not in told["sentence"]:
                break
            told = _told(self._started(place, drop))
        return told

    def _expect(
        self,
        drops: Sequence[Path],
        told: Sequence[dict[str, Any]],
        *,
        may_be_kept: bool,
        killed: Content | None,
    ) -> None:
        """See that the numbers follow those before, and that only what the other one kept is *already kept*.

        Or what a run had kept that was killed between its end and its exit. That version may stay untold: the
        other run keeps the next one, and the ``killed`` run, started again, finds this one to be the latest;
        of the same content it says that it is kept, of another it keeps its own once more. What the stores
        have is proved in the end.
        """
        before = len(self.versions)
        stored = {one["object_version"]: content_of(drop) for one, drop in zip(told, drops, strict=True)}
        verdicts = tuple(sorted(one["verdict"] for one in told))
        assert verdicts == ("stored", "stored") or (may_be_kept and verdicts == ("already-kept", "stored")), (
            told
        )
        if killed is not None and min(stored) == before + 2:
            stored[before + 1] = killed
        assert sorted(stored) == [before + 1 + number for number in range(len(stored))], told
        self.versions += [stored[number] for number in sorted(stored)]
        self.ends[verdicts] += 1


def _told(run: Run) -> dict[str, Any]:
    gives_up = time.monotonic() + _LONGEST_ROUND_SECONDS
    while not run.ended():
        assert time.monotonic() < gives_up, f"it hangs; last it said: {run.lines()[-3:]}"
        time.sleep(_POLL_SECONDS)
    results = run.results()
    assert len(results) == 1, run.lines()
    return results[0]
