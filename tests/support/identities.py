"""Making places stores, as ``muniment stores init`` does."""

from __future__ import annotations

from contextlib import suppress

from preservation.errors import AlreadyExistsError
from preservation.model.identifiers import StoreIdentity, new_store_identity
from storage.ports.stores import StoreMaker


def made(maker: StoreMaker) -> StoreIdentity:
    """Return the identity of a place, made a store where it is none; another may be faster."""
    if maker.identity() is None:
        with suppress(AlreadyExistsError):
            maker.make(new_store_identity())
    identity = maker.identity()
    assert identity is not None
    return identity
