"""A store that another installation filled: opened to be read, and the packages in it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from flows.installation.settings import Settings
from flows.installation.store_kinds import STORE_KINDS
from flows.installation.store_settings import FolderStoreSettings, S3StoreSettings
from preservation.errors import ConfigurationError
from preservation.files.beneath import read_plain_file
from preservation.model.identifiers import PackageId, StoreName, VersionNumber, parse_object_id
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey, printable
from storage.ports.stores import Store

_NAME: Final = "former-store"
_LEVELS: Final = 3
"""A package lies below collection, object and version."""
_BUCKET: Final = "s3://"
INCOMING: Final = ".incoming"
PACKAGE_MARK: Final = b"Muniment-Object-Version:"
"""What the bag-info.txt of every package has."""
_MOST_READ: Final = 1 << 20
_VERSION: Final = re.compile(r"v([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class FoundPackage:
    """A version in a store, with the files in its own folder, and their bytes.

    It exists where it ``is_committed``: a tag manifest of it is there.
    """

    package: PackageId
    files: int
    bytes: int
    is_committed: bool = True


def is_store(place: Path) -> bool:
    """Return whether a folder is laid out as a store, so that what lies there are packages of Muniment."""
    for version in place.glob("*/*/v*"):
        if any((version / commit).is_file() for commit in COMMITS):
            with suppress(OSError), read_plain_file(version / "bag-info.txt") as info:
                return PACKAGE_MARK in info.read(_MOST_READ)
            return False
    return False


def opened_former_store(place: Path, settings: Settings) -> Store:
    """Open a folder that another installation used as a store. It can be read, and is never written to.

    Raises ``ConfigurationError`` where it lacks the working area that every store has.
    """
    if not (place / INCOMING).is_dir():
        raise ConfigurationError(
            f"{printable(str(place))}: packages of Muniment lie there, and the folder {INCOMING} of a store "
            "does not, as in a copy without hidden names; make that folder there, empty, then run this again"
        )
    kind = STORE_KINDS["folder"]
    # Without an identity a store cannot be written to.
    return kind.store(FolderStoreSettings(kind="folder", name=_NAME, path=place, site="-"), settings, None)


def own_store_at(place: str, settings: Settings) -> StoreName | None:
    """Return the configured store that is this place, a folder or ``s3://bucket/prefix``, if one is."""
    for store in settings.store:
        if isinstance(store, S3StoreSettings):
            is_there = place.rstrip("/") == f"{_BUCKET}{store.bucket}/{store.prefix}".rstrip("/")
        else:
            is_there = settings.store_root(store).resolve() == Path(place).resolve()
        if is_there:
            return StoreName(store.name)
    return None


def is_bucket(place: str) -> bool:
    """Return whether a place is named as a bucket is."""
    return place.startswith(_BUCKET)


def version_in(name: str) -> VersionNumber | None:
    """Return the number of the version whose folder is called ``name``; ``None`` where it is no such."""
    found = _VERSION.fullmatch(name)
    return None if found is None else VersionNumber(int(found[1]))


def packages_in(store: Store) -> Iterator[FoundPackage]:
    """Yield every version in ``store``, committed or not: all of an object together, the oldest first.

    Raises ``StorageError`` as the store does.
    """
    for owner, kept in groupby(store.list(), lambda one: _owner_of(one.key)):
        sizes: defaultdict[VersionNumber, list[int]] = defaultdict(lambda: [0, 0])
        committed = set[VersionNumber]()
        for one in kept:
            parts = one.key.split("/", _LEVELS)
            version = version_in(parts[2]) if len(parts) > _LEVELS else None
            if version is None:
                continue
            sizes[version][0] += 1
            sizes[version][1] += one.size
            if parts[_LEVELS] in COMMITS:
                committed.add(version)
        try:
            object_id = parse_object_id(owner)
        except ValueError:
            # The journal and the guide of the store are no packages.
            continue
        for version, (files, size) in sorted(sizes.items()):
            yield FoundPackage(PackageId(object_id, version), files, size, version in committed)


def _owner_of(key: StoreKey) -> str:
    return "/".join(key.split("/", 2)[:2])
