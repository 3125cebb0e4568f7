"""The sealed segments as stores keep them, compared with the living journal."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import IntegrityError, StorageError
from preservation.fixity.checking import Confirmed, check_stream
from preservation.fixity.digesting import digest_chunks
from preservation.model.digests import Algorithm, Digests
from preservation.model.paths import StoreKey, printable
from storage.journal.exported import FOLDER
from storage.journal.findings import FindingKind, JournalFinding, NotCompared
from storage.journal.heads import head_line
from storage.journal.keys import public_key_name, public_pem
from storage.journal.segments import Segment, segments
from storage.journal.store_folder import StoreFolder
from storage.ports.journal import Journal, KeyId


class CopyState(Enum):
    """How a store keeps a file of the journal."""

    SOUND = auto()
    LACKING = auto()
    DAMAGED = auto()


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file of a sealed segment, as the living journal makes it: ``chunks`` gives its bytes anew."""

    key: StoreKey
    size: int
    digests: Digests
    chunks: Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class FolderState:
    """How a store keeps the sealed segments."""

    lacking: Sequence[NotCompared]
    damaged: Sequence[JournalFinding]


def sealed_files(
    journal: Journal,
    segment: Segment,
    keys: Mapping[KeyId, Ed25519PublicKey],
    lines: Iterable[bytes] | None = None,
) -> tuple[SealedFile, ...]:
    """Return the files of a segment in the order in which they are given: lines, public key, head.

    ``lines`` are those of the segment, where they are being read anyway.
    """

    def own_lines() -> Iterator[bytes]:
        return islice(journal.lines(after=segment.first - 1), segment.entries)

    signer = segment.signed.key
    of_key = (
        [sealed_file(StoreKey(f"{FOLDER}/{public_key_name(signer)}"), [public_pem(keys[signer])])]
        if signer in keys
        else []
    )
    size, digests = digest_chunks(own_lines() if lines is None else lines, (Algorithm.SHA256,))
    return (
        SealedFile(segment.lines_key, size, digests, own_lines),
        *of_key,
        sealed_file(segment.head_key, [head_line(segment.signed)]),
    )


def copy_state(folder: StoreFolder, file: SealedFile) -> CopyState:
    """Read what the store keeps of a file until one is sound. Raises ``StorageError`` as the store does."""
    copies = folder.copies.get(file.key, ())
    for key in copies:
        if folder.sizes[key] == file.size:
            # What is no plain file there any more is no sound copy.
            with suppress(IntegrityError), folder.store.open(key) as stream:
                if isinstance(check_stream(stream, file.digests, file.size), Confirmed):
                    return CopyState.SOUND
    return CopyState.DAMAGED if copies else CopyState.LACKING


def damaged_copies(
    journal: Journal, keys: Mapping[KeyId, Ed25519PublicKey], folders: Sequence[StoreFolder]
) -> Iterator[FolderState]:
    """Compare every sealed segment in every store with the journal, which is read once."""
    sealed = segments(journal)
    states: list[dict[StoreKey, CopyState]] = [{} for _ in folders]
    errors: dict[int, str] = {}
    lines = iter(journal.lines())
    for segment in sealed:
        for file in sealed_files(journal, segment, keys, islice(lines, segment.entries)):
            for number, folder in enumerate(folders):
                if number in errors or file.key in states[number]:
                    continue
                try:
                    states[number][file.key] = copy_state(folder, file)
                except (StorageError, OSError) as error:
                    errors[number] = str(error)
    for number, folder in enumerate(folders):
        yield _state_of(folder, states[number], errors.get(number, ""))


def _state_of(folder: StoreFolder, states: Mapping[StoreKey, CopyState], error: str) -> FolderState:
    name = folder.store.name
    lacking = [key for key, state in states.items() if state is CopyState.LACKING]
    reasons = [error] if error else []
    if lacking:
        reasons.append(
            f"of {len(states)} files of the sealed journal it lacks {len(lacking)}, the first is "
            f"{printable(lacking[0])}; sealing gives them again: muniment journal seal"
        )
    return FolderState(
        [NotCompared(name, ". ".join(reasons))] if reasons else [],
        [
            JournalFinding(
                FindingKind.COPY_DAMAGED,
                f"{name}: {printable(key)}",
                f"store {name}, {printable(key)}: this copy of the journal is damaged, and no sound one "
                "is beside it; find out what changed it; sealing gives it again (muniment journal seal)",
            )
            for key, state in states.items()
            if state is CopyState.DAMAGED
        ],
    )


def sealed_file(key: StoreKey, chunks: Sequence[bytes]) -> SealedFile:
    """Return the file of these bytes."""
    size, digests = digest_chunks(chunks, (Algorithm.SHA256,))
    return SealedFile(key, size, digests, lambda: chunks)
