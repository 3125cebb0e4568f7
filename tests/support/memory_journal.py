"""The journal in memory: the peer of the database under one contract, and the tests' own."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from preservation.model.events import Event, EventType
from storage.journal.entries import (
    FiledLine,
    concerns,
    file_line,
    follow,
    keep_new,
    lines_after,
    read_kept,
    recordable,
)
from storage.ports.journal import GENESIS, Appended, Entry, Head, SignedHead, subject_of


class MemoryJournal:
    """A ``Journal`` that is gone with the process."""

    def __init__(self) -> None:
        self._filed: list[FiledLine] = []
        self._head = GENESIS
        self._signed: list[SignedHead] = []
        self._lock = threading.Lock()

    def append(self, events: Iterable[Event]) -> Appended:
        """Append the events that are not in the journal yet, all or none of them."""
        with self._lock:
            known = {filed.identifier for filed in self._filed}
            links = list(follow(self._head, keep_new(events, known)))
            first = self._head.seq + 1
            self._filed += [filed for _, filed in links]
            if links:
                self._head = links[-1][0]
            return Appended(first, self._head)

    def head(self) -> Head:
        """Return the last place of the chain."""
        return self._head

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Yield the entries above ``after``, a line each."""
        return (filed.line for filed in self._filed[after:])

    def about(self, object_name: str | None = None, limit: int | None = None) -> Iterator[Entry]:
        """Yield entries in the order of the chain; only those about ``object_name``, if given."""
        newest_first = (read_kept(filed.seq, filed.line) for filed in reversed(self._filed))
        told = (entry for entry in newest_first if object_name is None or concerns(entry, object_name))
        return reversed(list(islice(told, limit)))

    def about_any(self, object_names: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries about any of the objects, in the order of the chain."""
        names = set(map(recordable, object_names))
        entries = (read_kept(filed.seq, filed.line) for filed in list(self._filed))
        return (one for one in entries if subject_of(one.object) in names)

    def of_types(self, types: Collection[EventType], since: datetime | None = None) -> Iterator[Entry]:
        """Yield the entries of these types in the order of the chain."""
        entries = (read_kept(filed.seq, filed.line) for filed in list(self._filed))
        return (one for one in entries if one.event_type in types and (since is None or one.at >= since))

    def misfiled(self) -> Iterator[int]:
        """Yield nothing: there is no index apart from the entries."""
        return iter(())

    def signed_heads(self) -> tuple[SignedHead, ...]:
        """Return every signed head, oldest first."""
        return tuple(self._signed)

    def keep_head(self, signed: SignedHead) -> SignedHead:
        """Keep a signed head and return it, or the newest one where it vouches for as much."""
        with self._lock:
            if not self._signed or self._signed[-1].head.seq < signed.head.seq:
                self._signed.append(signed)
            return self._signed[-1]

    def put_back_heads(self, heads: Iterable[SignedHead]) -> tuple[SignedHead, ...]:
        """Keep signed heads that the journal has lost, and return them."""
        with self._lock:
            there = {signed.head.seq for signed in self._signed}
            lost = {signed.head.seq: signed for signed in heads if signed.head.seq not in there}
            self._signed = sorted([*self._signed, *lost.values()], key=lambda signed: signed.head.seq)
            return tuple(lost.values())

    def restore(self, lines: Iterable[bytes], heads: Iterable[SignedHead]) -> Head:
        """Put back entries and heads that the journal has lost or never had."""
        with self._lock:
            links = [file_line(line) for line in lines_after(self._head, lines)]
            self._filed += [filed for _, filed in links]
            self._head = links[-1][0] if links else self._head
        self.put_back_heads(heads)
        return self._head
