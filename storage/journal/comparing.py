"""The journal against the signed heads in the stores: they show where the database lost its end.

A person with the database can cut the journal together with its signed heads, and a database that was
restored from a backup lacks its newest entries. The stores still hold the heads of these.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import IntegrityError, StorageError
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey, printable
from storage.journal.entries import read_entry
from storage.journal.exported import FOLDER, HEAD_SUFFIX
from storage.journal.heads import is_signed, read_head
from storage.journal.verification import (
    ChainFault,
    FaultKind,
    Intact,
    JournalVerdict,
    verify_journal,
    with_findings,
)
from storage.ports.journal import Journal, KeyId, SignedHead
from storage.ports.stores import Store, opened_file

_LONGEST_HEAD = 4096
"""Bytes that are read of a file of a head; one has some 400."""

_NO_HEAD = "it holds no signed head, nor does any other; see that it is the one that is meant"


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A signed head in a store. ``signed`` is the reason where what is kept there is none."""

    store: StoreName
    key: StoreKey
    signed: SignedHead | str

    def __str__(self) -> str:
        return f"store {self.store}, {printable(self.key)}"


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A store whose signed heads could not be read, or not all of them, and why."""

    store: StoreName
    reason: str

    @property
    def sentence(self) -> str:
        """The store and the reason in one sentence."""
        return f"Store {self.store} was not, or not wholly, compared: {self.reason.rstrip('.')}."


@dataclass(frozen=True, slots=True)
class ComparedJournal:
    """The verdict on a journal by its own lines and by every store but ``not_compared``.

    Those may hold heads of entries that were cut off together with the journal's own signed heads.
    """

    verdict: JournalVerdict
    not_compared: tuple[NotCompared, ...]


def verify_with_stores(
    journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], stores: Iterable[Store]
) -> ComparedJournal:
    """Verify a live journal, also against the signed heads in every store that can be reached.

    A store that cannot be read is no fault of the journal. Where the journal was signed and no store holds
    a head, it was compared with none.
    """
    heads: list[KeptHead] = []
    answering: list[StoreName] = []
    not_compared: list[NotCompared] = []
    # Read before the journal: what other processes seal meanwhile is then in the journal.
    for store in stores:
        try:
            heads += kept_heads(store)
        except (StorageError, OSError) as error:
            not_compared.append(NotCompared(store.name, str(error)))
        else:
            answering.append(store.name)
    verdict = verify_journal(journal, keys)
    if not heads and isinstance(verdict, Intact) and verdict.signed is not None:
        not_compared += [NotCompared(name, _NO_HEAD) for name in answering]
    return ComparedJournal(with_findings(verdict, contradictions(journal, keys, heads)), tuple(not_compared))


def kept_heads(store: Store) -> Iterator[KeptHead]:
    """Yield every signed head in ``store``. Raises ``StorageError``, ``OSError`` while it is read."""
    for kept in store.list(FOLDER):
        if _is_head(kept.key):
            yield _kept_head(store, kept.key)


def require_one_chain(
    journal: Journal, store: Store, held: Iterable[StoreKey], known: Mapping[StoreKey, SignedHead]
) -> None:
    """Raise ``IntegrityError`` where ``store`` holds a signed head that is not in the journal's chain.

    ``held`` are the keys of its journal's folder; ``known`` the journal's own heads by where a store keeps
    them. Of those only the newest is read: with it the store holds the same chain up to there. Raises
    ``StorageError`` as the store does.
    """
    heads = sorted(filter(_is_head, held))
    unknown = [key for key in heads if key not in known]
    newest = max((key for key in heads if key in known), key=lambda key: known[key].head.seq, default=None)
    for key in unknown if newest is None else [newest, *unknown]:
        found = _kept_head(store, key)
        signed = found.signed
        if isinstance(signed, str):
            raise IntegrityError(
                f"{found}: this is not a signed head: {signed}; the journal was not sealed into this store; "
                "find out who wrote there, and run: muniment journal verify"
            )
        fault = None if key in known and signed.head == known[key].head else _outside(journal, found, signed)
        if fault is not None:
            raise IntegrityError(
                f"{fault.message}; the journal was not sealed into this store; docs/journal.md, "
                '"When the stores know more", explains how to restore it'
            )


def contradictions(
    journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], heads: Iterable[KeptHead]
) -> tuple[ChainFault, ...]:
    """Return how the heads in stores contradict the journal.

    Of each store one fault of each kind: the first entry that is another, the last one that is gone.
    """
    own = frozenset(journal.signed_heads())
    first: dict[tuple[StoreName, FaultKind], ChainFault] = {}
    for kept in heads:
        if (fault := _contradiction(journal, keys, own, kept)) is None:
            continue
        about = (kept.store, fault.kind)
        if about not in first or (fault.kind is FaultKind.TRUNCATED) == (fault.seq > first[about].seq):
            first[about] = fault
    return tuple(first.values())


def _contradiction(
    journal: Journal,
    keys: Mapping[KeyId, Ed25519PublicKey],
    own: AbstractSet[SignedHead],
    kept: KeptHead,
) -> ChainFault | None:
    signed = kept.signed
    if isinstance(signed, str):
        return ChainFault(FaultKind.MISSIGNED, 0, f"{kept}: this is not a signed head: {signed}")
    if signed in own:
        return None
    if not is_signed(signed, keys):
        return ChainFault(
            FaultKind.MISSIGNED,
            signed.head.seq,
            f"{kept}: the signature of this head, at entry {signed.head.seq}, does not hold or is by a key "
            "that is not ours",
        )
    return _outside(journal, kept, signed)


def _outside(journal: Journal, kept: KeptHead, signed: SignedHead) -> ChainFault | None:
    """Return the fault of a head that is not in the journal's chain, or ``None``."""
    seq = signed.head.seq
    line = next(iter(journal.lines(after=seq - 1)), None)
    if line is None:
        return ChainFault(
            FaultKind.TRUNCATED,
            seq,
            f"{kept}: this store holds a signed head of entry {seq}, and the journal ends before it: its end "
            "was cut off, or its database was restored from a backup",
        )
    try:
        if read_entry(line).head == signed.head:
            return None
    except ValueError:
        # Whatever stands there now, it is not what was signed.
        pass
    return ChainFault(
        FaultKind.REWRITTEN,
        seq,
        f"{kept}: entry {seq} of the journal is not what this store's signed head vouches for: it or an "
        "entry before it was written anew, or two installations share the store",
    )


def _is_head(key: StoreKey) -> bool:
    return key.endswith(HEAD_SUFFIX)


def _kept_head(store: Store, key: StoreKey) -> KeptHead:
    with opened_file(store, key) as file:
        line = file.read(_LONGEST_HEAD)
    try:
        return KeptHead(store.name, key, read_head(line))
    except ValueError as reason:
        return KeptHead(store.name, key, str(reason))
