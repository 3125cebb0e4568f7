"""Open damage: what is damaged until it is healed, or closed by a person with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from flows.installation.settings import Settings
from flows.installation.wiring import now, open_installation
from preservation.model.amounts import count
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import PackageId, StoreName, SubmissionId
from storage.ports.audits import Audits, DamageState, RecordedDamage


@dataclass(frozen=True, slots=True)
class OpenDamage:
    """How much damage is open: so many files of so many replicas, in ``stores``."""

    files: int
    replicas: int
    stores: tuple[StoreName, ...]

    @property
    def sentence(self) -> str:
        """What is open, without an end mark; empty where nothing is."""
        if not self.files:
            return ""
        of = f"{count(self.replicas, 'replica')} in {' and '.join(self.stores)}"
        return f"{count(self.files, 'file')} of {of} not as kept"


def open_damage(audits: Audits) -> OpenDamage:
    """Count the damage that is open. Raises ``StorageError`` where the database does not answer."""
    files = 0
    replicas: dict[tuple[StoreName, PackageId], None] = {}
    for one in audits.damages():
        files += 1
        replicas[one.damage.store, one.damage.package] = None
    return OpenDamage(files, len(replicas), tuple(dict.fromkeys(store for store, _ in replicas)))


def damages(
    settings: Settings, *, ended: bool = False, package: PackageId | None = None
) -> tuple[RecordedDamage, ...]:
    """Return the open damage in the order in which it was found; with ``ended`` all that was ever found.

    Raises ``StorageError`` where the database does not answer.
    """
    with open_installation(settings) as installation:
        return tuple(installation.audits.damages(None if ended else DamageState.OPEN, package))


def close_damages(
    settings: Settings, numbers: Sequence[int], *, by: str, because: str
) -> tuple[RecordedDamage, ...]:
    """Close damage that a person lets be; return what was open and is closed now.

    The journal has who closed it, and why. Raises ``NotFoundError`` where a number is none.
    """
    person = Agent(AgentKind.PERSON, by)
    at = now()
    with open_installation(settings) as installation:
        named = {one.number: one for one in installation.audits.damages(None) if one.number in numbers}
        events = [
            Event(
                event_id(SubmissionId(uuid4().hex), EventType.POLICY_ASSIGNMENT, str(number)),
                EventType.POLICY_ASSIGNMENT,
                at,
                f"{one.damage.package}/{one.damage.path}".rstrip("/"),
                EventOutcome.SUCCESS,
                f"damage {number} was closed: {one.damage.sentence}",
                because,
                person,
            )
            for number, one in named.items()
            if one.state is DamageState.OPEN
        ]
        return installation.audits.end_damage(
            numbers, DamageState.CLOSED, at=at, by=by, because=because, events=events
        )
