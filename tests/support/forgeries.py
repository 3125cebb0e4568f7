"""Forgeries: files of a package altered in a store, and the lists above them made to fit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import replace

from support.versions import Room

from preservation.model.identifiers import PackageId
from preservation.model.paths import StoreKey
from storage.tag_digests import found_digests

_LIST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")


def files_of(kept: Mapping[StoreKey, bytes], package: PackageId) -> list[str]:
    """Every file that a store has of a version, by its path in the bag."""
    start = f"{package.prefix}/"
    return sorted(key.removeprefix(start) for key in kept if key.startswith(start))


def forge(kept: MutableMapping[StoreKey, bytes], package: PackageId, path: str, content: bytes) -> None:
    """Put ``content`` in a file's place, and make every list that names it fit, up to the tag manifests."""
    key = StoreKey(f"{package.prefix}/{path}")
    before = kept[key]
    kept[key] = content
    for listing in files_of(kept, package):
        found = _LIST.fullmatch(listing)
        if found is None or listing == path:
            continue
        old, new = (hashlib.new(found[2], text).hexdigest().encode() for text in (before, content))
        lists = kept[StoreKey(f"{package.prefix}/{listing}")]
        if re.search(rb"^%s  %s$" % (old, re.escape(path.replace("%", "%25").encode())), lists, re.MULTILINE):
            forge(kept, package, listing, lists.replace(old, new))


def fit_catalogue(room: Room, package: PackageId, store: int) -> None:
    """Have the catalogue's row say of the tag manifests what a store has now, as an intruder would."""
    registered = room.catalogue.package(package)
    algorithm = registered.tag_digests[0].algorithm
    found = found_digests(room.stores[store], package, algorithm)
    room.catalogue.alter(replace(registered, tag_digests=found))
