"""The verdict on a journal: whole, or broken and where. Pure: lines, heads and keys in, a value out.

``standalone.py`` decides the same and shares no line of code with this, so that each checks the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import IntegrityError
from preservation.model.amounts import count
from preservation.model.digests import HexDigest
from storage.journal.entries import read_entry
from storage.journal.heads import is_signed
from storage.ports.journal import GENESIS, Entry, Head, Journal, KeyId, SignedHead


class FaultKind(StrEnum):
    """What can be wrong with a journal."""

    ALTERED = "altered"
    MISSING = "missing"
    MISPLACED = "misplaced"
    INSERTED = "inserted"
    UNLINKED = "unlinked"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    MISSIGNED = "missigned"
    MISFILED = "misfiled"
    HEADLESS = "headless"
    UNRECORDED = "unrecorded"


@dataclass(frozen=True, slots=True)
class ChainFault:
    """One fault. ``seq`` is the entry it is about, or that a bad signature is over; 0: no entry."""

    kind: FaultKind
    seq: int
    message: str


@dataclass(frozen=True, slots=True)
class Intact:
    """Every entry is what it was when it was written, and stands where it stood.

    ``signed`` is the newest place that a signed head vouches for; ``notes`` are remarks for a person.
    """

    head: Head
    signed: SignedHead | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """Something is wrong. The chain is sound up to ``head``; the first fault comes first."""

    head: Head
    faults: tuple[ChainFault, ...]
    notes: tuple[str, ...]


JournalVerdict: TypeAlias = Intact | Broken


def verify(
    lines: Iterable[bytes],
    heads: Sequence[SignedHead] = (),
    keys: Mapping[KeyId, Ed25519PublicKey] | None = None,
    start: Head = GENESIS,
    known: Iterable[Head] = (),
) -> JournalVerdict:
    """Hash every line again and check that each follows the one before it, the first one ``start``.

    Only ``heads``, or ``known`` places of the chain, show what was cut off at the end. A head that none of
    ``keys`` signed is a fault, and no evidence.
    """
    genuine = [signed for signed in heads if is_signed(signed, keys or {})]
    clock = _Clock()
    head, fault = _walk(iter(lines), start, [*known, *(signed.head for signed in genuine)], clock)
    faults = [] if fault is None else [fault]
    faults += [_missigned(signed, keys or {}) for signed in heads if signed not in genuine]
    newest = max(genuine, key=lambda signed: signed.head.seq, default=None)
    notes = clock.notes
    if newest is None:
        notes += ("No signed head was checked: entries cut off at the end would not be noticed.",)
    if faults:
        return Broken(head, tuple(faults), notes)
    return Intact(head, newest, notes)


def verify_journal(journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey]) -> JournalVerdict:
    """Verify a live journal, also while others append to it: its chain, its signed heads and its index."""
    # Read before the lines: entries that others append meanwhile are then read too.
    known: tuple[Head, ...] = ()
    headless: tuple[ChainFault, ...] = ()
    try:
        known = (journal.head(),)
    except IntegrityError as error:
        headless = (ChainFault(FaultKind.HEADLESS, 0, str(error)),)
    verdict = verify(journal.lines(), journal.signed_heads(), keys, known=known)
    misfiled = tuple(
        ChainFault(
            FaultKind.MISFILED, seq, f"entry {seq} is found under another identifier or object than its own"
        )
        for seq in journal.misfiled()
    )
    return with_findings(verdict, headless + misfiled)


def with_findings(verdict: JournalVerdict, faults: tuple[ChainFault, ...]) -> JournalVerdict:
    """Return the verdict with further faults: one of them makes it broken."""
    if not faults:
        return verdict
    known = verdict.faults if isinstance(verdict, Broken) else ()
    return Broken(verdict.head, known + faults, verdict.notes)


def _walk(
    lines: Iterator[bytes], start: Head, vouched: Iterable[Head], clock: _Clock
) -> tuple[Head, ChainFault | None]:
    """Follow the chain to its end or to its first fault; return how far it is sound."""
    hashes: dict[int, set[HexDigest]] = {}
    for promised in vouched:
        hashes.setdefault(promised.seq, set()).add(promised.hash)
    head = start
    for line in lines:
        due = head.seq + 1
        try:
            entry = read_entry(line)
        except ValueError as reason:
            return head, ChainFault(FaultKind.ALTERED, due, f"entry {due} was altered: {reason}")
        fault = _out_of_place(entry, head, lines) or _rewritten(entry, hashes.get(due, set()))
        if fault is not None:
            return head, fault
        clock.tick(entry)
        head = entry.head
    last = max(hashes, default=0)
    if last > head.seq:
        return head, ChainFault(
            FaultKind.TRUNCATED,
            head.seq + 1,
            f"the journal ends with entry {head.seq}, but there was an entry {last}: "
            f"the end was cut off from entry {head.seq + 1}",
        )
    return head, None


def _out_of_place(entry: Entry, head: Head, rest: Iterator[bytes]) -> ChainFault | None:
    due = head.seq + 1
    if entry.seq < due:
        return ChainFault(
            FaultKind.INSERTED, entry.seq, f"entry {entry.seq} stands a second time, after entry {head.seq}"
        )
    if entry.seq > due:
        if any(_claims(line, due) for line in rest):
            return ChainFault(
                FaultKind.MISPLACED, due, f"entry {due} is out of its place: entry {entry.seq} stands there"
            )
        return ChainFault(
            FaultKind.MISSING, due, f"entry {due} is missing: entry {entry.seq} stands in its place"
        )
    if entry.previous != head.hash:
        return ChainFault(
            FaultKind.UNLINKED,
            due,
            f"entry {due} does not follow the entry before it: one of the two is not what was written",
        )
    return None


def _rewritten(entry: Entry, hashes: AbstractSet[HexDigest]) -> ChainFault | None:
    if hashes - {entry.head.hash}:
        return ChainFault(
            FaultKind.REWRITTEN,
            entry.seq,
            f"entry {entry.seq} is not what was vouched for: it or an entry before it was written anew",
        )
    return None


def _missigned(signed: SignedHead, keys: Mapping[KeyId, Ed25519PublicKey]) -> ChainFault:
    reason = "does not hold" if signed.key in keys else f"is by a key that is not ours ({signed.key[:16]}…)"
    return ChainFault(
        FaultKind.MISSIGNED, signed.head.seq, f"the signature of the head at entry {signed.head.seq} {reason}"
    )


def _claims(line: bytes, seq: int) -> bool:
    """Return whether a line, be it sound or not, calls itself the entry ``seq``."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("seq") == seq


_LONGEST_STAGE: Final = timedelta(days=1)


class _Clock:
    """Counts entries that are dated long before one above them: a clock may have been set back.

    Runs that work at a time append what each did at the end of a stage, which may take hours; that is usual.
    """

    def __init__(self) -> None:
        self._latest: datetime | None = None
        self._first_earlier = 0
        self._earlier = 0

    def tick(self, entry: Entry) -> None:
        if self._latest is not None and entry.at < self._latest - _LONGEST_STAGE:
            self._first_earlier = self._first_earlier or entry.seq
            self._earlier += 1
        self._latest = entry.at if self._latest is None else max(self._latest, entry.at)

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._earlier:
            return ()
        note = (
            f"{count(self._earlier, 'entry', 'entries')}, the first of them entry {self._first_earlier}, "
            "dated more than a day before one above: a clock was set back, or a run took longer than a day."
        )
        return (note,)
