"""A file of a replica, copied to a scratch folder and compared with what was promised as it is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from preservation.errors import (
    IntegrityError,
    NotFoundError,
    StorageError,
)
from preservation.fixity.checking import Confirmed, Unreadable, check_stream
from preservation.fixity.digesting import ByteStream
from preservation.model.digests import Digests
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey, printable
from storage.ports.stores import Store
from storage.scratch import scratch_faults, write_scratch

OnDamage: TypeAlias = Callable[[StoreName, str], object]
"""Called with a store that does not hold what was promised, and the sentence on it."""


@dataclass(frozen=True, slots=True)
class VerifiedCopy:
    """A copy at ``place`` that has what was promised, as it was read in ``store``. ``size`` is in bytes."""

    place: Path
    size: int
    store: StoreName

    def remove(self) -> None:
        """Remove it. Raises ``StorageError``."""
        with scratch_faults(self.place.parent):
            self.place.unlink(missing_ok=True)


def verified_copy(
    key: StoreKey, promised: Digests, stores: Sequence[Store], place: Path, damaged: OnDamage
) -> VerifiedCopy:
    """Write a file to ``place`` from the first store that has it as promised.

    ``damaged`` is called with each store before it that has not. Raises ``IntegrityError`` where none has,
    the error of a store that does not answer where one could, ``StorageError`` where ``place`` cannot be
    written.
    """
    silent: StorageError | None = None
    for store in stores:
        with scratch_faults(place.parent), place.open("wb") as sink:
            try:
                verdict = _copied(store, key, promised, sink)
            except StorageError as error:
                silent = error
                continue
        if isinstance(verdict, Confirmed):
            return VerifiedCopy(place, verdict.size, store.name)
        damaged(store.name, f"store {store.name}: {printable(key)} {verdict}; find out what happened there")
    with scratch_faults(place.parent):
        place.unlink(missing_ok=True)
    raise silent or IntegrityError(
        f"{printable(key)}: no store that can be read has it as it was kept; find out what happened to it "
        "there, and put it back from a backup of a store"
    )


def _copied(store: Store, key: StoreKey, promised: Digests, sink: BinaryIO) -> Confirmed | str:
    """Copy a file into ``sink``; return what is wrong with it where it is not as promised."""
    try:
        with store.open(key) as stream:
            verdict = check_stream(_CopiedStream(stream, sink), promised)
    except NotFoundError:
        return "is not there"
    except IntegrityError as error:
        return f"cannot be read: {error}"
    match verdict:
        case Confirmed():
            return verdict
        case Unreadable(reason):
            return f"cannot be read: {reason}"
        case _:
            return "has other bytes there than were kept"


@dataclass(frozen=True, slots=True)
class _CopiedStream:
    """A stream whose bytes are written to a file as they are read."""

    stream: ByteStream
    sink: BinaryIO

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        count = self.stream.readinto(buffer) or 0
        write_scratch(self.sink, memoryview(buffer)[:count])
        return count
