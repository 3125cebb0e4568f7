"""The work of an audit: claimed replicas are read, and what was seen of them is recorded."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from preservation.errors import IntegrityError, NotFoundError, PreservationError
from preservation.model.damage import Damage
from preservation.model.events import Agent, Event
from storage.audits.damage_records import record_part
from storage.audits.events import damage_event, read_event
from storage.audits.lost_lists import read_tag_files
from storage.audits.replica import PartRead, ReplicaReader
from storage.ports.audits import AuditedReplica, Audits, Claimant, ReadReplica, RecordedDamage
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Journal
from storage.tag_digests import RecordedDigests, recorded_digests_of

LEASE = timedelta(minutes=15)
"""A claim that is not renewed for so long is over: whoever made it was killed."""

_RENEWED = 60.0
_WRITTEN = 10.0
_TOGETHER = 200
"""So many replicas, or seconds, are recorded in one transaction."""

_SHOWN = 10
"""So many damaged files of a replica are shown to whoever waits for it; all are recorded."""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit showed of one replica.

    ``confirmed`` files, ``bytes`` in all, are as they were kept; ``damaged`` are not, of which the first ones
    are in ``damages``, and ``unnamed`` of them are recorded nowhere by name. ``again`` files could be read,
    or were as they were kept, only the second time. ``doubts`` are about the records that it
    was compared with. Where its lists are lost, ``unjudged`` says why nothing is known of its payload; then
    the damages are those of its tag files.
    """

    replica: AuditedReplica
    confirmed: int
    bytes: int
    damaged: int
    damages: tuple[Damage, ...]
    again: int
    doubts: tuple[str, ...] = ()
    unjudged: str = ""
    unnamed: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether every file is as it was kept, by records that agree."""
        return not (self.damaged or self.doubts or self.unjudged)


@dataclass(frozen=True, slots=True)
class AuditPorts:
    """What an audit works with. ``agent`` stands in the journal's events.

    ``clock`` dates what is seen, and is never set back. Claims hold by the clock that others have, too: by
    ``wall_clock``, where it is given.
    """

    catalogue: Catalogue
    journal: Journal
    audits: Audits
    agent: Agent
    clock: Callable[[], datetime]
    wall_clock: Callable[[], datetime] | None = None


@dataclass(frozen=True, slots=True)
class _Ended:
    """A replica that was read to its end: its last part, and what was seen before that."""

    replica: AuditedReplica
    at: datetime
    last: PartRead
    before: AuditResult

    @property
    def result(self) -> AuditResult:
        return _with_part(self.before, self.last)

    @property
    def read(self) -> ReadReplica:
        begun = self.replica.begun_at or self.at
        heals = not self.result.unnamed
        return ReadReplica(self.replica, begun, self.at, self.last.damages, heals)

    def events(self, agent: Agent) -> list[Event]:
        """Return its events; the whole comes last: what is not among these damages is healed by it."""
        result = self.result
        counts = (result.confirmed, result.bytes)
        event = read_event(self.replica, self.at, counts, result.damaged, agent, unnamed=result.unnamed)
        return [*(damage_event(one, agent) for one in self.last.damages), event]


class AuditWork:
    """Reads claimed replicas for one claimant."""

    def __init__(self, ports: AuditPorts, claimant: Claimant) -> None:
        self._ports = ports
        self._claimant = claimant
        self.is_damaged = False
        """Whether damage was recorded, also of a replica that was not read to its end."""
        self._lock = Lock()
        self._renewed = time.monotonic()
        self._written = time.monotonic()

    def read(
        self, replicas: Sequence[AuditedReplica], reader: ReplicaReader, goes_on: Callable[[], bool]
    ) -> Iterator[AuditResult]:
        """Read the replicas, all in the store of ``reader``; yield what was seen of each once it is recorded.

        ``goes_on`` is asked before each replica, and within large ones; where it returns ``False``, the
        reading ends, and how far it was is recorded. Raises ``StorageError`` where the store or the
        database is away.
        """
        done: list[AuditResult | _Ended] = []
        ports, packages = self._ports, [one.package for one in replicas]
        recorded = recorded_digests_of(ports.catalogue, ports.journal, packages)
        try:
            for one in replicas:
                if not goes_on():
                    break
                result = self._read_one(one, recorded[one.package], reader, goes_on)
                if result is not None:
                    done.append(result)
                if self._is_time(done):
                    yield from self._record(done, reader)
        except PreservationError:
            # What was read before is told, too.
            yield from self._record(done, reader)
            raise
        except BaseException:
            self._record(done, reader)
            raise
        yield from self._record(done, reader)

    def beat(self) -> None:
        """Renew the claims now and then, also on what is read later. It is called from any thread."""
        with self._lock:
            if time.monotonic() - self._renewed < _RENEWED:
                return
            self._renewed = time.monotonic()
        self._ports.audits.hold(self._claimant, self._until())

    def _read_one(
        self,
        replica: AuditedReplica,
        recorded: RecordedDigests,
        reader: ReplicaReader,
        goes_on: Callable[[], bool],
    ) -> AuditResult | _Ended | None:
        """Return what was seen of a replica; ``None`` where the reading was stopped before its end."""
        ports = self._ports
        begun = replace(replica, begun_at=replica.begun_at or ports.clock())
        result = AuditResult(replica, 0, 0, 0, (), 0, recorded.doubts)
        try:
            for seen in reader.read(replica.package, recorded.digests, replica.reached):
                part = _dated(seen, begun)
                if part.reached is None:
                    return _Ended(begun, max(ports.clock(), begun.begun_at or ports.clock()), part, result)
                part = record_part(ports.audits, part, reader, ports.agent)
                self.is_damaged |= bool(part.damages)
                result = _with_part(result, part)
                begun = replace(begun, reached=part.reached)
                if not ports.audits.reach(self._claimant, begun, self._until()) or not goes_on():
                    # Somebody else reads it now, or the reading is to end.
                    return None
        except (IntegrityError, NotFoundError) as error:
            return unjudged(ports, result, reader, recorded, str(error))
        return None

    def _is_time(self, done: Sequence[object]) -> bool:
        return len(done) >= _TOGETHER or time.monotonic() - self._written > _WRITTEN

    def _record(self, done: list[AuditResult | _Ended], reader: ReplicaReader) -> list[AuditResult]:
        """Record the replicas that were read to their end; return what is known of all, and forget them."""
        found, agent = list(done), self._ports.agent
        done.clear()
        self._written = time.monotonic()
        while True:
            whole = [one for one in found if isinstance(one, _Ended)]
            events = [event for one in whole for event in one.events(agent)]
            ended = self._ports.audits.conclude([one.read for one in whole], events)
            if not ended:
                self.is_damaged |= any(one.last.damages for one in whole)
                return [one.result if isinstance(one, _Ended) else one for one in found]
            # It was repaired, or let be, since it was seen: it is looked at again before anything is said.
            found = [_looked_at_again(one, ended, reader) for one in found]

    def _until(self) -> datetime:
        return (self._ports.wall_clock or self._ports.clock)() + LEASE


def unjudged(
    ports: AuditPorts, result: AuditResult, reader: ReplicaReader, recorded: RecordedDigests, why: str
) -> AuditResult:
    """Return the result for a replica whose lists are lost, once it is recorded which of them are damaged.

    Raises ``StorageError`` where store or database are away.
    """
    part = read_tag_files(reader, result.replica.package, recorded.digests, why)
    part = record_part(ports.audits, part, reader, ports.agent)
    found = _with_part(result, part)
    # No file of the payload was read: of tag files alone nothing is counted as it was kept.
    return replace(found, confirmed=result.confirmed, bytes=result.bytes, again=result.again, unjudged=why)


def _looked_at_again(
    one: AuditResult | _Ended, ended: Sequence[RecordedDamage], reader: ReplicaReader
) -> AuditResult | _Ended:
    mine = [end for end in ended if end.damage.package == one.replica.package]
    if isinstance(one, AuditResult) or not mine:
        return one
    return replace(one, last=reader.look_again(one.last, mine))


def _dated(part: PartRead, replica: AuditedReplica) -> PartRead:
    """Return the part, none of its damages of a time before the reading began: a clock may be set back."""
    begun = replica.begun_at
    damages = [one if begun is None or one.at >= begun else replace(one, at=begun) for one in part.damages]
    return replace(part, damages=tuple(damages))


def _with_part(result: AuditResult, part: PartRead) -> AuditResult:
    return replace(
        result,
        confirmed=result.confirmed + part.confirmed,
        bytes=result.bytes + part.bytes,
        damaged=result.damaged + len(part.damages) + part.unnamed,
        damages=(*result.damages, *part.damages)[:_SHOWN],
        again=result.again + part.again,
        unnamed=result.unnamed + part.unnamed,
    )
