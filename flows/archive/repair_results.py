"""What repair came to, file by file, and the events of it in the journal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import uuid4

from flows.installation.wiring import SOFTWARE, Installation, now
from preservation.model.amounts import count
from preservation.model.damage import digests_text
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import PackageId, StoreName, SubmissionId
from preservation.model.paths import printable
from storage.audits.events import HEALED_BY
from storage.ports.audits import DamageState, RecordedDamage
from storage.repair import Salvage

_BATCH = 200
"""So many damages are ended in one transaction."""


class RepairState(StrEnum):
    """What became of a damage. *Healable* is said in a dry run, *waiting* of one that no person approved."""

    HEALED = "healed"
    AS_KEPT = "as-kept"
    TAKEN_AWAY = "taken-away"
    HEALABLE = "healable"
    NOT_HEALED = "not-healed"
    NO_GOOD_REPLICA = "no-good-replica"
    WAITING = "waiting"


ENDED = {
    RepairState.HEALED: EventType.RECOVERY,
    RepairState.AS_KEPT: EventType.FIXITY_CHECK,
    RepairState.TAKEN_AWAY: EventType.QUARANTINE,
}
"""The states in which a damage is open no more, and the event that says so."""


@dataclass(frozen=True, slots=True)
class RepairResult:
    """A damage, what became of it, and a sentence on that. ``salvage`` is what is left where none is good."""

    recorded: RecordedDamage
    state: RepairState
    sentence: str
    salvage: tuple[Salvage, ...] = ()


@dataclass(slots=True)
class RepairRecord:
    """Ends what was repaired, with its events, batch by batch: what is not recorded yet is open still."""

    installation: Installation
    is_sealed: bool = True
    _ended: list[RepairResult] = field(default_factory=list)
    _failed: list[RepairResult] = field(default_factory=list)
    _begun: tuple[PackageId, StoreName] | None = None

    def add(self, result: RepairResult) -> None:
        """Take a result. Raises ``StorageError`` where the database does not answer."""
        if result.state in ENDED:
            self._ended.append(result)
        elif result.state in {RepairState.NOT_HEALED, RepairState.NO_GOOD_REPLICA}:
            self._failed.append(result)
        if len(self._ended) >= _BATCH:
            self._end()

    def begin(self, package: PackageId, store: StoreName) -> None:
        """Record that a replica is going to be changed: a run that is killed leaves at least that.

        Raises ``StorageError``; then nothing may be changed.
        """
        if (package, store) != self._begun:
            self.installation.journal.append([_beginning(package, store)])
            self._begun = (package, store)
            self.is_sealed = False

    def close_replica(self) -> None:
        """Record what is left of one replica. Raises ``StorageError``."""
        self._end()
        if self._failed:
            self.installation.audits.record_damage((), [_failure(self._failed)])
            self._failed.clear()
            self.is_sealed = False

    def _end(self) -> None:
        for state, kind in ENDED.items():
            chosen = [one for one in self._ended if one.state is state]
            if chosen:
                self.installation.audits.end_damage(
                    [one.recorded.number for one in chosen],
                    DamageState.HEALED,
                    at=now(),
                    by="",
                    because=HEALED_BY[kind],
                    events=[_success(one) for one in chosen],
                )
                self.is_sealed = False
        self._ended.clear()


def _beginning(package: PackageId, store: StoreName) -> Event:
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.RECOVERY),
        EventType.RECOVERY,
        now(),
        str(package),
        EventOutcome.SUCCESS,
        f"repair of {package} in store {store}",
        "begun: what is not as it was kept goes to the quarantine, file by file",
        SOFTWARE,
    )


def _success(result: RepairResult) -> Event:
    damage = result.recorded.damage
    promised = digests_text(damage.promised)
    note = result.sentence + (f"; {promised}" if promised else "")
    about = f"{damage.package}/{damage.path}".rstrip("/")
    return _event(
        ENDED[result.state], about, result, f"damage {result.recorded.number}: {damage.sentence}", note
    )


def _failure(failed: Sequence[RepairResult]) -> Event:
    """Return one event for all files of a replica: a store that is away is no news a file."""
    first = failed[0]
    more = f". And {count(len(failed) - 1, 'more file')}" if len(failed) > 1 else ""
    damage = first.recorded.damage
    detail = f"repair of {count(len(failed), 'file')} of {damage.package} in store {damage.store}"
    return _event(
        EventType.RECOVERY, str(damage.package), first, detail, first.sentence + more, EventOutcome.FAIL
    )


def _event(
    kind: EventType,
    object_name: str,
    result: RepairResult,
    detail: str,
    note: str,
    outcome: EventOutcome = EventOutcome.SUCCESS,
) -> Event:
    return Event(
        event_id(SubmissionId(uuid4().hex), kind, str(result.recorded.number)),
        kind,
        now(),
        object_name,
        outcome,
        printable(detail),
        printable(note),
        SOFTWARE,
    )
