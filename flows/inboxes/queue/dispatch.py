"""Which takes go into which flow runs, and when: pure planning, and the little that carries it out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from flows.inboxes.queue.attempts import Attempts, note_run, put_back_attempts
from flows.inboxes.queue.backlog import Backlog, Pending
from flows.inboxes.queue.locks import locked_backlog
from flows.inboxes.queue.takes import Take, TakeId
from flows.installation.log import LOG
from flows.installation.processes import this_process
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.submission.drop import DropRequest
from flows.submission.workspace import Workspace
from preservation.errors import ConfigurationError
from preservation.model.identifiers import CollectionName, ObjectId
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict


class Counting:
    """Counts for one service. ``processing`` is where submissions leave what their stages found."""

    def __init__(self, processing: Path) -> None:
        self._processing = processing
        self._first_sight: dict[TakeId, tuple[datetime, datetime]] = {}

    def counted(self, pending: Iterable[Pending], at: datetime) -> list[Pending]:
        """Return what is pending with its tries as they count at ``at``. Raises nothing."""
        before, self._first_sight = self._first_sight, {}
        return [
            one if one.tries is None else replace(one, tries=self._counted(one.take, one.tries, before, at))
            for one in pending
        ]

    def _counted(
        self,
        take: Take,
        tries: Attempts,
        before: dict[TakeId, tuple[datetime, datetime]],
        at: datetime,
    ) -> Attempts:
        if tries.verdict is None:
            if _has_got_on(self._processing, take, tries.at):
                tries = msgspec.structs.replace(tries, runs=0, excused=0)
            elif tries.by is not None and tries.by != this_process():
                # It ended with the service that asked for it.
                tries = msgspec.structs.replace(tries, excused=min(tries.runs, tries.excused + 1))
        if tries.at <= at:
            return tries
        # Noted before the clock was set back, or by a machine whose clock is ahead: it counts from now on.
        noted, seen = before.get(take.id, (tries.at, at))
        if noted != tries.at or seen > at:
            seen = at
        self._first_sight[take.id] = tries.at, seen
        return msgspec.structs.replace(tries, at=seen)


def _has_got_on(processing: Path, take: Take, since: datetime) -> bool:
    """Say whether a stage of the take's submission was finished after that time."""
    object_id = take.object_id
    workspace = Workspace(processing / object_id.collection / object_id.name)
    try:
        return any(
            datetime.fromtimestamp(events.stat().st_mtime, UTC) > since
            for events in workspace.root.glob("events-*.jsonl")
        )
    except OSError:
        return False


_KILLED_AT_ONCE: Final = 3
"""So many times a take goes to another run at once when its run was killed; then after pauses, for it may be
the drop itself that kills."""

