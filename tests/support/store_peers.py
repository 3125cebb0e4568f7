"""The stores under one contract. A new one joins with one more line in ``PEERS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from fakes import whole
from services.buckets import CEPH, SWIFT, Service, new_address, s3_store, speak_as_the_archive
from support.memory_store import MemoryPurger, MemoryStore

from preservation.model.identifiers import StoreName
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey, bag_path
from storage.ports.stores import Deposit, Purger, SiteName, Store, StorePlace
from storage.stores.folder.purge import FolderPurger
from storage.stores.folder.root import make_folder_store
from storage.stores.folder.store import FolderStore
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.purge import S3Purger

SITE = SiteName("here")
NAME = StoreName("first")


@dataclass(frozen=True)
class Peer:
    """A store with what a test of it needs: its purger, and a folder for the files that are deposited."""

    store: Store
    purger: Purger
    workspace: Path

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
    make_folder_store(name, root)
    return FolderStore(name, root, StorePlace(site, "this machine", "disk"))


def _memory_peer(folder: Path) -> Peer:
    store = memory_store()
    return Peer(store, MemoryPurger(store.name, store.shelf, COMMITS), folder)


def _folder_peer(folder: Path) -> Peer:
    root = folder / "store"
    store = folder_store(root)
    return Peer(store, FolderPurger(store.name, root, COMMITS), folder)


def _s3_peer(folder: Path, service: Service) -> Peer:
    speak_as_the_archive(service)
    address = new_address(service=service)
    return Peer(s3_store(address, NAME), S3Purger(Bucket(NAME, address), COMMITS), folder)


PEERS: Mapping[str, Callable[[Path], Peer]] = {
    "memory": _memory_peer,
    "folder": _folder_peer,
    "s3 of Ceph": partial(_s3_peer, service=CEPH),
    "s3 of Swift": partial(_s3_peer, service=SWIFT),
}

SLOW = frozenset({"s3 of Swift"})
"""The peers with which a test of hundreds of files takes half a minute."""
