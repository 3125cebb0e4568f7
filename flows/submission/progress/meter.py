"""Counting what a stage does: from any thread, and told once a second, in one small file of the workspace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Self

import msgspec

from flows.installation.log import LOG
from flows.installation.processes import this_process
from flows.installation.wiring import now
from flows.submission.progress.progress import Lane, StageProgress, in_words
from flows.submission.workspace import Extent, Workspace, only
from preservation.errors import PreservationError
from preservation.files.durable import written_whole
from preservation.packaging.planned import PlanSummary
from preservation.survey.walk import outline_of_tree


def to_survey(workspace: Workspace) -> Extent | None:
    """Return what there is to be read. What lies in a bag was not counted by itself when it was dropped."""
    received = only(workspace.received)
    if received.bag_root is None:
        return only(workspace.claim).found
    payload = outline_of_tree(received.payload_root, received.only)
    return Extent(payload.files, payload.bytes)


def to_screen(workspace: Workspace) -> Extent:
    """Return the number of files to be looked at; how much of each is read is the examiner's affair."""
    return Extent(workspace.tally().files, 0)


def to_normalize(workspace: Workspace) -> Extent:
    """Return the number of derivatives that the decisions ask for; how large they become shows then."""
    asked = (bool(decision.normalize) + bool(decision.access) for decision in workspace.decisions)
    return Extent(sum(asked), 0)


def to_replicate(planned: PlanSummary) -> Extent:
    """Return what one store has to do: write everything and read it back."""
    return Extent(2 * planned.files, 2 * planned.bytes)


_EVERY_SECONDS: Final = 1.0
_LINE_EVERY_SECONDS: Final = 5.0
_WINDOW_SECONDS: Final = 30.0
"""The rate is that of so long, or of longer where nothing was told meanwhile."""

_NO_FAULT_OF_THE_WORK: Final = (OSError, PreservationError)
"""What keeps it from being told; where that is in the way of the work as well, who does the work says so."""

Total = Callable[[], Extent | None]
"""Says how much there is to do, where that is known. It is asked once, and only of work that takes long."""


class Track:
    """One of the works of a stage that go on beside each other; it counts from any thread."""

    def __init__(self, meter: Meter, name: str, total: Total) -> None:
        self._meter = meter
        self._name = name
        self._total = total
        self._of: Extent | None = None
        self._asked = False
        self._files = self._bytes = 0
        self._parts: dict[str, Extent] = {}

    def noted(self, files: int, size: int) -> None:
        """Count so many files and bytes more."""
        with self._meter.turn:
            self._files += files
            self._bytes += size
            self._meter.tick()

    def has_come_to(self, part: str, files: int, size: int) -> None:
        """Note how much is done of one part of it; what is done is all of its parts."""
        with self._meter.turn:
            self._parts[part] = Extent(files, size)
            self._files = sum(done.files for done in self._parts.values())
            self._bytes = sum(done.bytes for done in self._parts.values())
            self._meter.tick()

    @property
    def done(self) -> Extent:
        """What it has done."""
        return Extent(self._files, self._bytes)

    def lane(self, before: Extent) -> Lane:
        """Return how far it is; ``before`` is how far it was."""
        if not self._asked:
            self._asked = True
            with suppress(*_NO_FAULT_OF_THE_WORK):
                self._of = self._total()
        return Lane(self._name, self.done, before, self._of)


class Meter:
    """Tells how far one stage of one submission is, for as long as its context lasts.

    What takes less than a second is not told at all. That it cannot be told, on a full disk say, is no
    fault of the work.
    """

    def __init__(self, workspace: Workspace, stage: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.turn = Lock()
        """Held by whoever counts."""

        self._workspace = workspace
        self._stage = stage
        self._clock = clock
        self._tracks: list[Track] = []
        self._told = False
        self._began = now()
        self._next = clock() + _EVERY_SECONDS
        self._next_line = clock() + _LINE_EVERY_SECONDS
        self._samples: deque[tuple[float, tuple[Extent, ...]]] = deque([(clock(), ())])
        # Lines are those of the flow run, whichever thread comes upon them.
        self._context = copy_context()

    def __enter__(self) -> Self:
        # What a run was killed over is another story.
        with suppress(OSError):
            self._workspace.progress.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # It stays, so that nobody sees less done than a moment ago: until the next stage, or the next try.
        if self._told and error is None:
            with self.turn:
                self._tell(self._clock())

    def track(self, name: str, total: Total) -> Track:
        """Return what counts one of the stage's works. All are to be had before any of them counts."""
        track = Track(self, name, total)
        self._tracks.append(track)
        return track

    def tick(self) -> None:
        """Tell, where it is time to. For tracks, which hold the ``turn``."""
        moment = self._clock()
        if moment < self._next:
            return
        self._next = moment + _EVERY_SECONDS
        self._tell(moment)

    def _tell(self, moment: float) -> None:
        self._told = True
        with suppress(*_NO_FAULT_OF_THE_WORK):
            told = self._progress(moment)
            _write(told, self._workspace.progress)
            if moment >= self._next_line:
                self._next_line = moment + _LINE_EVERY_SECONDS
                about, words = self._workspace.submission.object, in_words(told, told.at)
                self._context.run(LOG.info, "%s: %s: %s", about, self._stage, words)

    def _progress(self, moment: float) -> StageProgress:
        while len(self._samples) > 1 and self._samples[1][0] <= moment - _WINDOW_SECONDS:
            self._samples.popleft()
        since, before = self._samples[0]
        self._samples.append((moment, tuple(track.done for track in self._tracks)))
        lanes = tuple(
            track.lane(before[place] if before else Extent(0, 0)) for place, track in enumerate(self._tracks)
        )
        return StageProgress(self._stage, self._began, now(), this_process(), moment - since, lanes)


def _write(told: StageProgress, place: Path) -> None:
    with written_whole(place, durable=False) as sink:
        sink.write(msgspec.json.encode(told))
