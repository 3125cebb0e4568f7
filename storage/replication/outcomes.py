"""How replication ends: per store, and for the package."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from preservation.model.identifiers import StoreName
from preservation.model.issues import Issue, IssueCode
from preservation.model.packages import Replica

SOURCE_CHANGED = IssueCode("REP-001")
NOT_WHAT_WAS_WRITTEN = IssueCode("REP-002")
LOST = IssueCode("REP-003")
UNREADABLE = IssueCode("REP-004")
UNKNOWN_FILE = IssueCode("REP-005")
STORE_FAILED = IssueCode("REP-006")
EARLIER_FILE_LOST = IssueCode("REP-007")


class AtFault(StrEnum):
    """Which side of a mismatch is not what it was when it was surveyed."""

    SOURCE = "source"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Verified:
    """Everything was read back from where it rests, and matched."""

    replica: Replica


@dataclass(frozen=True, slots=True)
class Failed:
    """The store could not do its part. ``reason`` is a sentence; nothing of the version is visible there."""

    store: StoreName
    reason: str
    retryable: bool
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What the store holds is not what was planned. The version was not committed there by us."""

    store: StoreName
    reason: str
    at_fault: AtFault
    issues: tuple[Issue, ...]


Failure: TypeAlias = Failed | Mismatch
StoreOutcome: TypeAlias = Verified | Failure


@dataclass(frozen=True, slots=True)
class Stored:
    """The policy's copies on the policy's sites are reached. ``failures`` are of stores beyond that."""

    replicas: tuple[Replica, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Short:
    """Fewer copies or sites than the policy asks for. The replicas stay: they need not be made again."""

    replicas: tuple[Replica, ...]
    failures: tuple[Failure, ...]


ReplicationOutcome: TypeAlias = Stored | Short
