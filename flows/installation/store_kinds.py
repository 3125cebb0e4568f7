"""The kinds of store: how a store, and what is apart from it, is opened by its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flows.installation.settings import Settings
from flows.installation.store_settings import (
    BucketSettings,
    FolderStoreSettings,
    S3StoreSettings,
    StoreSettings,
)
from preservation.errors import ConfigurationError
from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.layout import COMMITS
from storage.ports.confirmers import Confirmer
from storage.ports.injurers import Injurer
from storage.ports.providers import Provider
from storage.ports.replacers import Replacer
from storage.ports.stores import Purger, SiteName, Store, StoreMaker, StorePlace
from storage.stores.folder.confirm import FolderConfirmer
from storage.stores.folder.injure import FolderInjurer
from storage.stores.folder.make import FolderMaker
from storage.stores.folder.modes import Readers
from storage.stores.folder.purge import FolderPurger
from storage.stores.folder.replace import FolderReplacer
from storage.stores.folder.store import FolderStore

if TYPE_CHECKING:
    from storage.stores.s3.bucket import Bucket

_OneKind = TypeVar("_OneKind")


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


def _folder_store(store: FolderStoreSettings, settings: Settings, identity: StoreIdentity | None) -> Store:
    root, threads = settings.store_root(store), settings.work.threads
    return FolderStore(
        StoreName(store.name), root, _place(store), identity, threads=threads, readers=Readers(store.readers)
    )


def _folder_purger(store: FolderStoreSettings, settings: Settings, identity: StoreIdentity | None) -> Purger:
    return FolderPurger(StoreName(store.name), settings.store_root(store), identity, COMMITS)


def _folder_replacer(
    store: FolderStoreSettings, settings: Settings, identity: StoreIdentity | None
) -> Replacer:
    root, readers = settings.store_root(store), Readers(store.readers)
    return FolderReplacer(StoreName(store.name), root, identity, readers)


def _folder_injurer(
    store: FolderStoreSettings, settings: Settings, identity: StoreIdentity | None
) -> Injurer:
    root, readers = settings.store_root(store), Readers(store.readers)
    return FolderInjurer(StoreName(store.name), root, identity, readers)


def _folder_confirmer(store: FolderStoreSettings, settings: Settings) -> Confirmer:
    return FolderConfirmer(StoreName(store.name), settings.store_root(store))


def _folder_maker(store: FolderStoreSettings, settings: Settings) -> StoreMaker:
    return FolderMaker(StoreName(store.name), settings.store_root(store), Readers(store.readers))


def _s3_store(store: S3StoreSettings, _: Settings, identity: StoreIdentity | None) -> Store:
    from storage.stores.s3.store import S3Store  # noqa: PLC0415  half a second, and only for a bucket

    return S3Store(open_bucket(store, StoreName(store.name), identity=identity), _place(store))


def _s3_purger(store: S3StoreSettings, _: Settings, identity: StoreIdentity | None) -> Purger:
    from storage.stores.s3.purge import S3Purger  # noqa: PLC0415  as above

    return S3Purger(open_bucket(store, StoreName(store.name), identity=identity), COMMITS)


def _s3_replacer(store: S3StoreSettings, _: Settings, identity: StoreIdentity | None) -> Replacer:
    from storage.stores.s3.replace import S3Replacer  # noqa: PLC0415  as above

    return S3Replacer(open_bucket(store, StoreName(store.name), identity=identity))


def _s3_injurer(store: S3StoreSettings, _: Settings, identity: StoreIdentity | None) -> Injurer:
    from storage.stores.s3.injure import S3Injurer  # noqa: PLC0415  as above

    return S3Injurer(open_bucket(store, StoreName(store.name), identity=identity))


def _s3_provider(store: S3StoreSettings, _: Settings, identity: StoreIdentity | None) -> Provider:
    from storage.stores.s3.provider import S3Provider  # noqa: PLC0415  as above

    return S3Provider(open_bucket(store, StoreName(store.name), identity=identity))


def _s3_maker(store: S3StoreSettings, _: Settings) -> StoreMaker:
    from storage.stores.s3.make import S3Maker  # noqa: PLC0415  as above

    return S3Maker(open_bucket(store, StoreName(store.name)))


def _place(store: StoreSettings) -> StorePlace:
    return StorePlace(SiteName(store.site), store.provider, store.media)


@dataclass(frozen=True, slots=True)
class StoreKind(Generic[_OneKind]):
    """Opens a store of one kind, and what is apart from it, by its ``settings``.

    ``provider`` is ``None`` where nobody states anything of what the store keeps, as of a disk; ``confirmer``
    where its files are read one by one.
    """

    settings: type[_OneKind]
    store: Callable[[_OneKind, Settings, StoreIdentity | None], Store]
    purger: Callable[[_OneKind, Settings, StoreIdentity | None], Purger]
    maker: Callable[[_OneKind, Settings], StoreMaker]
    replacer: Callable[[_OneKind, Settings, StoreIdentity | None], Replacer]
    injurer: Callable[[_OneKind, Settings, StoreIdentity | None], Injurer]
    provider: Callable[[_OneKind, Settings, StoreIdentity | None], Provider] | None = None
    confirmer: Callable[[_OneKind, Settings], Confirmer] | None = None


STORE_KINDS: Mapping[str, StoreKind[Any]] = {
    "folder": StoreKind(
        FolderStoreSettings,
        _folder_store,
        _folder_purger,
        _folder_maker,
        _folder_replacer,
        _folder_injurer,
        confirmer=_folder_confirmer,
    ),
    "s3": StoreKind(
        S3StoreSettings, _s3_store, _s3_purger, _s3_maker, _s3_replacer, _s3_injurer, _s3_provider
    ),
}
"""Every kind of store, by what ``kind`` says in its settings. docs/design.md says how to add one."""


def open_bucket(
    place: BucketSettings, name: StoreName, kind: str = "store", identity: StoreIdentity | None = None
) -> Bucket:
    """Return a bucket by its settings; it connects when it is first used. ``kind`` names it in messages."""
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
