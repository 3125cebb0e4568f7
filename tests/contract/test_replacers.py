"""What every replacer must do, and every injurer, by which the damage comes about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from support.memory_store import MemoryQuarantine, MemoryQuarantinedFile
from support.store_peers import PEERS, Peer

from preservation.errors import DeniedError, SourceChangedError, StoreFullError, UnavailableError
from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm, Digests
from preservation.model.paths import StoreKey
from storage.ports.replacers import NOT_KEPT, NOTHING_THERE, OTHER_BYTES, QuarantinedFile, Replacement

KEY = StoreKey("maps/a/v1/data/x.tif")
KEPT = b"as it was kept"
BAD = b"as it was KEPT, and more"


@pytest.fixture(params=sorted(PEERS))
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Peer:
    return PEERS[request.param](tmp_path)


@pytest.fixture
def quarantine() -> MemoryQuarantine:
    return MemoryQuarantine()


def digests(content: bytes) -> Digests:
    return digest_bytes(content, (Algorithm.SHA256,))


def replaced(peer: Peer, quarantine: MemoryQuarantine, content: bytes = KEPT) -> Replacement:
    return peer.replacer.replace(peer.deposit(KEY, content), digests(content), quarantine)


def test_an_injurer_writes_over_what_is_kept_and_takes_it_away(peer: Peer):
    peer.keep({KEY: KEPT})
    peer.injurer.write(KEY, BAD)
    assert peer.content(KEY) == BAD
    peer.injurer.write(StoreKey("maps/a/v1/new/file"), b"")
    assert peer.listed("maps/a/v1") == [KEY, "maps/a/v1/new/file"]
    peer.injurer.remove(KEY)
    peer.injurer.remove(KEY)
    assert peer.listed("maps/a/v1") == ["maps/a/v1/new/file"]


def test_what_is_as_it_was_kept_is_not_replaced(peer: Peer, quarantine: MemoryQuarantine):
    peer.keep({KEY: KEPT})
    deposit = peer.deposit(KEY, BAD)
    assert peer.replacer.replace(deposit, digests(KEPT), quarantine) is Replacement.SOUND
    assert peer.content(KEY) == KEPT
    assert quarantine.kept == []


def test_what_is_not_as_it_was_kept_goes_to_the_quarantine_and_is_replaced(
    peer: Peer, quarantine: MemoryQuarantine
):
    peer.keep({KEY: BAD, "maps/a/v1/data/y.tif": b"y"})
    assert replaced(peer, quarantine) is Replacement.REPLACED
    assert peer.content(KEY) == KEPT
    assert quarantine.kept == [(KEY, BAD, OTHER_BYTES)]
    assert peer.listed() == [KEY, "maps/a/v1/data/y.tif"]
    assert replaced(peer, quarantine) is Replacement.SOUND


def test_an_empty_file_and_an_empty_damage_are_replaced_too(peer: Peer, quarantine: MemoryQuarantine):
    peer.keep({KEY: BAD})
    assert replaced(peer, quarantine, b"") is Replacement.REPLACED
    assert replaced(peer, quarantine) is Replacement.REPLACED
    assert [content for _, content, _ in quarantine.kept] == [BAD, b""]


def test_a_large_file_is_replaced_in_one_step(peer: Peer, quarantine: MemoryQuarantine):
    content = os.urandom(1 << 20) * 13 + b"and a little more"
    bad = bytes(7 << 20)
    peer.keep({KEY: bad})
    assert replaced(peer, quarantine, content) is Replacement.REPLACED
    assert peer.content(KEY) == content
    assert quarantine.kept == [(KEY, bad, OTHER_BYTES)]


def test_what_is_missing_is_created_and_the_quarantine_has_that_nothing_was_there(
    peer: Peer, quarantine: MemoryQuarantine
):
    assert replaced(peer, quarantine) is Replacement.CREATED
    assert peer.content(KEY) == KEPT
    assert quarantine.kept == [(KEY, b"", NOTHING_THERE)]


def test_an_unexpected_file_is_moved_into_the_quarantine(peer: Peer, quarantine: MemoryQuarantine):
    peer.keep({KEY: BAD, "maps/a/v1/data/y.tif": b"y"})
    assert peer.replacer.remove_unexpected(KEY, quarantine)
    assert peer.listed() == ["maps/a/v1/data/y.tif"]
    assert quarantine.kept == [(KEY, BAD, NOT_KEPT)]
    assert not peer.replacer.remove_unexpected(KEY, quarantine)
    assert not peer.replacer.remove_unexpected(StoreKey("maps/b/v1/x"), quarantine)
    assert len(quarantine.kept) == 1


class OvertakenQuarantine(MemoryQuarantine):
    """A quarantine that is slow: when it has what lay there, another writer has written in its place."""

    def __init__(self, peer: Peer, content: bytes | None) -> None:
        super().__init__()
        self._peer = peer
        self._content = content

    @contextmanager
    def receive(self, key: StoreKey) -> Iterator[MemoryQuarantinedFile]:
        with super().receive(key) as file:
            yield file
        if self._content is None:
            self._peer.injurer.remove(key)
        else:
            self._peer.injurer.write(key, self._content)


@pytest.mark.parametrize("size", [14, 13 << 20], ids=["small", "large"])
def test_what_another_writer_put_there_since_it_was_read_is_not_replaced(peer: Peer, size: int):
    peer.keep({KEY: BAD})
    quarantine = OvertakenQuarantine(peer, b"of another writer")
    with pytest.raises(UnavailableError, match="was changed while it was repaired, and stays as it is"):
        replaced(peer, quarantine, bytes(size))
    assert peer.content(KEY) == b"of another writer"
    assert quarantine.kept == [(KEY, BAD, OTHER_BYTES)]
    assert peer.listed() == [KEY]


def test_an_unexpected_file_that_another_writer_replaced_since_is_not_taken_away(peer: Peer):
    peer.keep({KEY: BAD})
    with pytest.raises(UnavailableError, match="was changed while it was repaired"):
        peer.replacer.remove_unexpected(KEY, OvertakenQuarantine(peer, b"of another writer"))
    assert peer.content(KEY) == b"of another writer"


class FullQuarantine:
    """A quarantine that has no room."""

    def receive(self, key: StoreKey) -> AbstractContextManager[QuarantinedFile]:
        raise StoreFullError(f"no room for {key}")


def test_where_the_quarantine_cannot_take_it_nothing_is_replaced_or_taken_away(peer: Peer):
    peer.keep({KEY: BAD})
    with pytest.raises(StoreFullError):
        peer.replacer.replace(peer.deposit(KEY, KEPT), digests(KEPT), FullQuarantine())
    with pytest.raises(StoreFullError):
        peer.replacer.remove_unexpected(KEY, FullQuarantine())
    assert peer.content(KEY) == BAD


def test_where_the_source_is_not_what_it_was_the_old_file_stays(peer: Peer, quarantine: MemoryQuarantine):
    peer.keep({KEY: BAD})
    deposit = peer.deposit(KEY, KEPT)
    deposit.source.write_bytes(b"shorter")
    with pytest.raises(SourceChangedError):
        peer.replacer.replace(deposit, digests(KEPT), quarantine)
    assert peer.content(KEY) == BAD


def test_what_is_the_stores_own_cannot_be_replaced_taken_away_or_damaged(
    peer: Peer, quarantine: MemoryQuarantine
):
    for key in (StoreKey(".identity"), StoreKey("maps/../x")):
        deposit = peer.deposit("maps/x", KEPT)
        own = type(deposit)(key, deposit.source, deposit.size)
        with pytest.raises(DeniedError):
            peer.replacer.replace(own, digests(KEPT), quarantine)
        with pytest.raises(DeniedError):
            peer.replacer.remove_unexpected(key, quarantine)


def test_in_a_place_that_is_not_the_store_nothing_is_replaced_or_damaged(
    peer: Peer, quarantine: MemoryQuarantine
):
    peer.keep({KEY: BAD})
    peer.unmade()
    with pytest.raises(UnavailableError):
        replaced(peer, quarantine)
    with pytest.raises(UnavailableError):
        peer.replacer.remove_unexpected(KEY, quarantine)
    assert quarantine.kept == []
