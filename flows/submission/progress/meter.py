"""The meter counts what a stage does, from any thread, and writes it once a second to the workspace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from threading import Lock
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
    """Return what there is to read: of a bag the payload, of an archive what was in it."""
    received = only(workspace.received)
    if received.payload_root == workspace.submission.drop:
        return only(workspace.claim).found
    payload = outline_of_tree(received.payload_root, received.only)
    return Extent(payload.files, payload.bytes)


def to_screen(workspace: Workspace) -> Extent:
    """Return the number of files to examine; how much of each is read depends on the examiner."""
    return Extent(workspace.tally().files, 0)


def to_normalize(workspace: Workspace) -> Extent:
    """Return the number of derivatives that the decisions ask for; their sizes are not known before."""
    asked = (bool(decision.normalize) + bool(decision.access) for decision in workspace.decisions)
    return Extent(sum(asked), 0)


def to_replicate(planned: PlanSummary) -> Extent:
    """Return what one store has to do: write everything and read it back."""
    return Extent(2 * planned.files, 2 * planned.bytes)


_EVERY_SECONDS: Final = 1.0
_LINE_EVERY_SECONDS: Final = 5.0
_WINDOW_SECONDS: Final = 30.0
"""The rate is an average over this time, or over a longer one where nothing was written meanwhile."""

_IGNORED: Final = (OSError, PreservationError)
"""Errors of the meter, which must not stop the stage; the stage meets and reports them itself."""

Total = Callable[[], Extent | None]
"""Returns how much there is to do, if known. It is called once, and only for work that takes long."""


class Track:
    """Counts one of the parallel works of a stage, from any thread."""

    def __init__(self, meter: Meter, name: str, total: Total) -> None:
        self._meter = meter
        self._name = name
        self._total = total
        self._of: Extent | None = None
        self._asked = False
        self._files = self._bytes = 0
        self._parts: dict[str, Extent] = {}

    def count(self, files: int, size: int) -> None:
        """Count so many files and bytes more."""
        with self._meter.turn:
            self._files += files
            self._bytes += size
            self._meter.tick()

    def set_part(self, part: str, files: int, size: int) -> None:
        """Set how much is done of one part; the track has done the sum of its parts."""
        with self._meter.turn:
            self._parts[part] = Extent(files, size)
            self._files = sum(done.files for done in self._parts.values())
            self._bytes = sum(done.bytes for done in self._parts.values())
            self._meter.tick()

    @property
    def done(self) -> Extent:
        """How much is done."""
        return Extent(self._files, self._bytes)

    def lane(self, before: Extent) -> Lane:
        """Return its progress; ``before`` is how much was done when the window began."""
        if not self._asked:
            self._asked = True
            with suppress(*_IGNORED):
                self._of = self._total()
        return Lane(self._name, self.done, before, self._of)


class Meter:
    """Writes the progress of one stage of one submission while its context lasts.

    A stage that takes less than a second writes nothing. A failure to write, on a full disk say, does not
    stop the stage.
    """

    def __init__(self, workspace: Workspace, stage: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.turn = Lock()
        """Held by the track that counts."""

        self._workspace = workspace
        self._stage = stage
        self._clock = clock
        self._tracks: list[Track] = []
        self._written = False
        self._began = now()
        self._next = clock() + _EVERY_SECONDS
        self._next_line = clock() + _LINE_EVERY_SECONDS
        self._samples: deque[tuple[float, tuple[Extent, ...]]] = deque([(clock(), ())])
        # The lines belong to the flow run, whichever thread writes them.
        self._context = copy_context()

    def __enter__(self) -> Self:
        # Remove the progress of an earlier run that was killed.
        with suppress(OSError):
            self._workspace.progress.unlink(missing_ok=True)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        # The file stays until the next stage or try, so that the progress does not fall back.
        if self._written and error is None:
            with self.turn:
                self._write(self._clock())

    def track(self, name: str, total: Total) -> Track:
        """Return a new track. All tracks must be made before one of them counts."""
        track = Track(self, name, total)
        self._tracks.append(track)
        return track

    def tick(self) -> None:
        """Write the progress if it is due. For tracks, which hold the ``turn``."""
        moment = self._clock()
        if moment < self._next:
            return
        self._next = moment + _EVERY_SECONDS
        self._write(moment)

    def _write(self, moment: float) -> None:
        self._written = True
        with suppress(*_IGNORED):
            progress = self._progress(moment)
            _write(progress, self._workspace.progress)
            if moment >= self._next_line:
                self._next_line = moment + _LINE_EVERY_SECONDS
                about, words = self._workspace.submission.object, in_words(progress, progress.at)
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


def _write(progress: StageProgress, place: Path) -> None:
    with written_whole(place, durable=False) as sink:
        sink.write(msgspec.json.encode(progress))
