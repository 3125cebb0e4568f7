"""The lists of a kept version, each as its tag manifest promises it, copied out of one store.

They are read once from the store, and then line by line from the copy: a version may have a million files.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from preservation.bagit.baginfo import MetadataElement, parse_bag_info
from preservation.bagit.fetch import FETCH_TXT, FetchEntry, parse_fetch
from preservation.bagit.manifests import ManifestEntry, decode_path, parse_manifest
from preservation.bagit.tagtext import TagText, TagTextError
from preservation.errors import IntegrityError, NotFoundError
from preservation.model.digests import Algorithm, Digests, HexDigest, parse_digest
from preservation.model.identifiers import PackageId
from preservation.model.layout import BY_PREFERENCE, PREMIS, commit
from preservation.model.paths import BagPath, bag_path
from preservation.model.tag_digests import TagDigest
from storage.ports.stores import Store
from storage.restore.verified_list import copy_list, copy_promised
from storage.scratch import scratch_faults
from storage.tag_digests import damaged

_INFO: Final = BagPath("bag-info.txt")
_FETCH: Final = BagPath(FETCH_TXT)
_MANIFESTS: Final = {algorithm: BagPath(f"manifest-{algorithm.value}.txt") for algorithm in BY_PREFERENCE}
_WANTED: Final = frozenset({_INFO, _FETCH, PREMIS, *_MANIFESTS.values()})


@dataclass(frozen=True, slots=True)
class VersionLists:
    """Copies of the lists of ``package`` as ``store`` has them, each compared with the tag manifests.

    ``copies`` are those of the tag manifests, the manifests, ``bag-info.txt``, ``fetch.txt`` and the PREMIS
    record, by their paths in the bag; ``info`` are the labels of ``bag-info.txt``.
    """

    package: PackageId
    store: Store
    tag_digests: tuple[TagDigest, ...]
    copies: Mapping[BagPath, Path]
    info: Mapping[str, str]

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """By which the payload is listed, the likeliest first."""
        return tuple(name for name in BY_PREFERENCE if _MANIFESTS[name] in self.copies)

    def payload(self, algorithm: Algorithm) -> Iterator[tuple[BagPath, HexDigest]]:
        """Yield every file of the payload with its digest, in the order of the manifest."""
        return self._entries(_MANIFESTS[algorithm], algorithm)

    def tags(self, algorithm: Algorithm) -> Iterator[tuple[BagPath, HexDigest]]:
        """Yield every tag file that the tag manifest by ``algorithm`` names; none where there is no such."""
        return self._entries(commit(algorithm), algorithm) if commit(algorithm) in self.copies else iter(())

    def fetched(self) -> Iterator[BagPath]:
        """Yield the files of the payload that lie in earlier versions, in the order of the manifest."""
        if _FETCH in self.copies:
            for line in parse_fetch(self._lines(_FETCH)):
                if not isinstance(line, FetchEntry):
                    raise self.damaged(f"{_FETCH}, line {line.number}, names no file")
                yield BagPath(decode_path(line.path))

    @contextmanager
    def premis(self) -> Iterator[BinaryIO]:
        """Open the PREMIS record."""
        with self.copies[PREMIS].open("rb") as record:
            yield record

    def damaged(self, what: str) -> IntegrityError:
        """Return the error for a replica whose lists do not fit together."""
        return damaged(self.store, self.package, what)

    def _entries(self, listing: BagPath, algorithm: Algorithm) -> Iterator[tuple[BagPath, HexDigest]]:
        for line in parse_manifest(self._lines(listing)):
            if not isinstance(line, ManifestEntry):
                raise self.damaged(f"{listing}, line {line.number}, is no digest and path")
            try:
                yield bag_path(decode_path(line.path)), parse_digest(algorithm, line.digest)
            except ValueError as error:
                raise self.damaged(f"{listing}, line {line.number}: {error}") from error

    def _lines(self, path: BagPath) -> Iterator[str]:
        try:
            with self.copies[path].open("rb") as stream:
                # Named, so that the stream is closed here, and not by what reads it.
                text = TagText(stream, "utf-8")
                yield from text
        except TagTextError as error:
            raise self.damaged(f"{path}: {error}") from error


@contextmanager
def lists_of(
    package: PackageId, store: Store, recorded: Sequence[TagDigest], scratch: Path
) -> Iterator[VersionLists]:
    """Copy the lists of ``package`` out of ``store`` into a folder below ``scratch``.

    Where digests of its tag manifests are ``recorded``, those are its tag manifests, each as it was kept.
    Raises ``NotFoundError`` where the version is not there, ``IntegrityError`` where a list is not what its
    tag manifest promises or is that of another version, ``StorageError`` where the store does not answer.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        copying = _Copying(package, store, Path(folder))
        tag_digests = copying.tag_manifests(recorded)
        lists = VersionLists(package, store, tag_digests, copying.copies, {})
        for path, promised in _promised(lists).items():
            copying.verified(path, promised)
        if not lists.algorithms or _INFO not in copying.copies or PREMIS not in copying.copies:
            raise lists.damaged(f"its tag manifest does not name a manifest, {_INFO} and {PREMIS}")
        yield VersionLists(package, store, tag_digests, copying.copies, _info(lists))


