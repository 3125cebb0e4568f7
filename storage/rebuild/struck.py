"""Stores that were struck from the catalogue: what the journal has of them before counts no more."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from preservation.model.events import EventType
from preservation.model.identifiers import StoreName
from storage.journal.entries import read_entry
from storage.ports.journal import Entry

_DELETION: Final = f'"event_type":"{EventType.DELETION.value}"'.encode()
_STRUCK: Final = re.compile(r"the replica of (.+) in store (\S+) struck from the catalogue")


def struck_in(lines: Iterable[bytes]) -> Mapping[StoreName, int]:
    """Return the last entry by which each store was struck: a store is struck as a whole, or not."""
    found: dict[StoreName, int] = {}
    for line in lines:
        if _DELETION not in line:
            continue
        try:
            entry = read_entry(line)
        except ValueError:
            continue
        store = struck_store(entry)
        if store is not None:
            found[store] = entry.seq
    return found


def struck_store(entry: Entry) -> StoreName | None:
    """Return the store whose replica of the entry's object was struck; ``None``: it is no such entry."""
    struck = _STRUCK.fullmatch(entry.detail)
    if entry.event_type != EventType.DELETION or struck is None or struck[1] != entry.object:
        return None
    return StoreName(struck[2])
