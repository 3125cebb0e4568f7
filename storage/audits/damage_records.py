"""Recording what was seen to be damaged, unless it was put right between the look and the record."""

from collections.abc import Callable, Sequence

from preservation.model.damage import Damage
from preservation.model.events import Agent, Event
from storage.audits.events import damage_event
from storage.audits.replica import PartRead, ReplicaReader
from storage.ports.audits import Audits, RecordedDamage


def record_part(audits: Audits, part: PartRead, reader: ReplicaReader, agent: Agent) -> PartRead:
    """Record the damage of a part of a replica; return the part as it is known to be then.

    A file of which damage ended after it was seen was repaired meanwhile, or let be: it is read once more.
    Raises ``StorageError`` where store or database are away.
    """
    while part.damages:
        ended = audits.record_damage(part.damages, [damage_event(one, agent) for one in part.damages])
        if not ended:
            break
        part = reader.look_again(part, ended)
    return part


def record_open(
    audits: Audits, damages: Sequence[Damage], events: Callable[[Sequence[Damage]], Sequence[Event]]
) -> None:
    """Record damage and its ``events``, but for what ended after it was seen. Raises ``StorageError``."""
    while ended := audits.record_damage(damages, events(damages)):
        damages = without(damages, ended)


def without(damages: Sequence[Damage], ended: Sequence[RecordedDamage]) -> list[Damage]:
    """Return those of the damages that are of other files than what ``ended``."""
    files = {(one.damage.package, one.damage.store, one.damage.path) for one in ended}
    return [one for one in damages if (one.package, one.store, one.path) not in files]
