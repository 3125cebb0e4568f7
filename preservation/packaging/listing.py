"""Manifests, written line by line while the entries that they list go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from preservation.bagit.manifests import manifest_line
from preservation.model.digests import Algorithm
from preservation.model.packages import BagEntry
from preservation.model.paths import BagPath
from preservation.packaging.tag_files import TagFile


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
