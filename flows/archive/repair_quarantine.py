"""The quarantine of repair: bytes that were not as they were kept, each file with a record of what it is.

Below ``quarantine/repairs/<store>/<collection>/<object>/vN/``, under names made of digests of the keys: what
lay in a store may be called anything.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from flows.installation.wiring import now
from preservation.errors import IntegrityError, StoreFullError, UnavailableError
from preservation.files.durable import sync_folder
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.paths import StoreKey, printable
from preservation.records import Records
from storage.ports.replacers import NOTHING_THERE

_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
_PRIVATE: Final = 0o700
_STEM_DIGITS: Final = 16
_RECEIVING: Final = "receiving.part"


def _unheard() -> None:
    """Take a call that has no listener."""


class QuarantineRecord(msgspec.Struct, frozen=True):
    """What was taken out of ``store``: its key there, when it was taken, and why.

    ``size`` is in bytes; ``sha256`` is of what could be read. What was missing has a record and no file.
    """

    store: StoreName
    key: str
    size: int
    sha256: str
    why: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class RepairQuarantine:
    """The ``Quarantine`` of one version in one store, below ``root``. One repair at a time uses it.

    ``taking`` is called before anything is kept, so before anything in the store is changed; what it raises
    keeps it from being changed.
    """

    root: Path
    package: PackageId
    store: StoreName
    clock: Callable[[], datetime] = now
    taking: Callable[[], object] = _unheard

    @property
    def folder(self) -> Path:
        """Where it is; not there before something was received."""
        return self.root / self.store / self.package.prefix

    @contextmanager
    def receive(self, key: StoreKey) -> Iterator[_ReceivedFile]:
        """Receive what lies under ``key``: see ``Quarantine``."""
        with _faults(self):
            self._make()
            sink = (self.folder / _RECEIVING).open("wb")
        try:
            yield _ReceivedFile(self, key, sink)
        finally:
            with _faults(self):
                (self.folder / _RECEIVING).unlink(missing_ok=True)
            # What is to be kept was synced; of the rest nothing is wanted.
            with suppress(OSError):
                sink.close()

    def has_taken(self, key: StoreKey, since: datetime) -> bool:
        """Return whether something was taken from under ``key`` since that moment.

        Then a repair replaced it, also where it was killed before it recorded that. Raises ``StorageError``.
        """
        with _faults(self):
            return any(_is_of(found, key, since) for found in self.folder.glob(f"{_stem(key)}-*.json"))

    def _make(self) -> None:
        missing = [one for one in (self.folder, *self.folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(_PRIVATE)
            sync_folder(one.parent)


class _ReceivedFile:
    """A file on its way into the quarantine: see ``QuarantinedFile``."""

    def __init__(self, quarantine: RepairQuarantine, key: StoreKey, sink: BinaryIO) -> None:
        self._quarantine = quarantine
        self._key = key
        self._sink = sink
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, chunk: memoryview) -> None:
        """Take the next bytes: see ``QuarantinedFile``."""
        with _faults(self._quarantine):
            self._sink.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def keep(self, why: str) -> None:
        """Keep what was written, and its record: see ``QuarantinedFile``."""
        self._quarantine.taking()
        folder = self._quarantine.folder
        record = QuarantineRecord(
            self._quarantine.store,
            printable(self._key),
            self._size,
            self._digest.hexdigest(),
            why,
            self._quarantine.clock(),
        )
        with _faults(self._quarantine):
            place = next(
                place
                for number in count(1)
                if not (place := folder / f"{_stem(self._key)}-{number}").exists()
                and not _record_of(place).exists()
            )
            if why != NOTHING_THERE:
                self._sink.flush()
                os.fsync(self._sink.fileno())
                (folder / _RECEIVING).rename(place)
            Records(_record_of(place), QuarantineRecord).write([record])
            sync_folder(folder)


@contextmanager
def _faults(quarantine: RepairQuarantine) -> Iterator[None]:
    """Turn an error of the system into ours: no store is at fault for it."""
    try:
        yield
    except OSError as error:
        where = printable(str(quarantine.root))
        kind = StoreFullError if error.errno in _FULL else UnavailableError
        raise kind(
            f"{where}: what repair takes out of store {quarantine.store} cannot be kept there "
            f"({error.strerror or error}); see that it can be written and has room, then repair again"
        ) from error


def _is_of(found: Path, key: StoreKey, since: datetime) -> bool:
    try:
        [record] = Records(found, QuarantineRecord)
    except (IntegrityError, ValueError):
        # A record that cannot be read proves nothing.
        return False
    return record.key == printable(key) and record.taken_at >= since


def _record_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _stem(key: StoreKey) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:_STEM_DIGITS]
