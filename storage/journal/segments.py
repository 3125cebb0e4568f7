"""Sealed segments: the lines between two signed heads, given to every store for good.

The two heads fix a segment's bytes: a second try, after a crash or from another process, gives the same.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import AlreadyExistsError, IntegrityError
from preservation.fixity.checking import Confirmed, check_stream
from preservation.fixity.digesting import digest_file
from preservation.model.digests import Algorithm
from preservation.model.paths import StoreKey
from storage.journal.comparing import require_one_chain
from storage.journal.exported import FOLDER, HEAD_SUFFIX
from storage.journal.heads import head_line, sign
from storage.journal.keys import SigningKey, public_key_name, public_pem
from storage.journal.verification import Broken, Intact, verify
from storage.ports.journal import GENESIS, Journal, KeyId, SignedHead
from storage.ports.stores import Deposit, Store


@dataclass(frozen=True, slots=True)
class Segment:
    """The entries from ``first`` to the one that ``signed`` vouches for."""

    first: int
    signed: SignedHead

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


@dataclass(frozen=True, slots=True)
class AgreeingStore:
    """A store in which nothing contradicts the journal; ``held`` are the keys of its journal's folder."""

    store: Store
    held: frozenset[StoreKey]


def agreeing(journal: Journal, store: Store) -> AgreeingStore:
    """Return ``store``, after checking that it holds no signed head which is not in the journal's chain.

    It is called before a head is signed: another chain must not be signed. Raises ``IntegrityError`` where
    the store holds such a head, ``StorageError`` as the store does.
    """
    held = frozenset(kept.key for kept in store.list(FOLDER))
    # Read after the store: what another process seals meanwhile is known then, and no other chain.
    sealed = segments(journal)
    require_one_chain(journal, store, held, {segment.head_key: segment.signed for segment in sealed})
    return AgreeingStore(store, held)


def publish(
    journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], target: AgreeingStore, scratch: Path
) -> tuple[Segment, ...]:
    """Give a store every sealed segment that it lacks, with the public keys, and read them back.

    Returns the segments that were lacking. ``scratch`` is a folder to write them in first. Raises
    ``IntegrityError`` where the store gives back other bytes, ``StorageError`` as the store does.
    """
    store = target.store
    lacking = tuple(segment for segment in segments(journal) if segment.head_key not in target.held)
    for segment in lacking:
        count = segment.signed.head.seq - segment.first + 1
        lines = islice(journal.lines(after=segment.first - 1), count)
        _give(store, segment.lines_key, lines, scratch)
        signer = segment.signed.key
        if signer in keys:
            pem = public_pem(keys[signer])
            _give(store, StoreKey(f"{FOLDER}/{public_key_name(signer)}"), [pem], scratch)
        _give(store, segment.head_key, [head_line(segment.signed)], scratch)
    return lacking


def _give(store: Store, key: StoreKey, chunks: Iterable[bytes], scratch: Path) -> None:
    source = scratch / Path(key).name
    with source.open("wb") as file:
        file.writelines(chunks)
    try:
        size, digests = digest_file(source, (Algorithm.SHA256,))
        # Where an earlier run or another process was faster, its bytes must have the same digest.
        with suppress(AlreadyExistsError):
            store.create([Deposit(key, source, size)])
        with store.open(key) as stream:
            verdict = check_stream(stream, digests, size)
        if not isinstance(verdict, Confirmed):
            raise IntegrityError(
                f"store {store.name}, {key}: what is kept there is not this installation's journal; "
                "see whether two installations share the store, then run: muniment journal verify"
            )
    finally:
        source.unlink()
