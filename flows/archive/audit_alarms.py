"""The alarms of audits: one for each cause, with what to do next."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from preservation.model.amounts import count
from preservation.model.identifiers import StoreName
from storage.audits.work import AuditResult
from storage.ports.audits import RecordedDamage

_NAMED = 10


def damage_alarms(damages: Iterable[RecordedDamage], since: datetime, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each store in which damage is open that was not open before ``since``."""
    new: dict[StoreName, list[RecordedDamage]] = {}
    for one in damages:
        if one.found_at >= since:
            new.setdefault(one.damage.store, []).append(one)
    for store, found in new.items():
        yield damage_alarm(store, found, at)


def damage_alarm(store: StoreName, found: Sequence[RecordedDamage], at: datetime) -> Alarm:
    """Return the alarm that files of a store are not as they were kept; it names the first ten.

    ``found`` is damage that was not open before: what is known raises no alarm every day.
    """
    first = [one.damage.sentence for one in found[:_NAMED]]
    more = f" And {len(found) - _NAMED:,} more." if len(found) > _NAMED else ""
    replicas = len({one.damage.package for one in found})
    counted = f"{count(len(found), 'file')} of {count(replicas, 'replica')} not as kept"
    return new_alarm(
        AlarmKind.INTEGRITY,
        f"store {store}",
        at,
        happened=f"{counted}. {'. '.join(first)}.{more}",
        next_step="See all of it: muniment damage. Find out what or who changed it before it is repaired.",
        key=f"audit {store} {found[0].number} {found[-1].number}",
    )


_RECORDS = "Check the journal: muniment journal verify. What it confirms, the catalogue must say too."
_LISTS = (
    "See which files: muniment damage. Put one of them back as it was kept, from a backup of a store, and "
    "audit it again."
)


def doubt_alarm(result: AuditResult, at: datetime) -> Alarm:
    """Return the alarm that the records of a replica do not agree, or that its lists are lost."""
    sentences = [*result.doubts, *([result.unjudged] if result.unjudged else [])]
    return new_alarm(
        AlarmKind.INTEGRITY,
        str(result.replica.package),
        at,
        happened=" ".join(f"{one.rstrip('.')}." for one in sentences),
        next_step=_LISTS if result.unjudged and not result.doubts else _RECORDS,
        # Every store has its own sentence on lists that none of them has.
        key=f"audit {result.replica.package} {' '.join(result.doubts) or 'lists'}",
    )
