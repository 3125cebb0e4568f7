"""A store is known by the identity in it: in any other place nothing is written, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.plans import SHEET
from support.store_peers import PEERS, Peer

from preservation.errors import AlreadyExistsError, NotFoundError, UnavailableError
from preservation.model.identifiers import StoreIdentity, new_store_identity
from preservation.model.paths import StoreKey
from storage.ports.stores import Purger, Store, opened_file

KEY = "maps/sheet-012/v1/data/x"


@pytest.fixture(params=sorted(PEERS))
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Peer:
    return PEERS[request.param](tmp_path)


def require_away(peer: Peer, store: Store, purger: Purger, *, gone: str, match: str) -> None:
    """Require that every act that could lose or misplace something ends with the store being away."""
    for act in (
        lambda: store.create([peer.deposit("maps/sheet-012/v1/data/y", b"y")]),
        lambda: store.create(iter(())),
        lambda: store.open(StoreKey(gone)),
        lambda: store.stat(StoreKey(gone)),
        lambda: list(store.list()),
        lambda: list(store.list(SHEET.prefix)),
        store.check,
        store.probe,
        lambda: purger.discard_uncommitted(SHEET),
    ):
        with pytest.raises(UnavailableError, match=match):
            act()


def test_a_place_with_another_identity_is_away_and_stays_as_it_is(peer: Peer):
    peer.keep({KEY: b"x"})
    store, purger = peer.opened(new_store_identity())
    require_away(peer, store, purger, gone="maps/sheet-012/v1/data/z", match="is another store")
    # What is there can be read: it is compared with digests.
    assert store.stat(StoreKey(KEY)).size == 1
    with opened_file(store, StoreKey(KEY)) as file:
        assert file.read() == b"x"
    assert peer.listed() == [KEY]


def test_a_place_whose_identity_is_gone_is_away_and_stays_as_it_is(peer: Peer):
    peer.keep({KEY: b"x"})
    identity = peer.maker.identity()
    assert identity is not None
    peer.unmade()
    match = r"does not hold the identity.*muniment stores init first"
    require_away(peer, peer.store, peer.purger, gone="maps/sheet-012/v1/data/z", match=match)
    peer.maker.make(identity)
    assert peer.listed() == [KEY]
    peer.store.check()


def test_without_an_identity_a_store_is_read_and_not_written_to(peer: Peer):
    peer.keep({KEY: b"x"})
    store, purger = peer.opened(None)
    if peer.maker.name == "first" and type(store).__name__ != "MemoryStore":
        assert [kept.key for kept in store.list()] == [KEY]
        with pytest.raises(NotFoundError):
            store.stat(StoreKey("maps/sheet-012/v1/data/z"))
    for act in (
        lambda: store.create([peer.deposit("maps/sheet-012/v1/data/y", b"y")]),
        store.check,
        store.probe,
        lambda: purger.discard_uncommitted(SHEET),
    ):
        with pytest.raises(UnavailableError, match=r"no identity yet.*muniment stores init first"):
            act()
    assert peer.listed() == [KEY]


def test_an_identity_is_never_replaced(peer: Peer):
    identity = peer.maker.identity()
    with pytest.raises(AlreadyExistsError, match="never replaced"):
        peer.maker.make(new_store_identity())
    assert peer.maker.identity() == identity


def test_an_identity_is_looked_for_in_each_call_so_that_no_commit_follows_a_change(peer: Peer):
    peer.keep({KEY: b"x"})
    peer.unmade()
    peer.maker.make(StoreIdentity("11111111-1111-4111-8111-111111111111"))
    with pytest.raises(UnavailableError, match="11111111-1111-4111-8111-111111111111"):
        peer.keep({f"{SHEET.prefix}/tagmanifest-sha256.txt": b"x"})
