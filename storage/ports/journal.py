"""The journal's port: every act, in an append-only chain of hashes.

``docs/journal.md`` specifies every byte of an entry, a head, a segment and a signature.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from preservation.model.digests import HexDigest
from preservation.model.events import Event, EventType
from preservation.model.identifiers import EventId

KeyId = NewType("KeyId", str)
"""SHA-256 of a raw Ed25519 public key, as lower-case hexadecimal text."""


@dataclass(frozen=True, slots=True)
class Head:
    """A place in the chain: the entry ``seq`` has this ``hash``, and with it all entries before it."""

    seq: int
    hash: HexDigest


GENESIS = Head(0, HexDigest("0" * 64))
"""What the first entry follows."""


def subject_of(object_name: str) -> str:
    """Return the ``collection/name`` of the object that ``object_name`` is, or is in."""
    return "/".join(object_name.split("/", 2)[:2])


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as read.

    The words of the vocabularies are kept as text, not as enumerations: an older program must be
    able to read what a newer one wrote.
    """

    seq: int
    identifier: EventId
    at: datetime
    event_type: str
    object: str
    outcome: str
    detail: str
    note: str
    agent_kind: str
    agent_name: str
    agent_version: str
    head: Head
    previous: HexDigest


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: it wrote ``first_seq`` to ``head.seq``; none, where the one is above the other."""

    first_seq: int
    head: Head

    @property
    def entries(self) -> int:
        """How many events were new."""
        return self.head.seq - self.first_seq + 1


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head, vouched for. ``signature`` is Ed25519 (RFC 8032) as 128 hexadecimal digits."""

    head: Head
    at: datetime
    key: KeyId
    signature: str

    @property
    def fields(self) -> dict[str, object]:
        """What it is given away as, and kept as; a file writes ``at`` as text."""
        return {
            "seq": self.head.seq,
            "hash": self.head.hash,
            "at": self.at,
            "key": self.key,
            "signature": self.signature,
        }


class Journal(Protocol):
    """An append-only chain of entries that many writers keep together.

    Every method may raise ``UnavailableError``, ``StoreFullError`` or ``DeniedError``.
    """

    def append(self, events: Iterable[Event]) -> Appended:
        """Append the events that are not in the journal yet, all or none of them.

        An event is known by its identifier; the first record of it stands. Raises ``ValueError`` where an
        event's time has no zone, ``IntegrityError`` as ``head`` does.
        """

    def head(self) -> Head:
        """Return the last place of the chain, ``GENESIS`` where it is empty.

        Raises ``IntegrityError`` where it is no longer known, which a change by hand must have caused.
        """

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Yield the entries above ``after`` as they are hashed and exported: a line each, with its end."""

    def about(self, object_name: str | None = None, limit: int | None = None) -> Iterator[Entry]:
        """Yield entries in the order of the chain; the last ``limit`` of them, if given.

        With ``object_name`` (``collection/name``, a version of it, a file in one) only those that
        are about it or about what is in it. Raises ``IntegrityError`` where an entry cannot be read.
        """

    def about_any(self, object_names: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries about any of the objects (``collection/name``), in the order of the chain.

        They are asked for in one statement, so they are some hundreds at most. Raises as ``about``.
        """

    def of_types(self, types: Collection[EventType], since: datetime | None = None) -> Iterator[Entry]:
        """Yield the entries of these types in the order of the chain; only those from ``since`` on, if given.

        Others are passed over unread. Raises ``IntegrityError`` where an entry of them cannot be read.
        """

    def misfiled(self) -> Iterator[int]:
        """Yield the ``seq`` of entries that the index finds under another identifier or object."""

    def signed_heads(self) -> tuple[SignedHead, ...]:
        """Return every signed head, oldest first."""

    def keep_head(self, signed: SignedHead) -> SignedHead:
        """Keep a signed head and return it; or return the newest one, where it vouches for as much."""

    def put_back_heads(self, heads: Iterable[SignedHead]) -> tuple[SignedHead, ...]:
        """Keep signed heads that the journal has lost, and return them; those it has of an entry stay.

        They must have been verified, and be in the chain.
        """

    def restore(self, lines: Iterable[bytes], heads: Iterable[SignedHead]) -> Head:
        """Put back verified entries and heads that the journal has lost or never had; return its head.

        ``lines`` are a whole journal: those that this one has are passed over. Raises ``IntegrityError``,
        and puts nothing back, where they do not come by the last entry that is here; ``ValueError`` at
        a line that is not an entry.
        """
