"""The journal against what is kept of it outside of its database: signed heads, and sealed segments.

A person with the database can cut the journal together with its signed heads, and a database that was
restored from a backup lacks its newest entries. The stores, the memory beside the key and the witnesses
still hold the heads of these.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import IntegrityError, StorageError
from preservation.model.paths import StoreKey
from storage.journal.copies import damaged_copies
from storage.journal.entries import read_entry
from storage.journal.findings import FindingKind, JournalFinding, NotCompared, named
from storage.journal.heads import KeptHead, is_signed
from storage.journal.segments import segments
from storage.journal.store_folder import StoreFolder, first_name, read_folder
from storage.journal.verification import (
    Broken,
    ChainFault,
    FaultKind,
    JournalVerdict,
    verify_journal,
    with_findings,
)
from storage.ports.journal import Head, Journal, KeyId, SignedHead
from storage.ports.stores import Store


@dataclass(frozen=True, slots=True)
class ComparedJournal:
    """The verdict on a journal by its own lines and by every store but ``not_compared``.

    Those may hold heads of entries that were cut off together with the journal's own signed heads.
    ``heads`` are the genuine ones that were found outside of the database.
    """

    verdict: JournalVerdict
    not_compared: tuple[NotCompared, ...]
    findings: tuple[JournalFinding, ...] = ()
    heads: tuple[SignedHead, ...] = ()


def verify_with_stores(
    journal: Journal,
    keys: Mapping[KeyId, Ed25519PublicKey],
    stores: Iterable[Store],
    elsewhere: Sequence[KeptHead] = (),
) -> ComparedJournal:
    """Verify a live journal, also against every store that can be reached and the heads kept ``elsewhere``.

    Of the stores it reads every signed head and every sealed segment. A store that cannot be read is no
    fault of the journal; one that lacks what was sealed was not wholly compared.
    """
    not_compared: list[NotCompared] = []
    folders: list[StoreFolder] = []
    in_stores: list[tuple[StoreKey, KeptHead]] = []
    # Read before the journal: what other processes seal meanwhile is then in the journal.
    for store in stores:
        try:
            folder = read_folder(store)
            in_stores += list(folder.all_heads())
        except StorageError as error:
            not_compared.append(NotCompared(store.name, str(error)))
        else:
            folders.append(folder)
    own = journal.signed_heads()
    verdict = verify_journal(journal, keys)
    # What stands where a segment's head stands and is no head of ours is a damaged copy of that head.
    sealed = {segment.head_key for segment in segments(journal)}
    evidence = [
        kept for key, kept in in_stores if first_name(key) not in sealed or _genuine(kept, keys) is not None
    ]
    evidence += elsewhere
    faults = contradictions(journal, keys, evidence)
    genuine = tuple(dict.fromkeys(filter(None, (_genuine(kept, keys) for kept in evidence))))
    verdict = with_findings(verdict, faults)
    findings: list[JournalFinding] = []
    if not isinstance(verdict, Broken):
        findings += _lost_heads(own, evidence)
        for state in damaged_copies(journal, keys, folders):
            not_compared += state.lacking
            findings += state.damaged
    return ComparedJournal(verdict, tuple(not_compared), named(findings), genuine)


def require_one_chain(
    journal: Journal,
    keys: Mapping[KeyId, Ed25519PublicKey],
    folder: StoreFolder,
    known: Mapping[StoreKey, SignedHead],
) -> list[SignedHead]:
    """Return the genuine heads that ``folder`` has and the journal has not: it has lost them.

    ``known`` are the journal's own heads by where a store keeps them. Of those only the newest is read:
    with it the store holds the same chain up to there. Raises ``IntegrityError`` where the store holds a
    signed head that is not in the journal's chain, ``StorageError`` as the store does.
    """
    unknown = [key for key in folder.heads if first_name(key) not in known]
    held = [key for key in folder.heads if first_name(key) in known]
    newest = max(held, key=lambda key: known[first_name(key)].head.seq, default=None)
    if newest is not None:
        kept = folder.head(newest)
        # What is no head of ours there is damaged; sealing gives the head again.
        if _genuine(kept, keys) not in {None, known[first_name(newest)]}:
            require_in_chain(journal, keys, kept)
    lost = []
    for key in unknown:
        lost += require_in_chain(journal, keys, folder.head(key))
    return lost


def require_in_chain(
    journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], kept: KeptHead
) -> list[SignedHead]:
    """Return the head. Raises ``IntegrityError`` where it is not signed, or not in the journal's chain."""
    if isinstance(kept.signed, str):
        raise IntegrityError(
            f"{kept}: this is not a signed head: {kept.signed}; the journal is not sealed; "
            "find out who wrote there, and run: muniment journal verify"
        )
    fault = _contradiction(journal, keys, kept)
    if fault is not None:
        raise IntegrityError(
            f"{fault.message}; the journal is not sealed; docs/journal.md, "
            '"When the stores know more", explains how to restore it'
        )
    return [kept.signed]


def contradictions(
    journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], heads: Iterable[KeptHead]
) -> tuple[ChainFault, ...]:
    """Return how heads outside of the database contradict the journal.

    Of each holder one fault of each kind: the first entry that is another, the last one that is gone.
    """
    own = frozenset(journal.signed_heads())
    first: dict[tuple[str, FaultKind], ChainFault] = {}
    for kept in heads:
        if kept.signed in own or (fault := _contradiction(journal, keys, kept)) is None:
            continue
        about = (kept.holder, fault.kind)
        if about not in first or (fault.kind is FaultKind.TRUNCATED) == (fault.seq > first[about].seq):
            first[about] = fault
    return tuple(first.values())


def _lost_heads(own: Sequence[SignedHead], evidence: Iterable[KeptHead]) -> list[JournalFinding]:
    """Return that signed heads are gone from the database, by what is kept of them elsewhere."""
    places = {signed.head for signed in own}
    lost: dict[Head, KeptHead] = {}
    for kept in evidence:
        if isinstance(kept.signed, SignedHead) and kept.signed.head not in places:
            lost.setdefault(kept.signed.head, kept)
    return [
        JournalFinding(
            FindingKind.HEAD_LOST,
            kept.place,
            f"{kept}: the database has lost this signed head, of entry {head.seq}; find out who or what "
            "removed it; the next sealing puts it back (muniment journal seal)",
        )
        for head, kept in lost.items()
    ]


def _genuine(kept: KeptHead, keys: Mapping[KeyId, Ed25519PublicKey]) -> SignedHead | None:
    signed = kept.signed
    return signed if isinstance(signed, SignedHead) and is_signed(signed, keys) else None


def _contradiction(
    journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], kept: KeptHead
) -> ChainFault | None:
    signed = kept.signed
    if isinstance(signed, str):
        return ChainFault(FaultKind.MISSIGNED, 0, f"{kept}: this is not a signed head: {signed}")
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
            f"{kept}: here is a signed head of entry {seq}, and the journal ends before it: its end "
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
        f"{kept}: entry {seq} of the journal is not what this signed head vouches for: it or an "
        "entry before it was written anew, or two installations share the store",
    )
