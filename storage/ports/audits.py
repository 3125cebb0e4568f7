"""The port of audits: when each replica was last read, who reads which now, and what damage is open.

None of it is the record of what is kept: the journal has an event of every replica that was read and of every
damage, and from these it is built again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from preservation.errors import NotFoundError
from preservation.model.damage import Damage
from preservation.model.events import Event
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from preservation.model.paths import BagPath

AuditId = NewType("AuditId", str)
"""Names one audit for good: hexadecimal text."""

Claimant = NewType("Claimant", str)
"""Names one reader of replicas, such as a slice of an audit, for as long as it reads."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Replicas in one store, of one collection, that were last read ``before`` a moment.

    ``since``: and not before that one. What was read later than now was read while a clock was ahead.
    """

    store: StoreName
    collection: CollectionName
    before: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReplicaCounts:
    """How many replicas, files and bytes; ``oldest`` is when the longest unread of them was read last."""

    replicas: int
    files: int
    bytes: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class AuditedReplica:
    """A replica, by how it was last read.

    ``files`` and ``bytes`` count what lies in its own folder of the store. ``read_at`` is when all of it was
    last read, at first when it was written. Of a reading that was interrupted, ``begun_at`` is its beginning
    and ``reached`` the last file of it in the order of the paths.
    """

    package: PackageId
    store: StoreName
    files: int
    bytes: int
    read_at: datetime
    begun_at: datetime | None = None
    reached: BagPath | None = None


class DamageState(StrEnum):
    """Whether somebody has to look at a damage."""

    OPEN = "open"
    HEALED = "healed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class RepairApproval:
    """That a person, ``by``, lets a damage be repaired, and why."""

    by: str
    because: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordedDamage:
    """A damage under its ``number``, as it was seen last; ``found_at`` is when it was first seen.

    *Healed* says that the file was read again as it was kept, *closed* that a person, ``ended_by``, let it
    be, ``because`` of something. ``approval`` is ``None`` where nobody has approved its repair.
    """

    number: int
    damage: Damage
    found_at: datetime
    state: DamageState = DamageState.OPEN
    ended_at: datetime | None = None
    ended_by: str = ""
    because: str = ""
    approval: RepairApproval | None = None


@dataclass(frozen=True, slots=True)
class ReadReplica:
    """A replica of which every file was read from ``begun_at`` to ``read_at``.

    ``damages`` are those of the last part of it that was read; what earlier parts showed is recorded already.
    ``heals``: whether every damaged file of it is named there, so that all others are as they were kept.
    """

    replica: AuditedReplica
    begun_at: datetime
    read_at: datetime
    damages: tuple[Damage, ...]
    heals: bool = True


@dataclass(frozen=True, slots=True)
class SampledFile:
    """The replica that holds a file, and which of its files that is, counted from 0."""

    replica: AuditedReplica
    index: int


class Audits(Protocol):
    """The state of audits. Every peer passes ``tests/contract/test_audits.py``.

    Every method may raise ``UnavailableError``, ``StoreFullError`` or ``DeniedError``.
    """

    def collections(self, store: StoreName) -> tuple[CollectionName, ...]:
        """Return the collections of which the store has replicas, by name."""

    def unread(self, scope: Scope) -> ReplicaCounts:
        """Return how much of the scope is to be read."""

    def read_since(self, store: StoreName, collection: CollectionName, since: datetime) -> ReplicaCounts:
        """Return how much was read again since a moment; what was only written since then does not count."""

    def claim(
        self,
        claimant: Claimant,
        scopes: Sequence[Scope],
        *,
        most_replicas: int,
        most_bytes: int,
        at: datetime,
        until: datetime,
        larger_alone: bool = True,
        most_files: int | None = None,
    ) -> tuple[AuditedReplica, ...]:
        """Claim the longest unread replicas of the first of ``scopes`` that has any, and return them.

        Nobody else gets them before ``until``, or before the claim is ended. At most ``most_replicas``,
        ``most_bytes`` and ``most_files``; ``larger_alone``: but one that is larger by itself. None
        where nothing is left unclaimed, or the next one is too large.
        A claim that lasts twice as long from ``at`` as this one was made while the clock was ahead: it counts
        not. One that lasts but little longer was made by whoever asked the time a moment later.
        """

    def claim_package(
        self, claimant: Claimant, package: PackageId, store: StoreName, *, at: datetime, until: datetime
    ) -> AuditedReplica | None:
        """Claim one replica; ``None`` where somebody else reads it.

        Raises ``NotFoundError`` where the catalogue has none of the version in that store.
        """

    def reach(self, claimant: Claimant, replica: AuditedReplica, until: datetime) -> bool:
        """Record how far a reading is, by ``begun_at`` and ``reached``, and hold the claim ``until`` then.

        Return whether the claim is the claimant's still; if not, nothing is recorded.
        """

    def hold(self, claimant: Claimant, until: datetime) -> None:
        """Hold every claim of the claimant ``until`` then, also of what it reads later."""

    def conclude(self, read: Sequence[ReadReplica], events: Iterable[Event]) -> tuple[RecordedDamage, ...]:
        """Record whole readings and the events of them in one transaction, and end the claims.

        Where damage ended after it was seen, nothing is recorded, and what ended is returned: it was repaired
        meanwhile, or let be, and whoever saw it before looks again.

        Damage of the same file in the same store that is open already is seen again, not found anew; open
        damage of the replica that was not seen again since the reading began is healed, unless it had more
        than are named: its file was read as it was kept. A reading whose claim is another's now is
        recorded all the same: it was done.
        """

    def record_damage(self, damages: Sequence[Damage], events: Iterable[Event]) -> tuple[RecordedDamage, ...]:
        """Record damage that was seen outside of a whole reading, and the events of it.

        Where damage ended after it was seen, nothing is recorded, and what ended is returned.
        """

    def claimants(self) -> tuple[Claimant, ...]:
        """Return everybody who claims a replica."""

    def restore_reading(self, package: PackageId, store: StoreName, read_at: datetime) -> None:
        """Record when a replica was read last, as the journal states it; a later reading that is known stays.

        Damage and claims stay as they are. A replica that is not known is passed over.
        """

    def release(self, claimant: Claimant) -> None:
        """End every claim of the claimant; what it has reached stays."""

    def damages(
        self, state: DamageState | None = DamageState.OPEN, package: PackageId | None = None
    ) -> Iterator[RecordedDamage]:
        """Yield damage in the order in which it was found; only of one state, of one version, if given."""

    def end_damage(
        self,
        numbers: Sequence[int],
        state: DamageState,
        *,
        at: datetime,
        by: str,
        because: str,
        events: Iterable[Event],
    ) -> tuple[RecordedDamage, ...]:
        """End those of the damages that are open, record the events in the same transaction, and return them.

        Raises ``NotFoundError`` where one of ``numbers`` is no damage.
        """

    def approve_repairs(
        self, numbers: Sequence[int], approval: RepairApproval, events: Iterable[Event]
    ) -> tuple[RecordedDamage, ...]:
        """Record that those of the damages may be repaired that are open and were not approved; return them.

        The events are recorded in the same transaction. Raises ``NotFoundError`` where one of ``numbers`` is
        no damage, and records nothing.
        """

    def files_in(self, store: StoreName) -> int:
        """Return how many files all replicas in the store have."""

    def sampled(self, store: StoreName, numbers: Iterable[int]) -> Iterator[SampledFile]:
        """Yield the file of each number, from 0 up to ``files_in``, by probes into a running total."""

    def beside(self, replica: AuditedReplica, most: int) -> tuple[AuditedReplica, ...]:
        """Return the replicas that came into the same store just before and after it, ``most`` of each."""

    def replicas(
        self, store: StoreName, collection: CollectionName | None = None
    ) -> Iterator[AuditedReplica]:
        """Yield every replica in the store, in the order of registration."""


def no_replica(package: PackageId, store: StoreName) -> NotFoundError:
    """Return the error for a replica that the catalogue does not have."""
    return NotFoundError(
        f"{package}: by the catalogue, store {store} has no replica of it; see which stores have one with: "
        f"muniment status {package.object}"
    )


def no_damage(number: int) -> NotFoundError:
    """Return the error for the number of no damage."""
    return NotFoundError(
        f"damage {number}: there is none of that number; see which there is with: muniment damage"
    )
