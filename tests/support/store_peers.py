"""The stores under one contract. A new one joins with one more line in ``PEERS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from fakes import whole
from services.buckets import (
    CEPH,
    PLACE,
    SMALL_SIZES,
    SWIFT,
    Service,
    client,
    new_address,
    speak_as_the_archive,
)
from support.identities import made
from support.memory_store import (
    MemoryInjurer,
    MemoryMaker,
    MemoryPurger,
    MemoryReplacer,
    MemoryStore,
    Shelf,
)

from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey, bag_path
from storage.ports.injurers import Injurer
from storage.ports.replacers import Replacer
from storage.ports.stores import Deposit, Purger, SiteName, Store, StoreMaker, StorePlace
from storage.stores.folder.injure import FolderInjurer
from storage.stores.folder.make import FolderMaker
from storage.stores.folder.purge import FolderPurger
from storage.stores.folder.replace import FolderReplacer
from storage.stores.folder.root import IDENTITY
from storage.stores.folder.store import FolderStore
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.injure import S3Injurer
from storage.stores.s3.make import S3Maker
from storage.stores.s3.purge import S3Purger
from storage.stores.s3.replace import S3Replacer
from storage.stores.s3.store import S3Store

SITE = SiteName("here")
NAME = StoreName("first")


@dataclass(frozen=True)
class Peer:
    """A store with what a test of it needs: its purger and maker, and a folder for what is deposited.

    ``opened`` opens the same place with another identity; ``unmade`` takes the identity away.
    """

    store: Store
    purger: Purger
    workspace: Path
    maker: StoreMaker
    opened: Callable[[StoreIdentity | None], tuple[Store, Purger]]
    unmade: Callable[[], None]
    replacer: Replacer
    injurer: Injurer

    def keep(self, contents: Mapping[str, bytes]) -> None:
        """Create these keys with these contents, in one call."""
        self.store.create([self.deposit(key, content) for key, content in contents.items()])

    def deposit(self, key: str, content: bytes) -> Deposit:
        """Return a deposit whose source is a new file in the workspace."""
        source = self.workspace / f"source-{next(_numbers)}"
        source.write_bytes(content)
        return Deposit(StoreKey(bag_path(key)), source, len(content))

    def content(self, key: str) -> bytes:
        """Read the whole file under a key."""
        with self.store.open(StoreKey(key)) as stream:
            return whole(stream)

    def listed(self, prefix: str | None = None) -> list[str]:
        """List the keys below a prefix."""
        return [kept.key for kept in self.store.list(None if prefix is None else StoreKey(prefix))]


_numbers = count()


def memory_store(name: StoreName = NAME, site: SiteName = SITE) -> MemoryStore:
    """Return an empty store in memory."""
    return MemoryStore(name, StorePlace(site, "this process", "memory"))


def folder_store(root: Path, name: StoreName = NAME, site: SiteName = SITE) -> FolderStore:
    """Return an empty store in a new folder."""
    identity = made(FolderMaker(name, root))
    return FolderStore(name, root, StorePlace(site, "this machine", "disk"), identity)


def _memory_peer(folder: Path) -> Peer:
    shelf = Shelf()
    maker = MemoryMaker(NAME, shelf)

    def opened(identity: StoreIdentity | None) -> tuple[Store, Purger]:
        store = MemoryStore(NAME, StorePlace(SITE, "this process", "memory"), shelf, identity)
        return store, MemoryPurger(NAME, shelf, COMMITS, store)

    store, purger = opened(made(maker))
    assert isinstance(store, MemoryStore)
    return Peer(
        store,
        purger,
        folder,
        maker,
        opened,
        lambda: setattr(shelf, "identity", None),
        MemoryReplacer(store),
        MemoryInjurer(store),
    )


def _folder_peer(folder: Path) -> Peer:
    root = folder / "store"
    maker = FolderMaker(NAME, root)

    def opened(identity: StoreIdentity | None) -> tuple[Store, Purger]:
        place = StorePlace(SITE, "this machine", "disk")
        return FolderStore(NAME, root, place, identity), FolderPurger(NAME, root, identity, COMMITS)

    identity = made(maker)
    return Peer(
        *opened(identity),
        folder,
        maker,
        opened,
        (root / IDENTITY).unlink,
        FolderReplacer(NAME, root, identity),
        FolderInjurer(NAME, root, identity),
    )


def _s3_peer(folder: Path, service: Service) -> Peer:
    speak_as_the_archive(service)
    address = new_address(service=service)
    maker = S3Maker(Bucket(NAME, address))

    def opened(identity: StoreIdentity | None) -> tuple[Store, Purger]:
        bucket = Bucket(NAME, address, identity=identity)
        return S3Store(bucket, PLACE, sizes=SMALL_SIZES), S3Purger(bucket, COMMITS)

    def unmade() -> None:
        client(service=service).delete_object(
            Bucket=address.bucket, Key=f"{address.prefix}/.muniment/identity"
        )

    identity = made(maker)
    bucket = Bucket(NAME, address, identity=identity)
    return Peer(
        *opened(identity),
        folder,
        maker,
        opened,
        unmade,
        S3Replacer(bucket, sizes=SMALL_SIZES),
        S3Injurer(bucket),
    )


PEERS: Mapping[str, Callable[[Path], Peer]] = {
    "memory": _memory_peer,
    "folder": _folder_peer,
    "s3 of Ceph": partial(_s3_peer, service=CEPH),
    "s3 of Swift": partial(_s3_peer, service=SWIFT),
}

SLOW = frozenset({"s3 of Swift"})
"""The peers with which a test of hundreds of files takes half a minute."""
