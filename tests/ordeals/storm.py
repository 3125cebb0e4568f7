"""A storm over the service: drops stream in while its processes are killed; then all is calm."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ordeals.stream import Sent, Stream
from ordeals.stream_proofs import answered, on_their_way, prove_accounted_for, runs_not_ended
from services.fleets import Fleet

_POLL_SECONDS = 0.05
_NOBODY_THERE_SECONDS = 90.0


@dataclass
class Storm:
    """Kills at instants that ``source`` draws; ``pauses`` are the shortest and the longest between two."""

    fleet: Fleet
    stream: Stream
    source: random.Random
    pauses: tuple[float, float] = (0.2, 4.0)
    kills: Counter[str] = field(default_factory=Counter)

    def blow(self, victims: Sequence[str], gap: float) -> None:
        """Kill these one after the other, while a drop comes at most ``gap`` seconds after the one before."""
        over = threading.Event()
        with ThreadPoolExecutor(1, "stream") as threads:
            streaming = threads.submit(self._make_drops, over, gap)
            try:
                for victim in victims:
                    assert not streaming.done(), streaming.exception()
                    time.sleep(self.source.uniform(*self.pauses))
                    self._strike(victim)
            finally:
                over.set()
            # Whoever was killed last may be needed, for a writer waits until its earlier drop was taken.
            while not streaming.done():
                self.fleet.start()
                time.sleep(_POLL_SECONDS)
            streaming.result()

    def calm(self, api_url: Callable[[], str], seconds: float) -> None:
        """Wait until every drop is answered, no run is under way, and no take is left."""
        sent, archive = len(self.stream.sent), self.fleet.archive

        def all_answered() -> bool:
            self.fleet.start()
            return len(answered(archive)) == sent and not on_their_way(archive)

        self.fleet.until(all_answered, f"{sent} drops are answered", seconds)
        self.fleet.until(lambda: not runs_not_ended(api_url(), archive), "all runs have ended", seconds)

    def prove(self, scratch: Path) -> list[Sent]:
        """Prove that every drop is accounted for exactly once."""
        prove_accounted_for(self.stream.sent, self.fleet.archive, scratch)
        return self.stream.sent

    def _make_drops(self, over: threading.Event, gap: float) -> None:
        number = 0
        while not over.is_set():
            number += 1
            self.stream.make(number)
            over.wait(self.stream.source.uniform(0, gap))

    def _strike(self, victim: str) -> None:
        """Kill the victim as soon as it is there, and start again what nobody else does, a moment later."""
        deadline = time.monotonic() + _NOBODY_THERE_SECONDS
        while not self.fleet.kill(victim, self.source):
            self.fleet.start()
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)
        self.kills[victim] += 1
        time.sleep(self.source.uniform(0, 1))
        self.fleet.start()
