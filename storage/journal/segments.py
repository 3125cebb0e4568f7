"""Sealed segments: the lines between two signed heads, given to every store for good.

The two heads fix a segment's bytes: a second try, after a crash or from another process, gives the same.
"""

from dataclasses import dataclass
from datetime import datetime

from preservation.errors import IntegrityError
from preservation.model.paths import StoreKey
from storage.journal.exported import FOLDER, HEAD_SUFFIX
from storage.journal.heads import sign
from storage.journal.keys import SigningKey
from storage.journal.verification import Broken, Intact, verify
from storage.ports.journal import GENESIS, Journal, SignedHead


@dataclass(frozen=True, slots=True)
class Segment:
    """The entries from ``first`` to the one that ``signed`` vouches for."""

    first: int
    signed: SignedHead

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
    return tuple(map(Segment, (1, *(signed.head.seq + 1 for signed in heads)), heads))


def sign_head(journal: Journal, key: SigningKey, at: datetime) -> SignedHead | None:
    """Sign the journal as it stands; return ``None`` while it is empty, the same head while nothing is new.

    Before it signs, it hashes every entry since the last signed head but one again. Raises
    ``IntegrityError`` where they do not follow from that one.
    """
    known = [journal.head()]
    *earlier, last = (GENESIS, *(signed.head for signed in journal.signed_heads()))
    start = earlier[-1] if earlier else GENESIS
    match verify(journal.lines(start.seq), start=start, known=[*known, last]):
        case Broken(faults=faults):
            raise IntegrityError(
                f"the journal is not signed, for it is broken: {faults[0].message}; "
                "run: muniment journal verify"
            )
        case Intact(head=head):
            if head == GENESIS:
                return None
            return journal.keep_head(sign(head, at, key))
