"""The port of repair: replaces bytes that are not as they were kept, and takes away what was not kept.

Apart from ``Store``, which only creates: what preserves a drop is given none, and cannot reach one.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from preservation.errors import DeniedError, UnavailableError
from preservation.fixity.checking import Confirmed, FixityVerdict, Unreadable, check_stream
from preservation.fixity.digesting import ByteStream, digest_stream
from preservation.model.digests import Algorithm, Digests
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey, printable
from storage.ports.stores import Deposit

OTHER_BYTES = "it had other bytes than were kept"
NOTHING_THERE = "nothing was there"
NOT_KEPT = "it was not kept with the version, and lay among its files"


class Replacement(StrEnum):
    """What replacing a file came to: nothing, for it is as it was kept; a file where none was; a new one."""

    SOUND = "sound"
    CREATED = "created"
    REPLACED = "replaced"


class QuarantinedFile(Protocol):
    """A file on its way into a quarantine. Both methods raise ``StorageError`` where it cannot take it."""

    def write(self, chunk: memoryview) -> None:
        """Take the next bytes, which are the caller's again afterwards."""

    def keep(self, why: str) -> None:
        """Keep what was written, durably on return, under a name of its own; ``why`` says what was found."""


class Quarantine(Protocol):
    """Where the bytes go that a replacer takes away, before it does."""

    def receive(self, key: StoreKey) -> AbstractContextManager[QuarantinedFile]:
        """Receive what lies under ``key``; what is not kept by the end of the context is forgotten."""


class Replacer(Protocol):
    """Puts right single files of a store. Every peer passes ``tests/contract/test_replacers.py``.

    Both methods raise ``StorageError``: ``UnavailableError`` where the place is not the store,
    ``DeniedError`` where it lets nothing be replaced or something else than a file lies there, and what the
    quarantine raises. Nothing was taken away then. What another writer put there since it was read stays,
    which is ``UnavailableError`` too.
    """

    @property
    def name(self) -> StoreName:
        """The store whose files it replaces."""

    def replace(self, deposit: Deposit, expected: Digests, quarantine: Quarantine) -> Replacement:
        """Put the file of ``deposit`` under its key, unless what lies there has the ``expected`` digests.

        What lies there is read from where it rests, once, and goes to the quarantine; then the new file takes
        its place in one step, durably on return. At any kill there is one of the two, whole. Raises
        ``SourceChangedError`` besides, as ``Store.create`` does.
        """

    def remove_unexpected(self, key: StoreKey, quarantine: Quarantine) -> bool:
        """Move a file that no manifest names into the quarantine; return whether it was there.

        The caller has to know that no manifest names it, and that a person approved.
        """


def hand_out(stream: ByteStream, file: QuarantinedFile, expected: Digests) -> bool:
    """Copy a stream into the quarantine, and keep it unless it has the ``expected`` digests.

    Without any expected digest it is kept as what was not kept with the version. Return whether it was kept.
    What cannot be read is kept as far as it was read. Raises ``StorageError`` as ``QuarantinedFile`` does.
    """
    verdict = _read(_CopiedStream(stream, file), expected)
    match verdict:
        case Confirmed() if expected:
            return False
        case Unreadable(reason):
            file.keep(f"it could not be read to its end: {reason}")
        case _:
            file.keep(OTHER_BYTES if expected else NOT_KEPT)
    return True


def was_changed(store: StoreName, key: StoreKey) -> UnavailableError:
    """Return the error for a file that is no more the one that was read and handed out."""
    return UnavailableError(
        f"store {store}: {printable(key)} was changed while it was repaired, and stays as it is; find out "
        "what else writes there, then repair again"
    )


def is_no_file(store: StoreName, key: StoreKey, what: str) -> DeniedError:
    """Return the error for a key under which something else than a file lies."""
    return DeniedError(
        f"store {store}: {printable(key)} is {what}, and only a file is replaced or taken away; find out who "
        "put it there, take it away by hand, then repair again"
    )


def _read(stream: ByteStream, expected: Digests) -> FixityVerdict:
    if expected:
        return check_stream(stream, expected)
    try:
        size, found = digest_stream(stream, (Algorithm.SHA256,))
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    return Confirmed(size, found)


@dataclass(frozen=True, slots=True)
class _CopiedStream:
    """A stream whose bytes go into the quarantine as they are read."""

    stream: ByteStream
    file: QuarantinedFile

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        count = self.stream.readinto(buffer) or 0
        self.file.write(memoryview(buffer)[:count])
        return count
