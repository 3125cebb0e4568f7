"""The versions that lie in a store, committed or not, by its listing."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from preservation.model.identifiers import PackageId, VersionNumber, parse_object_id
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey
from storage.ports.stores import Store

_LEVELS: Final = 3
"""A package lies below collection, object and version."""
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
