"""Sealing: stores are given the segments that they lack, and those again that are damaged there."""

import random
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import AlreadyExistsError, IntegrityError
from preservation.fixity.checking import Confirmed, check_stream
from preservation.model.paths import StoreKey, printable
from storage.journal.comparing import require_one_chain
from storage.journal.copies import CopyState, SealedFile, copy_state, sealed_files
from storage.journal.entries import read_entry
from storage.journal.segments import Segment, require_sound, segments
from storage.journal.store_folder import StoreFolder, read_folder
from storage.journal.verification import Intact, verify
from storage.ports.journal import Head, Journal, KeyId, SignedHead
from storage.ports.stores import Deposit, Store

SAMPLE: Final = 8
"""So many segments that a store has already are read again at each sealing, besides the newest."""


@dataclass(frozen=True, slots=True)
class AgreeingStore:
    """A store in which nothing contradicts the journal.

    ``lost`` are signed heads that it holds and the journal no longer has.
    """

    folder: StoreFolder
    lost: tuple[SignedHead, ...]

    @property
    def store(self) -> Store:
        """The store."""
        return self.folder.store


@dataclass(frozen=True, slots=True)
class Published:
    """What a store was given: ``lacking`` segments that it had not, or not all files of.

    ``damaged`` are the keys of files that were given once more, because what the store had was damaged;
    ``last`` is the last entry that the store has now.
    """

    lacking: tuple[Segment, ...]
    damaged: tuple[StoreKey, ...]
    last: int


def agreeing(journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], store: Store) -> AgreeingStore:
    """Return ``store``, after checking that it holds no signed head which is not in the journal's chain.

    It is called before a head is signed: another chain must not be signed. Raises ``IntegrityError`` where
    the store holds such a head, ``StorageError`` as the store does.
    """
    folder = read_folder(store)
    # Read after the store: what another process seals meanwhile is known then, and no other chain.
    known = {segment.head_key: segment.signed for segment in segments(journal)}
    return AgreeingStore(folder, tuple(require_one_chain(journal, keys, folder, known)))


def sample(journal: Journal, *, thorough: bool = False) -> tuple[Segment, ...]:
    """Return the newest segment and some that are drawn, or all of them, after checking their entries.

    Raises ``IntegrityError`` where these are not what was signed: stores are not given them, and no further
    head is signed.
    """
    *older, newest = segments(journal) or (None,)
    if newest is None:
        return ()
    drawn = older if thorough else random.sample(older, min(SAMPLE, len(older)))  # a sample, no secret
    for segment in (*drawn, newest):
        require_sound(journal, segment)
    return (*drawn, newest)


def publish(
    journal: Journal,
    keys: Mapping[KeyId, Ed25519PublicKey],
    target: AgreeingStore,
    scratch: Path,
    read: Collection[Segment] = (),
) -> Published:
    """Give a store every sealed segment that it lacks, with the public keys, and read them back.

    Of those that it has, these to ``read`` are read again, and given once more where they are damaged:
    ``sample`` has checked them. ``scratch`` is a folder to write files in first. Raises ``IntegrityError``
    where the store gives back other bytes or has another journal, ``StorageError`` as the store does.
    """
    folder = target.folder
    sealed = segments(journal)
    lacking = [segment for segment in sealed if not _has(folder, segment)]
    damaged: list[StoreKey] = []
    given: set[StoreKey] = set()
    for segment in sealed:
        is_held = _has(folder, segment)
        if is_held and segment not in read:
            continue
        if segment not in read:
            require_sound(journal, segment)
        for file in sealed_files(journal, segment, keys):
            if file.key in given:
                continue
            given.add(file.key)
            state = copy_state(folder, file)
            if state is CopyState.DAMAGED:
                if not is_held and file.key == segment.lines_key:
                    _require_no_other_chain(folder, segment)
                damaged.append(file.key)
            elif state is CopyState.LACKING and is_held and segment not in lacking:
                lacking.append(segment)
            if state is not CopyState.SOUND:
                give(folder, file, scratch)
    last = max((segment.signed.head.seq for segment in sealed), default=0)
    return Published(tuple(sorted(lacking, key=lambda segment: segment.first)), tuple(damaged), last)


def _has(folder: StoreFolder, segment: Segment) -> bool:
    """Return whether the store has a file of the segment's lines and of its head, be they sound or not."""
    return segment.head_key in folder.copies and segment.lines_key in folder.copies


def _require_no_other_chain(folder: StoreFolder, segment: Segment) -> None:
    """Raise ``IntegrityError`` where the store has another journal's entries under the segment's name."""
    for key in folder.copies[segment.lines_key]:
        try:
            with folder.opened(key) as file:
                previous = read_entry(file.readline()).previous
        except (ValueError, IntegrityError):
            continue
        with folder.opened(key) as file:
            verdict = verify(file, start=Head(segment.first - 1, previous))
        if isinstance(verdict, Intact) and verdict.head.seq == segment.signed.head.seq:
            raise _other_journal(folder.store, key)


def give(folder: StoreFolder, file: SealedFile, scratch: Path) -> None:
    """Give a store a file under the next free name, and read it back: see ``publish``."""
    store, key = folder.store, folder.next_copy(file.key)
    source = scratch / Path(key).name
    with source.open("wb") as sink:
        sink.writelines(file.chunks())
    try:
        # Where an earlier run or another process was faster, its bytes must have the same digest.
        with suppress(AlreadyExistsError):
            store.create([Deposit(key, source, file.size)])
        with store.open(key) as stream:
            verdict = check_stream(stream, file.digests, file.size)
        if not isinstance(verdict, Confirmed):
            raise _other_journal(store, key)
    finally:
        source.unlink()


def _other_journal(store: Store, key: StoreKey) -> IntegrityError:
    return IntegrityError(
        f"store {store.name}, {printable(key)}: what is kept there is not this installation's journal; "
        "see whether two installations share the store, then run: muniment journal verify"
    )
