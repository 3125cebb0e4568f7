"""What every confirmer must do, the one in memory first: it confirms what it read, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.memory_store import MemoryConfirmer, MemoryStore
from support.store_peers import NAME, PEERS, Peer
from support.waiting import until

from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.paths import StoreKey
from storage.audits.confirmer_processes import ConfirmerProcesses
from storage.ports.confirmers import Confirmer, Expected
from storage.stores.folder.confirm import FolderConfirmer

BLOCK = 4096
KEPT = {
    "a/one/v1/data/first": b"the first",
    "a/one/v1/data/empty": b"",
    "a/one/v1/data/block": bytes(range(256)) * 16,
    "a/one/v1/data/below/blocks": b"b" * (2 * BLOCK),
    "a/one/v1/data/below/one more": b"c" * (2 * BLOCK + 1),
    "a/one/v1/data/line\nbreak": b"a name of two lines",
    "a/one/v1/data/\u00e9": b"a name with an accent",
    "a/two/v3/bagit.txt": b"BagIt-Version: 1.0\n",
}


def _of_memory(peer: Peer) -> Confirmer:
    assert isinstance(peer.store, MemoryStore)
    return MemoryConfirmer(peer.store)


def _of_folder(peer: Peer) -> Confirmer:
    return FolderConfirmer(NAME, Path(peer.store.location(StoreKey("."))))


@contextmanager
def _in_processes(peer: Peer) -> Iterator[Confirmer]:
    with closing(ConfirmerProcesses(_of_folder(peer), 2)) as processes:
        processes.start()
        until(lambda: all(one.is_ready() for one in processes._free))
        yield processes


CONFIRMERS: Mapping[str, tuple[str, Callable[[Peer], AbstractContextManager[Confirmer]]]] = {
    "memory": ("memory", lambda peer: nullcontext(_of_memory(peer))),
    "folder": ("folder", lambda peer: nullcontext(_of_folder(peer))),
    "folder, in processes": ("folder", _in_processes),
}


@dataclass
class Shelf:
    peer: Peer
    confirmer: Confirmer

    def sizes(self, expected: Mapping[str, bytes]) -> dict[str, int | None]:
        """Ask for files, of about the right size, with the digests of these contents."""
        files = [of(key, content) for key, content in expected.items()]
        return dict(zip(expected, self.confirmer.confirmed(files), strict=True))


def of(key: str, content: bytes, size: int | None = None) -> Expected:
    digests = digest_bytes(content, (Algorithm.SHA256,))
    return Expected(StoreKey(key), len(content) if size is None else size, digests)


@pytest.fixture(params=list(CONFIRMERS))
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    kind, opened = CONFIRMERS[request.param]
    peer = PEERS[kind](tmp_path)
    peer.keep(KEPT)
    with opened(peer) as confirmer:
        yield Shelf(peer, confirmer)


def test_what_is_as_it_was_promised_is_confirmed_with_its_size(shelf: Shelf):
    assert shelf.sizes(KEPT) == {key: len(content) for key, content in KEPT.items()}
    # Asked again, it is read again.
    shelf.peer.injurer.write(StoreKey("a/one/v1/data/first"), b"the worst")
    assert shelf.sizes(KEPT)["a/one/v1/data/first"] is None


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 1 << 20])
def test_a_file_of_any_size_is_read_to_its_last_byte(shelf: Shelf, size: int):
    content = os.urandom(size)
    shelf.peer.keep({"a/one/v1/data/x": content})
    assert shelf.sizes({"a/one/v1/data/x": content}) == {"a/one/v1/data/x": size}
    for other in (content[:-1], content + b"\0", content[:-1] + b"*"):
        if other != content:
            shelf.peer.injurer.write(StoreKey("a/one/v1/data/x"), other)
            assert shelf.sizes({"a/one/v1/data/x": content}) == {"a/one/v1/data/x": None}


def test_nothing_is_said_of_one_that_is_damaged_and_the_others_are_confirmed(shelf: Shelf):
    for key, content in KEPT.items():
        shelf.peer.injurer.write(StoreKey(key), content + b"!")
        found = shelf.sizes(KEPT)
        assert found.pop(key) is None
        assert None not in found.values()
        shelf.peer.injurer.remove(StoreKey(key))
        assert shelf.sizes(KEPT)[key] is None
        shelf.peer.injurer.write(StoreKey(key), content)


def test_of_a_file_that_has_grown_or_shrunk_nothing_is_confirmed_but_what_was_promised(shelf: Shelf):
    key = "a/one/v1/data/x"
    shelf.peer.keep({key: b"d" * (5 * BLOCK)})
    for size in (0, BLOCK, 5 * BLOCK - 1):
        [found] = shelf.confirmer.confirmed([of(key, b"d" * BLOCK, size)])
        assert found is None


def test_each_digest_that_was_promised_counts(shelf: Shelf):
    content = KEPT["a/one/v1/data/first"]
    key = StoreKey("a/one/v1/data/first")
    both = digest_bytes(content, (Algorithm.SHA256, Algorithm.SHA512))
    assert shelf.confirmer.confirmed([Expected(key, 9, both)]) == [9]
    forged = {**both, Algorithm.SHA512: digest_bytes(b"other", (Algorithm.SHA512,))[Algorithm.SHA512]}
    assert shelf.confirmer.confirmed([Expected(key, 9, forged)]) == [None]


def test_one_file_that_is_promised_twice_is_confirmed_for_the_promise_that_holds(shelf: Shelf):
    key, content = "a/one/v1/data/first", KEPT["a/one/v1/data/first"]
    right, wrong = of(key, content), of(key, b"the other", len(content))
    assert shelf.confirmer.confirmed([wrong, right, wrong]) == [None, len(content), None]


def test_without_a_digest_nothing_is_confirmed(shelf: Shelf):
    assert shelf.confirmer.confirmed([Expected(StoreKey("a/one/v1/data/first"), 9, {})]) == [None]


def test_many_files_are_answered_in_the_order_in_which_they_were_asked_for(shelf: Shelf):
    contents = {f"a/many/v1/data/{number % 7}/{number}": b"%d" % number * 900 for number in range(300)}
    shelf.peer.keep(contents)
    backwards = dict(reversed(contents.items()))
    assert shelf.sizes(backwards) == {key: len(content) for key, content in backwards.items()}
    assert shelf.confirmer.confirmed([]) == []


def test_where_nothing_lies_nothing_is_confirmed(shelf: Shelf):
    absent = {"a/one/v1/data/none": b"", "a/none/v1/x": b"", "a/one/v1/data": b"", "none": b""}
    assert shelf.sizes(absent) == dict.fromkeys(absent)
