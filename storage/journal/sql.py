"""The journal as a table beside the catalogue: one chain, however many processes write."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    cast,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from preservation.errors import IntegrityError
from preservation.model.digests import HexDigest
from preservation.model.events import Event, EventType
from preservation.model.identifiers import EventId
from storage.database import tables
from storage.database.opening import Database
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
from storage.ports.journal import Appended, Entry, Head, KeyId, SignedHead, subject_of

_BATCH = 1000
"""Entries a statement. More would gain nothing, and databases limit the values of one statement."""


def append_entries(connection: Connection, events: Iterable[Event]) -> Appended:
    """Append the events that are new, within the writing transaction of ``connection``.

    The lock on the head is held until the transaction ends, so that no other writer's entry comes in
    between. Raises ``ValueError`` where an event's time has no zone.
    """
    start = head = _head(connection)
    remaining = iter(events)
    while batch := list(islice(remaining, _BATCH)):
        links = list(follow(head, keep_new(batch, _known(connection, batch))))
        if links:
            head = links[-1][0]
            _file(connection, [filed for _, filed in links])
    _move_head(connection, head)
    return Appended(start.seq + 1, head)


class _Holds(ColumnElement[bool]):
    """Whether bytes are among those of a column; databases have different words for it."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, within: ColumnElement[bytes], searched: bytes) -> None:
        self.within = within
        self.searched = literal(searched, LargeBinary)


@compiles(_Holds)
def _holds(element: _Holds, compiler: SQLCompiler, **kinds: Any) -> str:  # noqa: ANN401  SQLAlchemy's own
    within, searched = (compiler.process(one, **kinds) for one in (element.within, element.searched))
    if compiler.dialect.name == "sqlite":
        return f"instr({within}, {searched}) > 0"
    return f"position({searched} in {within}) > 0"


