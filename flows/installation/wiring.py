"""The only place where adapters are chosen (the composition root)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flows.installation.settings import (
    BucketInboxSettings,
    BucketSettings,
    FolderStoreSettings,
    S3StoreSettings,
    Settings,
    StoreSettings,
)
from preservation.errors import ConfigurationError
from preservation.identification.caged import identifying_workers
from preservation.intake.cage import READING_MODULES
from preservation.model.events import Agent, AgentKind
from preservation.model.identifiers import CollectionName, StoreIdentity, StoreName
from preservation.model.layout import COMMITS
from preservation.policy.load import load
from preservation.policy.schema import Policy
from preservation.tools.clamd import Clamd, clamd_address
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers
from storage.audits.sql import SqlAudits
from storage.catalogue.sql import SqlCatalogue
from storage.database.opening import Database, open_database
from storage.holdings import SqlHoldings
from storage.journal.keys import SigningKey, load_key
from storage.journal.sql import SqlJournal
from storage.ports.audits import Audits
from storage.ports.catalogue import Catalogue
from storage.ports.drop_buckets import DropBucket
from storage.ports.holdings import Holdings
from storage.ports.journal import Journal
from storage.ports.stores import Purger, SiteName, Store, StoreMaker, StorePlace
from storage.stores.folder.make import FolderMaker
from storage.stores.folder.modes import Readers
from storage.stores.folder.purge import FolderPurger
from storage.stores.folder.store import FolderStore

if TYPE_CHECKING:
    from storage.stores.s3.bucket import Bucket

_OneKind = TypeVar("_OneKind")

SOFTWARE_VERSION = version("muniment")
SOFTWARE = Agent(AgentKind.SOFTWARE, "Muniment", SOFTWARE_VERSION)


def now() -> datetime:
    """Return the time in UTC: the default clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Installation:
    """An open installation: its settings and the adapters for them. ``closing`` ends what it started."""

    settings: Settings
    database: Database
    closing: ExitStack
    drops: tuple[Path, ...] = ()
    _pools: dict[tuple[str, ...], CagedWorkers] = field(default_factory=dict)
    _stores_of_collections: dict[CollectionName, tuple[StoreName, ...]] = field(default_factory=dict)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The index of what is kept."""
        return SqlCatalogue(self.database)

    @cached_property
    def journal(self) -> Journal:
        """The append-only record of every act."""
        return SqlJournal(self.database)

    @cached_property
    def audits(self) -> Audits:
        """When each replica was read last, and what damage is open."""
        return SqlAudits(self.database)

    @cached_property
    def holdings(self) -> Holdings:
        """What is kept, as numbers."""
        return SqlHoldings(self.database)

    @cached_property
    def signing_key(self) -> SigningKey:
        """The key that signs the journal's heads. Raises ``ConfigurationError`` where there is none."""
        return load_key(self.settings.keys)

    def policy_of(self, collection: CollectionName) -> Policy:
        """Load the policy that governs ``collection``. Raises ``ConfigurationError``."""
        return load(self.settings.policy_of(collection))

    def stores_for(self, policy: Policy) -> tuple[Store, ...]:
        """Open the stores that the policy names, or all of them."""
        named = self._named_by(policy)
        return tuple(store for store in self.stores if store.name in named)

    def store_names_for(self, collection: CollectionName) -> tuple[StoreName, ...]:
        """Return the stores for packages of ``collection``. Raises ``ConfigurationError``."""
        if collection not in self._stores_of_collections:
            self._stores_of_collections[collection] = self._named_by(self.policy_of(collection))
        return self._stores_of_collections[collection]

    def _named_by(self, policy: Policy) -> tuple[StoreName, ...]:
        return tuple(map(StoreName, policy.terms.replication.stores)) or self.settings.store_names

    @cached_property
    def stores(self) -> tuple[Store, ...]:
        """Every configured store. Raises ``ConfigurationError`` as ``identity_of`` does."""
        return open_stores(self.settings, self.catalogue.store_identities())

    def reopened(self, name: StoreName) -> Store:
        """Open a configured store once more, with connections of its own."""
        [settings] = (store for store in self.settings.store if store.name == name)
        identity = identity_of(settings, self.catalogue.store_identities())
        return STORE_KINDS[settings.kind].store(settings, self.settings, identity)

    def caged_workers(self, preload: tuple[str, ...]) -> CagedWorkers:
        """Return the caged processes that have imported ``preload``; all submissions of a run share them."""
        if preload not in self._pools:
            workers = CagedWorkers(_limits(self.settings), self.settings.work.caged_processes, preload)
            self._pools[preload] = self.closing.enter_context(workers)
        return self._pools[preload]

    @cached_property
    def identifying_workers(self) -> CagedWorkers:
        """The caged processes that identify what is below ``drops``; all submissions of a run share them."""
        workers = identifying_workers(
            _limits(self.settings), self.settings.work.caged_processes, self.drops, READING_MODULES
        )
        return self.closing.enter_context(workers)

    @cached_property
    def virus_scanner(self) -> Clamd:
        """The client of the virus scanner."""
        return virus_scanner(self.settings)

    @cached_property
    def purgers(self) -> dict[StoreName, Purger]:
        """The purger of each store, which removes the files of an unfinished try."""
        recorded = self.catalogue.store_identities()
        return {
            StoreName(store.name): STORE_KINDS[store.kind].purger(
                store, self.settings, identity_of(store, recorded)
            )
            for store in self.settings.store
        }


