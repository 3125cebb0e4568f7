"""A store is given its guide once, and a further form beside it where a release has another."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.store_peers import PEERS, Peer

from preservation.model.paths import StoreKey
from storage.guide import give
from storage.guide.give import give_guide, is_guide
from storage.ports.stores import opened_file

CHECKER = StoreKey("_journal/check_journal.py")


@pytest.fixture(params=["memory", "folder", "s3 of Ceph"])
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Peer:
    return PEERS[request.param](tmp_path)


def content(peer: Peer, key: str) -> bytes:
    with opened_file(peer.store, StoreKey(key)) as file:
        return file.read()


def test_it_is_given_once(peer: Peer):
    assert give_guide(peer.store) == ("README.txt", "verify.py", CHECKER)
    assert give_guide(peer.store) == ()
    assert [kept.key for kept in peer.store.list()] == ["README.txt", CHECKER, "verify.py"]
    assert content(peer, "verify.py") == Path(give.__file__).with_name("verify.py").read_bytes()


def test_another_form_lies_beside_the_earlier_one(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    give_guide(peer.store)
    for number, text in enumerate(("new", "newer"), 2):
        (tmp_path / "readme").write_text(text)
        monkeypatch.setitem(give._FILES, StoreKey("README.txt"), tmp_path / "readme")
        assert give_guide(peer.store) == (f"README.{number}.txt",)
        assert content(peer, f"README.{number}.txt") == text.encode()
        assert give_guide(peer.store) == ()
    # What came back after that is the newest again.
    (tmp_path / "readme").write_text("new")
    assert give_guide(peer.store) == ("README.4.txt",)
    assert content(peer, "README.2.txt") == b"new"


def test_only_its_own_names_are_the_guide():
    assert all(is_guide(StoreKey(key)) for key in ("README.txt", "README.12.txt", "verify.py", "verify.2.py"))
    others = ("maps/README.txt", "README", "verify.py/x", "README.txt\n", "_journal/check_journal.py")
    assert not any(is_guide(StoreKey(key)) for key in others)
