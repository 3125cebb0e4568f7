"""Values by path on the disk, not in memory: a version may have a million files."""

import errno
import os
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar, cast

from storage.scratch import scratch_faults

_Key = TypeVar("_Key", bound=str)
_Value = TypeVar("_Value")

_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -2048")
"""Nobody else has the file, and nothing of it is wanted after a crash; 2 MiB of it are in memory."""


class PathTable(Mapping[_Key, _Value]):
    """A mapping in a file below ``scratch`` that has no name, and is gone with it; threads may share it.

    Args:
        scratch: A folder with room for about twice the lists of a version.
        pairs: What is in it, in this order; of two values of one key the later one counts.
        text: Writes a value as text.
        value: Reads a value from that text.

    Raises:
        StorageError: The scratch folder has no room, or cannot be written.
    """

    def __init__(
        self,
        scratch: Path,
        pairs: Iterable[tuple[_Key, _Value]],
        text: Callable[[_Value], str],
        value: Callable[[str], _Value],
    ) -> None:
        self._value = value
        with scratch_faults(scratch):
            descriptor, place = tempfile.mkstemp(prefix="paths-", dir=scratch)
            os.close(descriptor)
            try:
                self._file = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
                weakref.finalize(self, self._file.close)
                self._fill((os.fsencode(key), text(one)) for key, one in pairs)
            finally:
                # What is open stays until it is closed.
                Path(place).unlink()

    def _fill(self, rows: Iterable[tuple[bytes, str]]) -> None:
        file = self._file
        try:
            for pragma in _PRAGMAS:
                file.execute(f"PRAGMA {pragma}")
            file.execute("CREATE TABLE paths (path BLOB PRIMARY KEY, value TEXT NOT NULL)")
            file.execute("BEGIN")
            file.executemany("INSERT OR REPLACE INTO paths VALUES (?, ?)", rows)
            file.execute("COMMIT")
        except sqlite3.OperationalError as error:
            is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            raise OSError(errno.ENOSPC if is_full else errno.EIO, str(error)) from error

    def __getitem__(self, key: _Key) -> _Value:
        found = self._file.execute("SELECT value FROM paths WHERE path = ?", (os.fsencode(key),)).fetchone()
        if found is None:
            raise KeyError(key)
        return self._value(found[0])

    def __iter__(self) -> Iterator[_Key]:
        for (path,) in self._file.execute("SELECT path FROM paths ORDER BY rowid"):
            yield cast("_Key", os.fsdecode(path))

    def items(self) -> ItemsView[_Key, _Value]:
        """Return the pairs, which are read in one go."""
        return _Pairs(self)

    def pairs(self) -> Iterator[tuple[_Key, _Value]]:
        """Yield the pairs in the order in which they came."""
        for path, text in self._file.execute("SELECT path, value FROM paths ORDER BY rowid"):
            yield cast("_Key", os.fsdecode(path)), self._value(text)

    def __len__(self) -> int:
        count: int = self._file.execute("SELECT count(*) FROM paths").fetchone()[0]
        return count


class _Pairs(ItemsView[_Key, _Value]):
    _mapping: PathTable[_Key, _Value]

    def __iter__(self) -> Iterator[tuple[_Key, _Value]]:
        return self._mapping.pairs()
