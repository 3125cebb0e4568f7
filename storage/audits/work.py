"""The work of an audit: claimed replicas are read, and what was seen of them is recorded."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from preservation.errors import IntegrityError, NotFoundError
from preservation.model.damage import Damage
from preservation.model.events import Agent, Event
from storage.audits.events import damage_event, read_event
from storage.audits.replica import PartRead, ReplicaReader
from storage.ports.audits import AuditedReplica, Audits, Claimant, ReadReplica
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Journal
from storage.tag_digests import recorded_digests

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
    are in ``damages``. ``again`` files could be read, or were as they were kept, only the second time.
    ``doubts`` are about the records that it was compared with. Where its lists are lost, ``unjudged`` says
    why nothing is known of its files.
    """

    replica: AuditedReplica
    confirmed: int
    bytes: int
    damaged: int
    damages: tuple[Damage, ...]
    again: int
    doubts: tuple[str, ...] = ()
    unjudged: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether every file is as it was kept, by records that agree."""
        return not (self.damaged or self.doubts or self.unjudged)


@dataclass(frozen=True, slots=True)
class AuditPorts:
    """What an audit works with. ``agent`` stands in the journal's events."""

    catalogue: Catalogue
    journal: Journal
    audits: Audits
    agent: Agent
    clock: Callable[[], datetime]


class AuditWork:
    """Reads claimed replicas for one claimant."""

    def __init__(self, ports: AuditPorts, claimant: Claimant) -> None:
        self._ports = ports
        self._claimant = claimant
        self._lock = Lock()
        self._current: AuditedReplica | None = None
        self._renewed = time.monotonic()
        self._pending: list[tuple[ReadReplica, Sequence[Event]]] = []
        self._written = time.monotonic()

    def read(
        self, replicas: Sequence[AuditedReplica], reader: ReplicaReader, goes_on: Callable[[], bool]
    ) -> Iterator[AuditResult]:
        """Read the replicas, all in the store of ``reader``; yield what was seen of each once it is recorded.

        ``goes_on`` is asked before each replica, and within large ones; where it returns ``False``, the
        reading ends, and how far it was is recorded. Raises ``StorageError`` where the store or the
        database is away.
        """
        done: list[AuditResult] = []
        try:
            for one in replicas:
                if not goes_on():
                    break
                result = self._read_one(one, reader, goes_on)
                if result is not None:
                    done.append(result)
                if self._is_time():
                    self._record()
                    yield from done
                    done = []
        finally:
            self._record()
        yield from done

    def beat(self) -> None:
        """Renew the claim of what is being read, now and then. It is called from any thread."""
        with self._lock:
            current = self._current
            if current is None or time.monotonic() - self._renewed < _RENEWED:
                return
            self._renewed = time.monotonic()
        self._ports.audits.reach(self._claimant, current, self._until())

    def _read_one(
        self, replica: AuditedReplica, reader: ReplicaReader, goes_on: Callable[[], bool]
    ) -> AuditResult | None:
        """Return what was seen of a replica; ``None`` where the reading was stopped before its end."""
        ports = self._ports
        recorded = recorded_digests(ports.catalogue, ports.journal, replica.package)
        begun = replace(replica, begun_at=replica.begun_at or ports.clock())
        result = AuditResult(replica, 0, 0, 0, (), 0, recorded.doubts)
        self._follow(begun)
        try:
            for part in reader.read(replica.package, recorded.digests, replica.reached):
                result = _with_part(result, part)
                if part.reached is None:
                    self._end(begun, part, result)
                    return result
                begun = replace(begun, reached=part.reached)
                if not self._reach(begun, part):
                    # Somebody else reads it now.
                    return None
                if not goes_on():
                    return None
        except (IntegrityError, NotFoundError) as error:
            return replace(result, unjudged=str(error))
        finally:
            self._follow(None)
        return None

    def _follow(self, replica: AuditedReplica | None) -> None:
        with self._lock:
            self._current = replica

    def _reach(self, replica: AuditedReplica, part: PartRead) -> bool:
        audits = self._ports.audits
        damages = self._dated(replica, part)
        if damages:
            audits.record_damage(damages, self._events_of(damages))
        self._follow(replica)
        return audits.reach(self._claimant, replica, self._until())

    def _end(self, replica: AuditedReplica, part: PartRead, result: AuditResult) -> None:
        damages = self._dated(replica, part)
        begun = replica.begun_at or self._ports.clock()
        at = max(self._ports.clock(), begun)
        counts = (result.confirmed, result.bytes)
        event = read_event(replica, at, counts, result.damaged, self._ports.agent)
        whole = ReadReplica(replica, begun, at, tuple(damages))
        # The whole comes last: what was damaged before and is not among these is healed by it.
        self._pending.append((whole, [*self._events_of(damages), event]))

    def _dated(self, replica: AuditedReplica, part: PartRead) -> list[Damage]:
        """Return the part's damages, none of a time before the reading began: a clock may be set back."""
        begun = replica.begun_at
        return [one if begun is None or one.at >= begun else replace(one, at=begun) for one in part.damages]

    def _events_of(self, damages: Sequence[Damage]) -> list[Event]:
        return [damage_event(one, self._ports.agent) for one in damages]

    def _is_time(self) -> bool:
        return len(self._pending) >= _TOGETHER or time.monotonic() - self._written > _WRITTEN

    def _record(self) -> None:
        pending, self._pending = self._pending, []
        self._written = time.monotonic()
        if pending:
            events = [event for _, of_one in pending for event in of_one]
            self._ports.audits.conclude([whole for whole, _ in pending], events)

    def _until(self) -> datetime:
        return self._ports.clock() + LEASE


def _with_part(result: AuditResult, part: PartRead) -> AuditResult:
    return replace(
        result,
        confirmed=result.confirmed + part.confirmed,
        bytes=result.bytes + part.bytes,
        damaged=result.damaged + len(part.damages) + part.unnamed,
        damages=(*result.damages, *part.damages)[:_SHOWN],
        again=result.again + part.again,
    )
