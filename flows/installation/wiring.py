"""The only place where adapters are chosen (the composition root); ``store_kinds`` is its part for stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flows.installation.settings import Settings
from flows.installation.store_kinds import STORE_KINDS, StoreKind, identity_of, open_bucket
from flows.installation.store_settings import BucketInboxSettings
from preservation.errors import ConfigurationError
from preservation.identification.caged import identifying_workers
from preservation.intake.cage import READING_MODULES
from preservation.model.events import Agent, AgentKind
from preservation.model.identifiers import CollectionName, StoreIdentity, StoreName
from preservation.model.paths import printable
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
from storage.orders import SqlOrders
from storage.ports.audits import Audits
from storage.ports.catalogue import Catalogue
from storage.ports.confirmers import Confirmer
from storage.ports.drop_buckets import DropBucket
from storage.ports.holdings import Holdings
from storage.ports.injurers import Injurer
from storage.ports.journal import Journal
from storage.ports.orders import Orders
from storage.ports.providers import Provider
from storage.ports.replacers import Replacer
from storage.ports.stores import Purger, Store

SOFTWARE_VERSION = version("muniment")
SOFTWARE = Agent(AgentKind.SOFTWARE, "Muniment", SOFTWARE_VERSION)


def now() -> datetime:
    """Return the time in UTC: the default clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Installation:
    """An open installation: its settings and the adapters for them. ``closing`` ends what it started.

    ``throwaway``: it holds nothing, so what is looked at in it is held against no order.
    """

    settings: Settings
    database: Database
    closing: ExitStack
    drops: tuple[Path, ...] = ()
    throwaway: bool = False
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
    def orders(self) -> Orders:
        """What was ordered."""
        return SqlOrders(self.database)

    @cached_property
    def signing_key(self) -> SigningKey:
        """The key that signs the journal's heads. Raises ``ConfigurationError`` where there is none."""
        return load_key(self.settings.keys)

    def policy_of(self, collection: CollectionName) -> Policy:
        """Load the policy that governs ``collection``. Raises ``ConfigurationError``."""
        return load(self.settings.policy_of(collection))

    def stores_for(self, policy: Policy) -> tuple[Store, ...]:
        """Open the stores that the policy names, or all of them, without the retired ones."""
        named = self._named_by(policy)
        return tuple(store for store in self.stores if store.name in named)

    def store_names_for(self, collection: CollectionName) -> tuple[StoreName, ...]:
        """Return the stores for packages of ``collection``. Raises ``ConfigurationError``."""
        if collection not in self._stores_of_collections:
            self._stores_of_collections[collection] = self._named_by(self.policy_of(collection))
        return self._stores_of_collections[collection]

    def _named_by(self, policy: Policy) -> tuple[StoreName, ...]:
        in_use = self.settings.stores_in_use
        named = tuple(map(StoreName, policy.terms.replication.stores))
        return tuple(name for name in named if name in in_use) if named else in_use

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
        return {name: kind.purger(*of) for name, kind, of in self._kinds}

    @cached_property
    def confirmers(self) -> dict[StoreName, Confirmer]:
        """The confirmer of each store that has one."""
        kinds = [(store, STORE_KINDS[store.kind]) for store in self.settings.store]
        return {
            StoreName(store.name): kind.confirmer(store, self.settings)
            for store, kind in kinds
            if kind.confirmer is not None
        }

    @cached_property
    def replacers(self) -> dict[StoreName, Replacer]:
        """The replacer of each store, which repair alone asks for."""
        return {name: kind.replacer(*of) for name, kind, of in self._kinds}

    def provider(self, store: StoreName) -> Provider | None:
        """Open what states checksums of a store; ``None`` where nothing does."""
        for name, kind, of in self._kinds:
            if name == store and kind.provider is not None:
                return kind.provider(*of)
        return None

    def injurer(self, store: StoreName) -> Injurer:
        """Open the injurer of a store.

        Raises ``ConfigurationError`` where there is no such store, or it is not there to be damaged.
        """
        for name, kind, (kept, settings, identity) in self._kinds:
            if name == store and kept.rehearsal:
                return kind.injurer(kept, settings, identity)
        known = ", ".join(kept.name for kept in self.settings.store if kept.rehearsal) or "none"
        raise ConfigurationError(
            f"store {printable(store)}: only a store that has rehearsal = true in its [[store]] is damaged, "
            f"for what it holds is lost by that; set it in muniment.toml; such stores are: {known}"
        )

    @property
    def _kinds(
        self,
    ) -> Iterator[tuple[StoreName, StoreKind[Any], tuple[Any, Settings, StoreIdentity | None]]]:
        """Yield name and kind of every store, and what its parts are opened with."""
        recorded = self.catalogue.store_identities()
        for store in self.settings.store:
            identity = identity_of(store, recorded)
            yield StoreName(store.name), STORE_KINDS[store.kind], (store, self.settings, identity)


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


def virus_scanner(settings: Settings) -> Clamd:
    """Return the client of the configured virus scanner; it connects when it is first used."""
    return Clamd(clamd_address(settings.virus.clamd), settings.virus.seconds)


@contextmanager
def open_installation(
    settings: Settings, drops: tuple[Path, ...] = (), *, throwaway: bool = False
) -> Iterator[Installation]:
    """Open the installation for as long as the context lasts.

    ``drops`` are what may be identified: the drops, and the folders that archives are unpacked to.
    ``throwaway``: it is removed after use.
    Raises ``ConfigurationError`` or ``StorageError`` where its database cannot be opened.
    """
    with open_database(settings.database_url) as database, ExitStack() as closing:
        yield Installation(settings, database, closing, drops, throwaway)


def _limits(settings: Settings) -> Limits:
    return Limits(
        address_space=int(settings.limits.memory),
        cpu_seconds=settings.limits.cpu_seconds,
        wall_seconds=settings.limits.wall_seconds,
        file_size=int(settings.limits.derivative_size),
    )


def open_bucket_inbox(inbox: BucketInboxSettings) -> DropBucket:
    """Open a bucket inbox; it connects when it is first used."""
    from storage.inboxes.s3 import S3DropBucket  # noqa: PLC0415  half a second, and only for a bucket

    return S3DropBucket(open_bucket(inbox, StoreName(inbox.name), "bucket inbox"))
