"""Reading back: files are opened ahead of being read, a few at a time, and each is closed again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import WrappedStore
from support.store_peers import memory_store

from preservation.errors import UnavailableError
from preservation.fixity.checking import Confirmed
from preservation.fixity.digesting import ByteStream
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit, SiteName, Store
from storage.readback import Missing, PromisedFile, read_back

FILES = 100


class CountingStore(WrappedStore):
    """Counts what is open, and fails to open one file where it is told to."""

    def __init__(self, sound: Store, failing: StoreKey | None = None) -> None:
        super().__init__(sound)
        self.failing = failing
        self.open_now = 0
        self.most_open = 0

    @contextmanager
    def open(self, key: StoreKey) -> Iterator[ByteStream]:
        if key == self.failing:
            raise UnavailableError("the store went away")
        with super().open(key) as stream:
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
            try:
                yield stream
            finally:
                self.open_now -= 1


def key(number: int) -> StoreKey:
    return StoreKey(f"maps/a/v1/{number:03d}")


def promise(number: int) -> PromisedFile:
    content = b"%d" % number
    digest = HexDigest(hashlib.sha256(content).hexdigest())
    return PromisedFile(key(number), len(content), {Algorithm.SHA256: digest})


@pytest.fixture
def sound(tmp_path: Path) -> Store:
    store = memory_store(StoreName("first"), SiteName("here"))
    for number in range(FILES):
        source = tmp_path / str(number)
        source.write_bytes(b"%d" % number)
        store.create([Deposit(key(number), source, source.stat().st_size)])
    return store


def test_some_files_are_open_at_a_time_and_none_in_the_end(sound: Store):
    store = CountingStore(sound)
    readings = list(read_back(store, map(promise, range(FILES)), threads=1))
    assert [reading.promised.key for reading in readings] == [key(number) for number in range(FILES)]
    assert all(isinstance(reading.verdict, Confirmed) for reading in readings)
    assert 2 <= store.most_open < 20
    assert store.open_now == 0


def test_a_missing_file_among_those_opened_ahead_is_told_in_its_place(sound: Store):
    numbers = [0, 1, 500, 2]
    verdicts = [reading.verdict for reading in read_back(sound, map(promise, numbers), threads=1)]
    assert [isinstance(verdict, Missing) for verdict in verdicts] == [False, False, True, False]


def test_what_was_opened_ahead_is_closed_where_the_store_goes_away(sound: Store):
    store = CountingStore(sound, failing=key(5))
    with pytest.raises(UnavailableError):
        list(read_back(store, map(promise, range(FILES)), threads=1))
    assert store.most_open == 5
    assert store.open_now == 0


def test_whoever_watches_is_told_of_every_file_and_byte_that_was_read(tmp_path: Path):
    contents = [b"", b"abc", bytes(9 << 20)]
    store = memory_store(StoreName("first"), SiteName("here"))
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
        store.create([Deposit(key(number), tmp_path / str(number), len(content))])
    promised = [
        PromisedFile(
            key(number), len(content), {Algorithm.SHA256: HexDigest(hashlib.sha256(content).hexdigest())}
        )
        for number, content in enumerate(contents)
    ]
    told: list[tuple[int, int]] = []
    readings = list(
        read_back(store, promised, threads=2, progress=lambda files, size: told.append((files, size)))
    )
    assert all(isinstance(reading.verdict, Confirmed) for reading in readings)
    assert [sum(figures) for figures in zip(*told, strict=True)] == [3, (9 << 20) + 3]
    # Of a large file it is told in the midst of it.
    assert len(told) > 9


def test_a_reader_that_is_done_early_leaves_no_thread_and_no_file_open(sound: Store):
    store = CountingStore(sound)
    readings = read_back(store, map(promise, range(FILES)), threads=1)
    assert next(readings).promised.key == key(0)
    readings.close()
    assert not any(thread.name.startswith("read-back") for thread in threading.enumerate())
    assert store.open_now == 0