_NOT_RECORDED: Mapping[StoreName, StoreIdentity] = MappingProxyType({})


def open_stores(
    settings: Settings, recorded: Mapping[StoreName, StoreIdentity] = _NOT_RECORDED
) -> tuple[Store, ...]:
    """Open every configured store with its identity; needs no database.

    ``recorded`` are the identities that the catalogue has. Raises ``ConfigurationError`` as ``identity_of``.
    """
    return tuple(
        STORE_KINDS[store.kind].store(store, settings, identity_of(store, recorded))
        for store in settings.store
    )


def identity_of(store: StoreSettings, recorded: Mapping[StoreName, StoreIdentity]) -> StoreIdentity | None:
    """Return the identity that a store must have, by its settings or by the catalogue; ``None``: it has none.

    Raises ``ConfigurationError`` where the two differ: then nothing shows which place is meant.
    """
    kept = recorded.get(StoreName(store.name))
    if store.identity is None:
        return kept
    if kept not in {None, store.identity}:
        raise ConfigurationError(
            f"store {store.name}: its identity is {store.identity} in muniment.toml and {kept} in the "
            "catalogue; put back the one that was changed, or give a new store a name of its own"
        )
    return StoreIdentity(store.identity)


def virus_scanner(settings: Settings) -> Clamd:
    """Return the client of the configured virus scanner; it connects when it is first used."""
    return Clamd(clamd_address(settings.virus.clamd), settings.virus.seconds)


@contextmanager
def open_installation(settings: Settings, drops: tuple[Path, ...] = ()) -> Iterator[Installation]:
    """Open the installation for as long as the context lasts.

    ``drops`` are what may be identified: the drops, and the folders that archives are unpacked to.
    Raises ``ConfigurationError`` or ``StorageError`` where its database cannot be opened.
    """
    with open_database(settings.database_url) as database, ExitStack() as closing:
        yield Installation(settings, database, closing, drops)


def _limits(settings: Settings) -> Limits:
    return Limits(
        address_space=int(settings.limits.memory),
        cpu_seconds=settings.limits.cpu_seconds,
        wall_seconds=settings.limits.wall_seconds,
        file_size=int(settings.limits.derivative_size),
    )


def _folder_store(store: FolderStoreSettings, settings: Settings, identity: StoreIdentity | None) -> Store:
    root, threads = settings.store_root(store), settings.work.threads
    return FolderStore(
        StoreName(store.name), root, _place(store), identity, threads=threads, readers=Readers(store.readers)
    )


def _folder_purger(store: FolderStoreSettings, settings: Settings, identity: StoreIdentity | None) -> Purger:
    return FolderPurger(StoreName(store.name), settings.store_root(store), identity, COMMITS)


def _folder_maker(store: FolderStoreSettings, settings: Settings) -> StoreMaker:
    return FolderMaker(StoreName(store.name), settings.store_root(store), Readers(store.readers))


def _s3_store(store: S3StoreSettings, _: Settings, identity: StoreIdentity | None) -> Store:
    from storage.stores.s3.store import S3Store  # noqa: PLC0415  half a second, and only for a bucket

    return S3Store(_bucket(store, StoreName(store.name), identity=identity), _place(store))


def _s3_purger(store: S3StoreSettings, _: Settings, identity: StoreIdentity | None) -> Purger:
    from storage.stores.s3.purge import S3Purger  # noqa: PLC0415  as above

    return S3Purger(_bucket(store, StoreName(store.name), identity=identity), COMMITS)


def _s3_maker(store: S3StoreSettings, _: Settings) -> StoreMaker:
    from storage.stores.s3.make import S3Maker  # noqa: PLC0415  as above

    return S3Maker(_bucket(store, StoreName(store.name)))


def _place(store: StoreSettings) -> StorePlace:
    return StorePlace(SiteName(store.site), store.provider, store.media)


@dataclass(frozen=True, slots=True)
class StoreKind(Generic[_OneKind]):
    """Opens a store of one kind, its purger and its maker, by its ``settings``."""

    settings: type[_OneKind]
    store: Callable[[_OneKind, Settings, StoreIdentity | None], Store]
    purger: Callable[[_OneKind, Settings, StoreIdentity | None], Purger]
    maker: Callable[[_OneKind, Settings], StoreMaker]


STORE_KINDS: Mapping[str, StoreKind[Any]] = {
    "folder": StoreKind(FolderStoreSettings, _folder_store, _folder_purger, _folder_maker),
    "s3": StoreKind(S3StoreSettings, _s3_store, _s3_purger, _s3_maker),
}
"""Every kind of store, by what ``kind`` says in its settings. docs/design.md says how to add one."""


def open_bucket_inbox(inbox: BucketInboxSettings) -> DropBucket:
    """Open a bucket inbox; it connects when it is first used."""
    from storage.inboxes.s3 import S3DropBucket  # noqa: PLC0415  as above

    return S3DropBucket(_bucket(inbox, StoreName(inbox.name), "bucket inbox"))


def _bucket(
    place: BucketSettings, name: StoreName, kind: str = "store", identity: StoreIdentity | None = None
) -> Bucket:
    from storage.stores.s3.bucket import Bucket, BucketAddress  # noqa: PLC0415  as above

    address = BucketAddress(
        bucket=place.bucket,
        prefix=place.prefix,
        endpoint_url=place.endpoint_url or None,
        region=place.region or None,
        addressing=place.addressing,
        profile=place.profile or None,
        connections=place.connections,
    )
    return Bucket(name, address, kind, identity)
