"""The journal's events of audits, and what is found in them again."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import uuid4

from preservation.model.amounts import count
from preservation.model.damage import Damage, DamageKind, digests_text
from preservation.model.events import Agent, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import EventId, PackageId, StoreName, SubmissionId
from storage.moments import moment_text, parse_moment
from storage.ports.audits import AuditedReplica
from storage.ports.journal import Entry

_BEGAN = re.compile(r"; the reading began at (\S+)$")
_UNNAMED = re.compile(r"[0-9,]+ not as kept, [0-9,]+ of them not named; ")
_READ = re.compile(r"all files of (.+) in store (\S+) read from where they rest")


HEALED_BY: Mapping[EventType, str] = MappingProxyType(
    {
        EventType.RECOVERY: "it was replaced from a replica that has it as it was kept, and read back",
        EventType.FIXITY_CHECK: "it was read again, and is as it was kept",
        EventType.QUARANTINE: "it was moved into the quarantine",
    }
)
"""Why damage is open no more, by the event of a repair that says so."""


def read_event(
    replica: AuditedReplica,
    at: datetime,
    counts: tuple[int, int],
    damaged: int,
    agent: Agent,
    *,
    unnamed: int = 0,
) -> Event:
    """Return the event of a replica of which every file was read at ``at``.

    ``counts`` are the files, and their bytes, that are as they were kept; of the ``damaged`` ones, the
    ``unnamed`` have no event of their own.
    """
    package = str(replica.package)
    files, size = counts
    note = f"{count(files, 'file')}, {count(size, 'byte')} as they were kept"
    if damaged:
        others = f", {unnamed:,} of them not named" if unnamed else ""
        note = f"{damaged:,} not as kept{others}; {note}"
    if replica.begun_at is not None:
        note += f"; the reading began at {moment_text(replica.begun_at)}"
    return Event(
        _identifier(replica.package, replica.store),
        EventType.FIXITY_CHECK,
        at,
        package,
        EventOutcome.FAIL if damaged else EventOutcome.SUCCESS,
        f"all files of {package} in store {replica.store} read from where they rest",
        note,
        agent,
    )


def store_read_in(entry: Entry) -> StoreName | None:
    """Return the store in which all of the entry's object was read then; ``None``: it is no such entry."""
    found = _READ.fullmatch(entry.detail)
    if entry.event_type != EventType.FIXITY_CHECK or found is None or found[1] != entry.object:
        return None
    return StoreName(found[2])


def names_all_damage(entry: Entry) -> bool:
    """Return whether each damage that a reading showed has an entry: then all else is as it was kept."""
    return _UNNAMED.match(entry.note) is None


def begun_in(entry: Entry) -> datetime:
    """Return when the reading began that the entry is about; its own time where it does not say."""
    found = _BEGAN.search(entry.note)
    return entry.at if found is None else parse_moment(found[1])


def damage_event(damage: Damage, agent: Agent) -> Event:
    """Return the event of a file that was read and is not as it was kept."""
    package = str(damage.package)
    note = damage.sentence
    if damage.kind is DamageKind.MISMATCHED:
        size = "" if damage.found_size is None else f" of {count(damage.found_size, 'byte')}"
        found = "" if damage.found is None else f", found {digests_text(damage.found)}{size}"
        note = f"{note}; kept {digests_text(damage.promised)}{found}"
    elif damage.promised:
        note = f"{note}; kept {digests_text(damage.promised)}"
    return Event(
        _identifier(damage.package, damage.store),
        EventType.FIXITY_CHECK,
        damage.at,
        f"{package}/{damage.path}" if damage.path else package,
        EventOutcome.FAIL,
        f"{damage.path or 'the whole replica'} of {package} in store {damage.store}: {damage.kind.value}",
        note,
        agent,
    )


def _identifier(package: PackageId, store: StoreName) -> EventId:
    return event_id(SubmissionId(uuid4().hex), EventType.FIXITY_CHECK, str(package), store)