class SqlJournal:
    """A ``Journal`` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, events: Iterable[Event]) -> Appended:
        """Append the events that are not in the journal yet, all or none of them."""
        with self._database.writing() as connection:
            return append_entries(connection, events)

    def head(self) -> Head:
        """Return the last place of the chain."""
        with self._database.reading() as connection:
            return _head(connection, lock=False)

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Yield the entries above ``after``, a line each."""
        return (row.line for row in self._rows(after=after))

    def about(self, object_name: str | None = None, limit: int | None = None) -> Iterator[Entry]:
        """Yield entries in the order of the chain; only those about ``object_name``, if given."""
        if limit is None:
            return self._entries(object_name)
        return reversed(list(islice(self._entries(object_name, newest_first=True), limit)))

    def about_any(self, object_names: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries about any of the objects, in the order of the chain."""
        names = set(map(recordable, object_names))
        for row in self._rows(where=tables.journal.c.subject.in_(names)):
            entry = read_kept(row.seq, row.line)
            if subject_of(entry.object) in names:
                yield entry

    def of_types(self, types: Collection[EventType], since: datetime | None = None) -> Iterator[Entry]:
        """Yield the entries of these types, in the order of the chain, from ``since`` on."""
        # The text may also stand in a note: it chooses what is read, and reading decides.
        line = tables.journal.c.line
        likely = or_(*(_Holds(line, f'"event_type":"{one.value}"'.encode()) for one in types))
        for row in self._rows(where=likely):
            entry = read_kept(row.seq, row.line)
            if entry.event_type in types and (since is None or entry.at >= since):
                yield entry

    def misfiled(self) -> Iterator[int]:
        """Yield the ``seq`` of entries that the index finds under what they are not."""
        for row in self._rows():
            try:
                _, filed = file_line(row.line)
            except ValueError:
                # It is no entry at all: verifying the lines reports that.
                continue
            if filed != FiledLine(row.seq, row.identifier, row.subject, row.line):
                yield row.seq

    def signed_heads(self) -> tuple[SignedHead, ...]:
        """Return every signed head, oldest first."""
        heads = tables.journal_signed_heads
        with self._database.reading() as connection:
            rows = connection.execute(select(heads).order_by(heads.c.seq)).all()
        return tuple(_signed_head(row) for row in rows)

    def keep_head(self, signed: SignedHead) -> SignedHead:
        """Keep a signed head and return it, or the newest one where it vouches for as much.

        So heads are kept in the order of the chain, and what lies between two of them never changes.
        """
        heads = tables.journal_signed_heads
        with self._database.writing() as connection:
            _head(connection)
            newest = connection.execute(select(heads).order_by(heads.c.seq.desc()).limit(1)).one_or_none()
            if newest is not None and newest.seq >= signed.head.seq:
                return _signed_head(newest)
            connection.execute(insert(heads), signed.fields)
        return signed

    def put_back_heads(self, heads: Iterable[SignedHead]) -> tuple[SignedHead, ...]:
        """Keep signed heads that the journal has lost, and return them."""
        with self._database.writing() as connection:
            _head(connection)
            return _put_back(connection, heads)

    def restore(self, lines: Iterable[bytes], heads: Iterable[SignedHead]) -> Head:
        """Put back entries and heads that the journal has lost or never had."""
        with self._database.writing() as connection:
            head = _head(connection)
            remaining = lines_after(head, lines)
            while links := [file_line(line) for line in islice(remaining, _BATCH)]:
                head = links[-1][0]
                _file(connection, [filed for _, filed in links])
            _move_head(connection, head)
            _put_back(connection, heads)
        return head

    def _entries(self, object_name: str | None, *, newest_first: bool = False) -> Iterator[Entry]:
        # The index files a collection's entries under many subjects: it helps only below a collection.
        subject = subject_of(recordable(object_name)) if object_name and "/" in object_name else None
        for row in self._rows(subject=subject, newest_first=newest_first):
            entry = read_kept(row.seq, row.line)
            if object_name is None or concerns(entry, object_name):
                yield entry

    def _rows(
        self,
        *,
        subject: str | None = None,
        where: ColumnElement[bool] | None = None,
        after: int = 0,
        newest_first: bool = False,
    ) -> Iterator[Row[Any]]:
        # Whatever was put there by hand comes back as bytes.
        line = cast(tables.journal.c.line, LargeBinary).label("line")
        query = select(tables.journal.c.seq, tables.journal.c.identifier, tables.journal.c.subject, line)
        if subject is not None:
            query = query.where(tables.journal.c.subject == subject)
        if where is not None:
            query = query.where(where)
        seq = tables.journal.c.seq
        return chain.from_iterable(self._database.pages(query, seq, after=after, newest_first=newest_first))


def _head(connection: Connection, *, lock: bool = True) -> Head:
    query = select(tables.journal_head)
    # SQLite's writers exclude each other anyway, and its dialect leaves FOR UPDATE out.
    rows = connection.execute(query.with_for_update() if lock else query).all()
    if len(rows) != 1:
        raise IntegrityError(
            f"table journal_head of the database has {len(rows)} rows where it must have one, the end of the "
            "journal's chain: the database was changed by hand; nothing is appended; "
            "run: muniment journal verify, and restore the database from a backup"
        )
    return Head(rows[0].seq, HexDigest(rows[0].hash))


def _move_head(connection: Connection, head: Head) -> None:
    connection.execute(update(tables.journal_head).values(seq=head.seq, hash=head.hash))


def _put_back(connection: Connection, heads: Iterable[SignedHead]) -> tuple[SignedHead, ...]:
    signed_heads = tables.journal_signed_heads
    there = set(connection.scalars(select(signed_heads.c.seq)))
    lost = {signed.head.seq: signed for signed in heads if signed.head.seq not in there}
    if lost:
        connection.execute(insert(signed_heads), [signed.fields for signed in lost.values()])
    return tuple(lost.values())


def _known(connection: Connection, events: Iterable[Event]) -> set[EventId]:
    identifier = tables.journal.c.identifier
    asked = [recordable(event.identifier) for event in events]
    return {EventId(known) for known in connection.scalars(select(identifier).where(identifier.in_(asked)))}


def _file(connection: Connection, filed: list[FiledLine]) -> None:
    connection.execute(insert(tables.journal), [line._asdict() for line in filed])


def _signed_head(row: Row[Any]) -> SignedHead:
    return SignedHead(Head(row.seq, HexDigest(row.hash)), row.at, KeyId(row.key), row.signature)