_HAND_OVER: Final = timedelta(seconds=20)
"""For so long a run that was asked for may not yet be seen by whoever asks which runs are under way."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A flow run that has not ended: asked for, waiting for a worker, or running."""

    collection: CollectionName
    takes: frozenset[TakeId]
    objects: frozenset[ObjectId] = frozenset()

    @classmethod
    def of(cls, drops: Sequence[DropRequest]) -> UnderWay:
        """Return what is under way where a run has these drops, taken from an inbox or not."""
        objects = set[ObjectId]()
        for drop in drops:
            # A name that cannot be one is refused by the run itself.
            with suppress(ConfigurationError):
                objects.add(drop.object_id)
        return cls(
            CollectionName(drops[0].collection) if drops else CollectionName(""),
            frozenset(TakeId(drop.taken) for drop in drops if drop.taken),
            frozenset(objects),
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """``runs`` may be under way at a time, of a collection not more than ``at_a_time`` says, if it says.

    Up to ``batch`` takes of at most ``small_files`` files and ``small_bytes`` bytes each share a run.
    ``pauses`` are waited for after interruptions; when there are no more of them, the take is left.
    """

    runs: int
    batch: int
    small_files: int
    small_bytes: int
    pauses: tuple[timedelta, ...]
    at_a_time: Mapping[CollectionName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Takes of one collection for one flow run."""

    collection: CollectionName
    takes: tuple[Take, ...]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A take that no run is given any more until somebody has seen to it; its last run was of ``since``."""

    take: Take
    sentence: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now. ``last`` is the collection that had its turn last; ``again`` when a pause is over.

    ``troubles`` says which areas were left out, and why.
    """

    batches: tuple[Batch, ...]
    given_up: tuple[GivenUp, ...]
    last: CollectionName | None
    again: datetime | None
    troubles: tuple[str, ...] = ()


_Ready: TypeAlias = dict[CollectionName, deque[Take]]


def plan(
    pending: Iterable[Pending],
    under_way: Sequence[UnderWay],
    bounds: Bounds,
    at: datetime,
    last: CollectionName | None = None,
) -> Plan:
    """Say which runs to ask for. The collection that had its turn ``last`` comes last now.

    The collections take turns, whatever waits in each; in a collection the oldest take comes first. Takes of
    one object never run at a time, nor in another order than they were taken in; one that waits for somebody
    holds up no other.
    """
    running = frozenset[TakeId]().union(*(run.takes for run in under_way))
    ready: _Ready = {}
    given_up: list[GivenUp] = []
    pauses: list[datetime] = []
    spoken_for = set[ObjectId]().union(*(run.objects for run in under_way))
    for one in sorted(pending, key=lambda one: one.take.id):
        take = one.take
        if take.id in running:
            spoken_for.add(take.object_id)
            continue
        due = _due(one, bounds.pauses, at)
        if due is None:
            given_up += _given_up(one)
        elif take.object_id not in spoken_for:
            spoken_for.add(take.object_id)
            if due > at:
                pauses.append(due)
            else:
                ready.setdefault(take.collection, deque()).append(take)
    batches = tuple(_in_turns(ready, under_way, bounds, last))
    return Plan(
        batches,
        tuple(given_up),
        batches[-1].collection if batches else last,
        min(pauses, default=None),
    )


def _due(one: Pending, pauses: tuple[timedelta, ...], at: datetime) -> datetime | None:
    """Return when the take may be given to a run; ``None`` where somebody has to see to it first."""
    tries = one.tries
    if tries is None:
        return at
    if tries.verdict is Verdict.WAITING:
        return None
    if tries.verdict is None and tries.runs <= _KILLED_AT_ONCE:
        return tries.at + _HAND_OVER
    nth = tries.runs - (1 if tries.verdict is not None else 1 + _KILLED_AT_ONCE)
    # What an excused run makes longer is the pause; it never makes that a drop is left.
    if nth - tries.excused >= len(pauses):
        return None
    pause = pauses[min(nth, len(pauses) - 1)] if pauses else _HAND_OVER
    return tries.at + (max(pause, _HAND_OVER) if tries.verdict is None else pause)


def _rests(one: Pending, pauses: tuple[timedelta, ...], at: datetime) -> bool:
    """Say whether the take's last run is known to have ended, and none is to be asked for now."""
    if one.tries is None or one.tries.verdict is None:
        return False
    due = _due(one, pauses, at)
    return due is None or due > at


def _given_up(one: Pending) -> Iterator[GivenUp]:
    """Tell of the take where the system failed; who waits for a person has told that person already."""
    tries = one.tries
    if tries is None or tries.verdict is Verdict.WAITING:
        return
    told = tries.sentence or "The last of them ended without a word: its process was killed, or its machine."
    yield GivenUp(
        one.take,
        f"{one.take.object_id}: given up after {tries.runs - tries.excused} runs. {told} "
        f"When that is mended: muniment retry {printable(str(one.take.object_id))}",
        tries.at,
    )


def _in_turns(
    ready: _Ready, under_way: Sequence[UnderWay], bounds: Bounds, last: CollectionName | None
) -> Iterator[Batch]:
    runs = Counter(run.collection for run in under_way)
    free = bounds.runs - len(under_way)
    names = sorted(ready)
    turns = deque([name for name in names if last is None or name > last])
    turns.extend(name for name in names if last is not None and name <= last)
    while free > 0 and turns:
        collection = turns.popleft()
        most = bounds.at_a_time.get(collection, 0)
        if most and runs[collection] >= most:
            continue
        yield Batch(collection, tuple(_next(ready[collection], bounds)))
        runs[collection] += 1
        free -= 1
        if ready[collection]:
            turns.append(collection)


def _next(takes: deque[Take], bounds: Bounds) -> list[Take]:
    """Take out of ``takes`` what shares a run: a large one alone, or small ones, however they are mixed."""
    first = takes.popleft()
    if not _is_small(first, bounds):
        return [first]
    together = [first]
    others: list[Take] = []
    while takes and len(together) < bounds.batch:
        take = takes.popleft()
        (together if _is_small(take, bounds) else others).append(take)
    takes.extendleft(reversed(others))
    return together


def _is_small(take: Take, bounds: Bounds) -> bool:
    return take.files <= bounds.small_files and take.bytes <= bounds.small_bytes


def bounds_of(settings: Settings) -> Bounds:
    """Return the bounds that the settings give."""
    return Bounds(
        runs=settings.service.runs,
        batch=settings.work.batch,
        small_files=settings.work.small_files,
        small_bytes=int(settings.work.small_size),
        pauses=tuple(timedelta(seconds=seconds) for seconds in settings.service.pauses),
        at_a_time={
            CollectionName(collection.name): collection.at_a_time
            for collection in settings.collection
            if collection.at_a_time
        },
    )


class Dispatcher:
    """Gives takes to runs. ``under_way`` asks which runs have not ended, ``submit`` asks for a new one.

    Either may raise; then nothing is noted of what was not asked for, and dispatching again goes on. Of many
    services of an installation one does so at a time.
    """

    def __init__(
        self,
        settings: Settings,
        under_way: Callable[[], Sequence[UnderWay]],
        submit: Callable[[Batch], None],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._settings = settings
        self._bounds = bounds_of(settings)
        self._backlog = Backlog(settings.areas)
        self._counting = Counting(settings.processing)
        self._under_way = under_way
        self._submit = submit
        self._clock = clock
        self._last: CollectionName | None = None
        self._told: frozenset[str] = frozenset()

    def dispatch(self) -> Plan:
        """Ask for the runs that there can be now; return the plan: what was given up, and its next moment.

        Where another service does so now, nothing is planned. An area that cannot be read or written to is
        left out, and told of. Raises what the callables raise, after what else could be asked for.
        """
        with locked_backlog(self._settings, wait=False) as ours:
            return self._dispatch() if ours else Plan((), (), self._last, None)

    def _dispatch(self) -> Plan:
        found = self._backlog.pending()
        troubles = dict(self._backlog.troubles)
        pending = self._counting.counted(found, self._clock())
        planned = Plan((), (), self._last, None)
        if pending:
            at = self._clock()
            # Of what rests nobody needs to know which runs go on.
            rests = all(_rests(one, self._bounds.pauses, at) for one in pending)
            under_way = [] if rests else list(self._under_way())
            asked: list[Batch] = []
            while True:
                able = [one for one in pending if one.take.area not in troubles]
                planned = plan(able, under_way, self._bounds, self._clock(), self._last)
                known = len(troubles)
                given = self._give(planned.batches, {one.take.id: one.tries for one in pending}, troubles)
                asked += given
                under_way += [UnderWay.of([take.as_drop for take in batch.takes]) for batch in given]
                if len(troubles) == known:
                    break
            planned = replace(planned, batches=tuple(asked))
        self._tell(frozenset(troubles.values()))
        return replace(planned, troubles=tuple(troubles.values()))

    def _give(
        self,
        batches: Iterable[Batch],
        tries: Mapping[TakeId, Attempts | None],
        troubles: dict[Path, str],
    ) -> list[Batch]:
        """Note and ask for the batches; one that cannot be asked for holds up no other."""
        given = []
        refused: list[Exception] = []
        for batch in batches:
            self._last = batch.collection
            # Noted first: a run may end sooner than we could note that it was asked for.
            takes = tuple(take for take in batch.takes if self._noted(take, tries[take.id], troubles))
            if not takes:
                continue
            noted = Batch(batch.collection, takes)
            try:
                self._submit(noted)
            except BaseException as error:
                for take in takes:
                    put_back_attempts(take, tries[take.id])
                if not isinstance(error, Exception):
                    raise
                refused.append(error)
            else:
                given.append(noted)
        if refused:
            raise refused[0]
        return given

    def _noted(self, take: Take, before: Attempts | None, troubles: dict[Path, str]) -> bool:
        try:
            return note_run(take, self._clock(), before)
        except OSError as error:
            troubles[take.area] = (
                f"{printable(str(take.area))}: what was taken from its inboxes is given to no run, for "
                f"that cannot be noted ({error.strerror or error}); see that its disk is there and takes more"
            )
            return False

    def _tell(self, troubles: frozenset[str]) -> None:
        for sentence in sorted(troubles - self._told):
            LOG.warning("%s", sentence)
        self._told = troubles
