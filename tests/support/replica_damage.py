"""What is damaged in a replica, by what the store had before: as an audit would find it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from support.records import MOMENT

from preservation.fixity.digesting import digest_bytes
from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Algorithm
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    ObjectName,
    PackageId,
    StoreName,
    VersionNumber,
)
from preservation.model.paths import BagPath

ALGORITHMS = (Algorithm.SHA256,)


def package_of(key: str) -> tuple[PackageId, BagPath]:
    """Return the version of a key, and the path in it."""
    collection, name, version, path = key.split("/", 3)
    object_id = ObjectId(CollectionName(collection), ObjectName(name))
    return PackageId(object_id, VersionNumber(int(version[1:]))), BagPath(path)


def damages_between(
    store: StoreName, before: Mapping[str, bytes], now: Mapping[str, bytes]
) -> Iterator[Damage]:
    """Yield the damage of every file that is not as it was, in the order of the keys."""
    for key in sorted(before.keys() | now.keys()):
        package, path = package_of(key)
        kept, found = before.get(key), now.get(key)
        if kept == found:
            continue
        kind = DamageKind.MISMATCHED
        if kept is None:
            kind = DamageKind.UNEXPECTED
        elif found is None:
            kind = DamageKind.MISSING
        yield Damage(
            package,
            store,
            path,
            kind,
            MOMENT,
            {} if kept is None else digest_bytes(kept, ALGORITHMS),
            None if kept is None else len(kept),
            None if found is None else digest_bytes(found, ALGORITHMS),
            None if found is None else len(found),
        )
