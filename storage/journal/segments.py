"""Sealed segments: the lines between two signed heads, given to every store for good.

The two heads fix a segment's bytes: a second try, after a crash or from another process, gives the same.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from preservation.errors import IntegrityError
from preservation.model.paths import StoreKey
from storage.journal.exported import FOLDER, HEAD_SUFFIX
from storage.journal.heads import sign
from storage.journal.keys import SigningKey
from storage.journal.verification import Broken, Intact, verify
from storage.ports.journal import GENESIS, Head, Journal, SignedHead


@dataclass(frozen=True, slots=True)
class Segment:
    """The entries after ``previous``, the end of the segment before it, to the one of ``signed``."""

    previous: Head
    signed: SignedHead

    @property
    def first(self) -> int:
        """The number of its first entry."""
        return self.previous.seq + 1

    @property
    def entries(self) -> int:
        """How many entries it has."""
        return self.signed.head.seq - self.first + 1

    @property
    def lines_key(self) -> StoreKey:
        """Where a store keeps its entries."""
        return StoreKey(f"{FOLDER}/{self._span}.jsonl")

    @property
    def head_key(self) -> StoreKey:
        """Where a store keeps its signed head. It is written last: where it is, the segment is whole."""
        return StoreKey(f"{FOLDER}/{self._span}{HEAD_SUFFIX}")

    @property
    def _span(self) -> str:
        return f"{self.first:09d}-{self.signed.head.seq:09d}"


def segments(journal: Journal) -> tuple[Segment, ...]:
    """Return every sealed segment, oldest first; ``sign_head`` seals the next one."""
    heads = journal.signed_heads()
    return tuple(map(Segment, (GENESIS, *(signed.head for signed in heads)), heads))


def require_sound(journal: Journal, segment: Segment) -> None:
    """Raise ``IntegrityError`` where the entries are not those that the segment's head vouches for."""
    lines = islice(journal.lines(after=segment.previous.seq), segment.entries)
    verdict = verify(lines, start=segment.previous, known=[segment.signed.head])
    if isinstance(verdict, Broken):
        raise _is_broken(verdict)


def sign_head(journal: Journal, key: SigningKey, at: datetime) -> SignedHead | None:
    """Sign the journal as it stands; return ``None`` while it is empty, the same head while nothing is new.

    Before it signs, it hashes every entry since the last signed head but one again. Raises
    ``IntegrityError`` where they do not follow from that one.
    """
    known = [journal.head()]
    *earlier, last = (GENESIS, *(signed.head for signed in journal.signed_heads()))
    start = earlier[-1] if earlier else GENESIS
    match verify(journal.lines(start.seq), start=start, known=[*known, last]):
        case Broken() as broken:
            raise _is_broken(broken)
        case Intact(head=head):
            if head == GENESIS:
                return None
            return journal.keep_head(sign(head, at, key))


def _is_broken(verdict: Broken) -> IntegrityError:
    return IntegrityError(
        f"the journal is not signed, for it is broken: {verdict.faults[0].message}; "
        "run: muniment journal verify"
    )
