"""Packages: what a bag is going to be, before any store holds it, and what is held afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from preservation.model.digests import Algorithm, Digests
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.locators import Locator
from preservation.model.paths import BagPath, LocalPath


class BagEntry(msgspec.Struct, frozen=True):
    """One file of a bag: its path in the bag, and where its bytes are now.

    ``digests`` are handed on from the one read that surveyed or generated the file.
    """

    path: BagPath
    origin: LocalPath
    size: int
    digests: Digests

    @property
    def source(self) -> Path:
        """Where its bytes are now."""
        return Path(self.origin)


@dataclass(frozen=True, slots=True)
class EarlierFile:
    """One file of a bag whose bytes lie in an earlier version; ``size`` in bytes."""

    path: BagPath
    locator: Locator
    size: int


class BagPlan(Protocol):
    """A bag that is planned, not staged: bag path to source. It may hold millions of entries.

    Iterating ``entries`` any number of times gives the same entries in the order in which they are
    to be written; ``commit`` is the last one.
    """

    @property
    def package(self) -> PackageId:
        """Which version this is."""

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm of the manifests, by which replicas are compared."""

    @property
    def commit(self) -> BagPath:
        """The file whose presence makes the version exist: the last one that is written."""

    @property
    def entries(self) -> Iterable[BagEntry]:
        """Every file that is to be written, payload and tag files alike, the commit last."""

    @property
    def earlier(self) -> Iterable[EarlierFile]:
        """The files of the bag that are not written, for their bytes lie in earlier versions."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy that has been read back from where it rests and matched, file by file."""

    store: StoreName
    location: str
    verified_at: datetime
    files: int
    bytes: int
