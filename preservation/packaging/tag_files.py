"""Generated tag files: digested while they are written, so that none is read again."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from preservation.bagit.manifests import manifest_line
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.packages import BagEntry
from preservation.model.paths import BagPath, LocalPath


class TagFile:
    """A tag file being written below ``root``; a context manager.

    It is durable when the context ends, and only then has an ``entry``.
    """

    def __init__(self, root: Path, path: BagPath, algorithms: Iterable[Algorithm]) -> None:
        self._path = path
        self._target = root / path
        self._hashes = {name: hashlib.new(name.value, usedforsecurity=False) for name in algorithms}
        self._size = 0
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._sink = self._target.open("xb")

    def write(self, content: bytes) -> int:
        """Take all of ``content``; return its length, as files do."""
        for digest in self._hashes.values():
            digest.update(content)
        self._size += len(content)
        return self._sink.write(content)

    @property
    def entry(self) -> BagEntry:
        """The written file as an entry of the bag."""
        digests = {name: HexDigest(digest.hexdigest()) for name, digest in self._hashes.items()}
        return BagEntry(self._path, LocalPath(f"{self._target}"), self._size, digests)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._sink.flush()
                os.fsync(self._sink.fileno())
        finally:
            self._sink.close()


def write_tag_file(root: Path, path: BagPath, algorithms: Iterable[Algorithm], content: bytes) -> BagEntry:
    """Write a tag file whose content is at hand, and return it as an entry of the bag."""
    with TagFile(root, path, algorithms) as sink:
        sink.write(content)
    return sink.entry


class ManifestsOf:
    """The manifests of one kind (``manifest``, ``tagmanifest``), one for each algorithm."""

    def __init__(self, kind: str, root: Path, algorithms: tuple[Algorithm, ...]) -> None:
        self._kind = kind
        self._root = root
        self._algorithms = algorithms
        self._written: tuple[BagEntry, ...] = ()

    def over(self, entries: Iterable[BagEntry]) -> Iterator[BagEntry]:
        """Pass ``entries`` on, writing each into every manifest."""
        with ExitStack() as open_files:
            sinks = {
                algorithm: open_files.enter_context(
                    TagFile(self._root, BagPath(f"{self._kind}-{algorithm.value}.txt"), self._algorithms)
                )
                for algorithm in self._algorithms
            }
            for entry in entries:
                for algorithm, sink in sinks.items():
                    sink.write(manifest_line(entry.digests[algorithm], entry.path))
                yield entry
        self._written = tuple(sink.entry for sink in sinks.values())

    def written(self) -> Iterator[BagEntry]:
        """Return the manifests themselves, in the order of the algorithms, once ``over`` has ended."""
        yield from self._written