def _promised(lists: VersionLists) -> dict[BagPath, Digests]:
    """Return the digests that the tag manifests promise of the lists."""
    promised: dict[BagPath, Digests] = {}
    for algorithm in BY_PREFERENCE:
        for path, digest in lists.tags(algorithm):
            if path in _WANTED:
                promised.setdefault(path, {})[algorithm] = digest
    return promised


def _info(lists: VersionLists) -> dict[str, str]:
    """Return the labels of ``bag-info.txt``: the policy's own come first, so the last of a name is ours."""
    lines = parse_bag_info(lists._lines(_INFO))  # noqa: SLF001  of this module
    info = {line.label: line.value for line in lines if isinstance(line, MetadataElement)}
    of = f"{info.get('External-Identifier')}/{info.get('Muniment-Object-Version')}"
    if of != str(lists.package):
        raise lists.damaged(f"its {_INFO} is that of {of}")
    return info


@dataclass(frozen=True, slots=True)
class _Copying:
    package: PackageId
    store: Store
    folder: Path
    copies: dict[BagPath, Path]

    def __init__(self, package: PackageId, store: Store, folder: Path) -> None:
        object.__setattr__(self, "package", package)
        object.__setattr__(self, "store", store)
        object.__setattr__(self, "folder", folder)
        object.__setattr__(self, "copies", {})

    def tag_manifests(self, recorded: Sequence[TagDigest]) -> tuple[TagDigest, ...]:
        expected = {one.path: one for one in recorded}
        found = []
        for path in expected or map(commit, BY_PREFERENCE):
            by = expected[path].algorithm if expected else Algorithm.SHA256
            try:
                found.append(TagDigest(path, by, self._copied(path, (by,))[by]))
            except NotFoundError as error:
                del self.copies[path]
                if expected and found:
                    raise damaged(self.store, self.package, f"{path} is missing") from error
        if not found:
            raise NotFoundError(
                f"store {self.store.name}: there is no {self.package}; look in another store for it"
            )
        if expected and set(found) != set(recorded):
            raise damaged(self.store, self.package, "its tag manifest is not the one that was recorded")
        return tuple(sorted(found))

    def verified(self, path: BagPath, promised: Digests) -> None:
        with scratch_faults(self.folder), self._place(path).open("wb") as copy:
            copy_promised(self.store, self.package, path, promised, copy)

    def _copied(self, path: BagPath, algorithms: Sequence[Algorithm]) -> Digests:
        """Copy a file, and return its digests. Raises as ``lists_of`` does."""
        with scratch_faults(self.folder), self._place(path).open("wb") as copy:
            return copy_list(self.store, self.package, path, algorithms, copy)

    def _place(self, path: BagPath) -> Path:
        return self.copies.setdefault(path, self.folder / str(len(self.copies)))
