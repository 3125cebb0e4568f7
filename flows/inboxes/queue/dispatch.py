"""The dispatcher: plans which takes go into which flow runs and when, and asks for these runs."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from flows.inboxes.queue.attempts import Attempts, record_run, set_attempts
from flows.inboxes.queue.backlog import AttemptCounter, Backlog, Pending
from flows.inboxes.queue.holds import HoldBook, InboxPlace, hold_on
from flows.inboxes.queue.locks import locked_backlog
from flows.inboxes.queue.takes import Take, TakeId
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.submission.drop import DropRequest
from preservation.errors import ConfigurationError
from preservation.model.amounts import count
from preservation.model.identifiers import CollectionName, ObjectId
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict

_KILLED_AT_ONCE: Final = 3
"""So many times a take whose run was killed goes to another run at once; then after pauses, since the drop
itself may be what kills the run."""

_HAND_OVER: Final = timedelta(seconds=20)
"""For so long a run that was asked for may be missing from Prefect's list of runs."""


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
            # The run itself rejects an invalid name.
            with suppress(ConfigurationError):
                objects.add(drop.object_id)
        return cls(
            CollectionName(drops[0].collection) if drops else CollectionName(""),
            frozenset(TakeId(drop.taken) for drop in drops if drop.taken),
            frozenset(objects),
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """``runs`` may be under way at a time, and of a collection no more than its ``at_a_time``, if it has one.

    Up to ``batch`` takes of at most ``small_files`` files and ``small_bytes`` bytes each share a run; a take
    whose last run was killed has one of its own. ``pauses`` follow interruptions; after the last of them, the
    take is given up.
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
    """A take that is given to no run until the operator retries it; its last run was of ``since``."""

    take: Take
    sentence: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now. ``last`` is the collection whose turn was last; ``again`` is when a pause is over.

    ``troubles`` says which areas were left out, and why.
    """

    batches: tuple[Batch, ...]
    given_up: tuple[GivenUp, ...]
    last: CollectionName | None
    again: datetime | None
    troubles: tuple[str, ...] = ()


_Ready: TypeAlias = dict[CollectionName, deque[Pending]]


def plan(
    pending: Iterable[Pending],
    under_way: Sequence[UnderWay],
    bounds: Bounds,
    at: datetime,
    last: CollectionName | None = None,
) -> Plan:
    """Return which runs to ask for. The collection whose turn was ``last`` comes last now.

    The collections take turns, whatever waits in each; in a collection the oldest take comes first. Takes of
    one object run one at a time, in the order in which they were taken; one that waits for a person delays
    no other.
    """
    running = frozenset[TakeId]().union(*(run.takes for run in under_way))
    ready: _Ready = {}
    given_up: list[GivenUp] = []
    pauses: list[datetime] = []
    busy = set[ObjectId]().union(*(run.objects for run in under_way))
    for one in sorted(pending, key=lambda one: one.take.id):
        take = one.take
        if take.id in running:
            busy.add(take.object_id)
            continue
        due = _due(one, bounds.pauses, at)
        if due is None:
            given_up += _given_up(one)
        elif take.object_id not in busy:
            busy.add(take.object_id)
            if due > at:
                pauses.append(due)
            else:
                ready.setdefault(take.collection, deque()).append(one)
    batches = tuple(_in_turns(ready, under_way, bounds, last))
    return Plan(
        batches, tuple(given_up), batches[-1].collection if batches else last, min(pauses, default=None)
    )


def _due(one: Pending, pauses: tuple[timedelta, ...], at: datetime) -> datetime | None:
    """Return when the take may be given to a run; ``None`` where it waits for a person."""
    attempts = one.attempts
    if attempts is None:
        return at
    if attempts.verdict is Verdict.WAITING:
        return None
    if attempts.verdict is None and attempts.runs <= _KILLED_AT_ONCE:
        return attempts.at + _HAND_OVER
    nth = attempts.runs - (1 if attempts.verdict is not None else 1 + _KILLED_AT_ONCE)
    # An excused run lengthens the pause, but does not count towards giving up.
    if nth - attempts.excused >= len(pauses):
        return None
    pause = pauses[min(nth, len(pauses) - 1)] if pauses else _HAND_OVER
    return attempts.at + (max(pause, _HAND_OVER) if attempts.verdict is None else pause)


def _rests(one: Pending, pauses: tuple[timedelta, ...], at: datetime) -> bool:
    """Return whether the take's last run is known to have ended, and none is to be asked for now."""
    if one.attempts is None or one.attempts.verdict is None:
        return False
    due = _due(one, pauses, at)
    return due is None or due > at


def _given_up(one: Pending) -> Iterator[GivenUp]:
    """Yield the take where the system failed; one that waits for a person is reported by its own alarm."""
    attempts = one.attempts
    if attempts is None or attempts.verdict is Verdict.WAITING:
        return
    reason = attempts.sentence or "The last one ended without a result: its process or machine was stopped."
    yield GivenUp(
        one.take,
        f"{one.take.object_id}: given up after {count(attempts.runs - attempts.excused, 'run')}. {reason} "
        f"When that is repaired: muniment retry {printable(str(one.take.object_id))}",
        attempts.at,
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


def _next(waiting: deque[Pending], bounds: Bounds) -> list[Take]:
    """Remove from ``waiting`` the takes that share the next run: one by itself, or several small ones."""
    first = waiting.popleft()
    if not _shares(first, bounds):
        return [first.take]
    together = [first.take]
    others: list[Pending] = []
    while waiting and len(together) < bounds.batch:
        one = waiting.popleft()
        if _shares(one, bounds):
            together.append(one.take)
        else:
            others.append(one)
    waiting.extendleft(reversed(others))
    return together


def _shares(one: Pending, bounds: Bounds) -> bool:
    """Return whether the take may share a run: it is small, and its last run was not killed.

    It may be the take that kills its runs: then it must not use up the attempts of others.
    """
    attempts = one.attempts
    if attempts is not None and attempts.verdict is None and attempts.runs > attempts.excused:
        return False
    return one.take.files <= bounds.small_files and one.take.bytes <= bounds.small_bytes


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


@dataclass
class Dispatcher:
    """Gives takes to runs. ``under_way`` returns the runs that have not ended, ``submit`` asks for a new one.

    Either may raise; a run that was not asked for is then not recorded, and dispatching again goes on. Of
    several services of an installation, one dispatches at a time.
    """

    settings: Settings
    under_way: Callable[[], Sequence[UnderWay]]
    submit: Callable[[Batch], None]
    clock: Callable[[], datetime] = now

    def __post_init__(self) -> None:
        self._bounds = bounds_of(self.settings)
        self._backlog = Backlog(self.settings.areas)
        self._counter = AttemptCounter(self.settings.processing)
        self._holds = HoldBook(self.settings)
        self._last: CollectionName | None = None
        self._logged: frozenset[str] = frozenset()

    def dispatch(self) -> Plan:
        """Ask for the runs that are possible now; return the plan, with what was given up.

        Where another service dispatches now, the plan is empty. What is held is left out. An area that
        cannot be read or written is left out and logged. Raises what the callables raise, after the other
        runs were asked for, and ``IntegrityError`` where it cannot be read what is held.
        """
        with locked_backlog(self.settings, wait=False) as ours:
            return self._dispatch() if ours else Plan((), (), self._last, None)

    def _dispatch(self) -> Plan:
        holds = self._holds.now()
        found = [one for one in self._backlog.pending() if hold_on(InboxPlace.of(one.take), holds) is None]
        troubles = dict(self._backlog.troubles)
        pending = self._counter.count(found, self.clock())
        planned = Plan((), (), self._last, None)
        if pending:
            at = self.clock()
            # Where every take rests, the list of runs is not needed.
            rests = all(_rests(one, self._bounds.pauses, at) for one in pending)
            under_way = [] if rests else list(self.under_way())
            asked: list[Batch] = []
            while True:
                able = [one for one in pending if one.take.area not in troubles]
                planned = plan(able, under_way, self._bounds, self.clock(), self._last)
                known = len(troubles)
                given = self._submit_all(
                    planned.batches, {one.take.id: one.attempts for one in pending}, troubles
                )
                asked += given
                under_way += [UnderWay.of([take.as_drop for take in batch.takes]) for batch in given]
                if len(troubles) == known:
                    break
            planned = replace(planned, batches=tuple(asked))
        self._log(frozenset(troubles.values()))
        return replace(planned, troubles=tuple(troubles.values()))

    def _submit_all(
        self, batches: Iterable[Batch], attempts: Mapping[TakeId, Attempts | None], troubles: dict[Path, str]
    ) -> list[Batch]:
        """Record and ask for the batches; one that cannot be asked for delays no other."""
        given = []
        refused: list[Exception] = []
        for batch in batches:
            self._last = batch.collection
            # Recorded first: a run may end before its request could be recorded.
            takes = tuple(take for take in batch.takes if self._record(take, attempts[take.id], troubles))
            if not takes:
                continue
            recorded = Batch(batch.collection, takes)
            try:
                self.submit(recorded)
            except BaseException as error:
                for take in takes:
                    set_attempts(take, attempts[take.id])
                if not isinstance(error, Exception):
                    raise
                refused.append(error)
            else:
                given.append(recorded)
        if refused:
            raise refused[0]
        return given

    def _record(self, take: Take, before: Attempts | None, troubles: dict[Path, str]) -> bool:
        try:
            return record_run(take, self.clock(), before)
        except OSError as error:
            troubles[take.area] = (
                f"{printable(str(take.area))}: what was taken from its inboxes is given to no run, "
                "because that "
                f"cannot be recorded ({error.strerror or error}); check that its disk is there and not full"
            )
            return False

    def _log(self, troubles: frozenset[str]) -> None:
        for sentence in sorted(troubles - self._logged):
            LOG.warning("%s", sentence)
        self._logged = troubles
