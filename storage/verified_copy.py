"""A file of a replica, copied to a scratch folder and compared with what was promised as it is read."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from preservation.errors import (
    IntegrityError,
    NotFoundError,
    StorageError,
    StoreFullError,
    UnavailableError,
)
from preservation.fixity.checking import Confirmed, Unreadable, check_stream
from preservation.fixity.digesting import ByteStream
from preservation.model.digests import Digests
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey, printable
from storage.ports.stores import Store

_FULL = {errno.ENOSPC, errno.EDQUOT}

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
        with _scratch_faults(self.place.parent):
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
        with _scratch_faults(place.parent), place.open("wb") as sink:
            try:
                verdict = _copied(store, key, promised, sink)
            except StorageError as error:
                silent = error
                continue
        if isinstance(verdict, Confirmed):
            return VerifiedCopy(place, verdict.size, store.name)
        damaged(store.name, f"store {store.name}: {printable(key)} {verdict}; find out what happened there")
    with _scratch_faults(place.parent):
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
        try:
            self.sink.write(memoryview(buffer)[:count])
        except OSError as error:
            raise _WritingError from error
        return count


class _WritingError(Exception):
    """A file could not be written while a store was read: its cause is no error of that store."""


@contextmanager
def _scratch_faults(folder: Path) -> Iterator[None]:
    """Turn an error of the system in the scratch folder into ours, which names that folder."""
    try:
        yield
    except (OSError, _WritingError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in _FULL:
            raise StoreFullError(
                f"no space is left for what is being copied, in {printable(str(folder))}; free space there"
            ) from error
        raise UnavailableError(
            f"what is being copied cannot be written to {printable(str(folder))}: {cause}; check that its "
            "disk is healthy and mounted for writing"
        ) from error
