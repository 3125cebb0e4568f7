"""What a version consists of, by its replica in one store: checked from the tag manifest down."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from preservation.bagit.fetch import FETCH_TXT, FetchEntry, parse_fetch
from preservation.bagit.manifests import ManifestEntry, decode_path, parse_manifest
from preservation.bagit.tagtext import TagText, TagTextError
from preservation.errors import IntegrityError, NotFoundError
from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm, Digests, HexDigest, parse_digest
from preservation.model.identifiers import ObjectId, PackageId, VersionNumber
from preservation.model.layout import BY_PREFERENCE, COMMITS, commit
from preservation.model.locators import Locator, parse_locator
from preservation.model.paths import BagPath, StoreKey, bag_path, printable
from preservation.model.tag_digests import TagDigest
from storage.ports.stores import Store
from storage.restore.path_table import PathTable
from storage.restore.verified_list import copy_promised, verified_list
from storage.tag_digests import damaged, tag_manifest

PAYLOAD = "data/"
_FETCH = BagPath(FETCH_TXT)


@dataclass(frozen=True, slots=True)
class Description:
    """A version's files by their paths in the bag: the payload, the tag files, and the tag manifests.

    ``keys`` gives where bytes lie that are in an earlier version; ``tag_digests`` what was read of the
    tag manifests, by which replicas of one version are compared.
    """

    package: PackageId
    algorithm: Algorithm
    payload: Mapping[BagPath, HexDigest]
    tags: Mapping[BagPath, Digests]
    keys: Mapping[BagPath, StoreKey]
    tag_digests: tuple[TagDigest, ...]

    def key(self, path: BagPath) -> StoreKey:
        """Return where every store keeps the bytes of a file."""
        return self.keys.get(path) or Locator(self.package, path).key

    def digests(self, path: BagPath) -> Digests | None:
        """Return what a file must have, or ``None`` where the version has no such file."""
        if path in self.payload:
            return {self.algorithm: self.payload[path]}
        return self.tags.get(path)


@dataclass(frozen=True, slots=True)
class TagFiles:
    """What the tag manifests of a version name: its tag files, and they themselves.

    ``algorithm`` is that of the manifest of the payload, and ``tag_digests`` what was read of the tag
    manifests.
    """

    package: PackageId
    algorithm: Algorithm
    tags: Mapping[BagPath, Digests]
    tag_digests: tuple[TagDigest, ...]

    @property
    def manifest(self) -> BagPath:
        """The manifest of the payload."""
        return _manifest_path(self.algorithm)


def tag_files(store: Store, package: PackageId, recorded: Sequence[TagDigest] = ()) -> TagFiles:
    """Read which tag files a version has in ``store``; of them, only the tag manifests are read.

    Where digests of its tag manifests are ``recorded``, those are the tag manifests of the version, each
    as it was kept; another one that lies there is no part of it.

    Raises ``NotFoundError`` where the version is not there, ``IntegrityError`` where a tag manifest is not
    what was recorded, or names what no bag can hold, ``StorageError`` where the store does not answer.
    """
    replica = _Replica(store, package)
    tag_manifests = {name: found for name in BY_PREFERENCE if (found := replica.tag_manifest(name))}
    if not tag_manifests:
        raise NotFoundError(f"store {store.name}: there is no {package}; look in another store for it")
    if recorded:
        tag_manifests = replica.recorded(tag_manifests, recorded)
    tags: dict[BagPath, Digests] = {}
    read: list[TagDigest] = []
    for algorithm, content in tag_manifests.items():
        listing = commit(algorithm)
        tags[listing] = digest_bytes(content, (Algorithm.SHA256,))
        read.append(TagDigest(listing, Algorithm.SHA256, tags[listing][Algorithm.SHA256]))
        for path, digest in replica.entries(listing, io.BytesIO(content), algorithm):
            tags[path] = {**tags.get(path, {}), algorithm: digest}
    by = next((name for name in BY_PREFERENCE if _manifest_path(name) in tags), None)
    if by is None:
        raise replica.damaged("its tag manifest names no manifest")
    return TagFiles(package, by, tags, tuple(sorted(read)))


def describe(
    store: Store, package: PackageId, recorded: Sequence[TagDigest] = (), scratch: Path | None = None
) -> Description:
    """Read what a version consists of in ``store``; ``recorded`` as in ``tag_files``.

    With ``scratch``, a folder, the lists are in files there, and not in memory.

    Raises ``NotFoundError`` where the version is not there, ``IntegrityError`` where its lists are not
    what its tag manifest promises, or the tag manifest is not what was recorded, or they name what no
    bag can hold, ``StorageError`` where the store does not answer.
    """
    found = tag_files(store, package, recorded)
    replica, tags = _Replica(store, package), found.tags
    with replica.opened_list(found.manifest, tags, scratch) as manifest:
        payload = _mapping(replica.entries(found.manifest, manifest, found.algorithm), scratch, HexDigest)
    stray = next((path for path in payload if not path.startswith(PAYLOAD)), None)
    if stray is not None:
        raise replica.damaged(f"{found.manifest} names {printable(stray)}, which is no payload")
    keys: Mapping[BagPath, StoreKey] = {}
    if _FETCH in tags:
        with replica.opened_list(_FETCH, tags, scratch) as fetch:
            keys = _mapping(replica.fetched(fetch), scratch, StoreKey)
    return Description(package, found.algorithm, payload, tags, keys, found.tag_digests)


def versions_in(store: Store, object_id: ObjectId) -> list[VersionNumber]:
    """Return the numbers of the versions that exist in ``store``: those with a tag manifest."""
    found = set()
    for kept in store.list(StoreKey(str(object_id))):
        version, _, path = kept.key.removeprefix(f"{object_id}/").partition("/")
        if path in COMMITS and version[:1] == "v" and version[1:].isdecimal():
            found.add(VersionNumber(int(version[1:])))
    return sorted(found)


class _Replica:
    """The tag files of one version in one store."""

    def __init__(self, store: Store, package: PackageId) -> None:
        self._store = store
        self._package = package

    def damaged(self, what: str) -> IntegrityError:
        return damaged(self._store, self._package, what)

    def tag_manifest(self, algorithm: Algorithm) -> bytes | None:
        return tag_manifest(self._store, self._package, commit(algorithm))

    def recorded(
        self, found: Mapping[Algorithm, bytes], recorded: Iterable[TagDigest]
    ) -> dict[Algorithm, bytes]:
        """Return those of the tag manifests that are recorded, each as it was kept."""
        by_path = {commit(algorithm): algorithm for algorithm in found}
        expected = {one.path: one for one in recorded}
        lacking = expected.keys() - by_path.keys()
        if lacking:
            raise self.damaged(f"{min(lacking)} is missing")
        for path, one in expected.items():
            if digest_bytes(found[by_path[path]], (one.algorithm,)) != one.digests:
                raise self.damaged(
                    f"{path} is not the one that was kept, of which the {one.algorithm.value} is recorded"
                )
        return {algorithm: content for algorithm, content in found.items() if commit(algorithm) in expected}

    @contextmanager
    def opened_list(
        self, path: BagPath, tags: Mapping[BagPath, Digests], scratch: Path | None
    ) -> Iterator[BinaryIO]:
        """Give a tag file's bytes, which are those that the tag manifests promise."""
        if scratch is not None:
            with verified_list(self._store, self._package, path, tags[path], scratch) as copy:
                yield copy
            return
        content = io.BytesIO()
        copy_promised(self._store, self._package, path, tags[path], content)
        content.seek(0)
        yield content

    def entries(
        self, listing: BagPath, content: BinaryIO, algorithm: Algorithm
    ) -> Iterator[tuple[BagPath, HexDigest]]:
        """Yield what a manifest lists, every path sound."""
        for line in parse_manifest(self._lines(listing, content)):
            if not isinstance(line, ManifestEntry):
                raise self.damaged(f"{listing}, line {line.number}, is no digest and path")
            try:
                yield bag_path(decode_path(line.path)), parse_digest(algorithm, line.digest)
            except ValueError as error:
                raise self.damaged(f"{listing}, line {line.number}: {error}") from error

    def fetched(self, content: BinaryIO) -> Iterator[tuple[BagPath, StoreKey]]:
        """Yield where what the fetch file names lies: in earlier versions of the same object only."""
        for line in parse_fetch(self._lines(_FETCH, content)):
            locator = parse_locator(line.url) if isinstance(line, FetchEntry) else None
            if not isinstance(line, FetchEntry) or locator is None or not self._is_earlier(locator):
                raise self.damaged(f"fetch.txt, line {line.number}, names no file of an earlier version")
            yield BagPath(decode_path(line.path)), locator.key

    def _is_earlier(self, locator: Locator) -> bool:
        return (
            locator.package.object == self._package.object and locator.package.version < self._package.version
        )

    def _lines(self, path: BagPath, content: BinaryIO) -> Iterable[str]:
        try:
            # Named, so that the stream is closed here, and not by what reads it.
            text = TagText(content, "utf-8")
            yield from text
        except TagTextError as error:
            raise self.damaged(f"{path}: {error}") from error


_Key = TypeVar("_Key", bound=str)
_Text = TypeVar("_Text", bound=str)


def _mapping(
    pairs: Iterable[tuple[_Key, _Text]], scratch: Path | None, value: Callable[[str], _Text]
) -> Mapping[_Key, _Text]:
    return dict(pairs) if scratch is None else PathTable(scratch, pairs, str, value)


def _manifest_path(algorithm: Algorithm) -> BagPath:
    return BagPath(f"manifest-{algorithm.value}.txt")
