"""Packages: what a bag is going to be, before any store holds it, and what is held afterwards."""

import re
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


@dataclass(frozen=True, slots=True)
class EarlierShare:
    """What of a payload lies in earlier versions; ``bytes`` is ``None`` where it is not stated."""

    files: int
    bytes: int | None


_EARLIER_SHARE = re.compile(
    r"these lie in earlier versions: ((?:, )?[0-9]+ in v[0-9]+)+(?: \((?P<bytes>[0-9]+) bytes\))?"
)
_IN_ONE_VERSION = re.compile(r"([0-9]+) in v[0-9]+")


def stated_share(by_version: str, size: int) -> str:
    """Return the clause of an event: ``by_version`` (``4 in v1, 1 in v2``) and so many bytes."""
    return f"of its files, these lie in earlier versions: {by_version} ({size} bytes)"


def earlier_share_in(note: str) -> EarlierShare:
    """Return what the note of an event states to lie in earlier versions; it may be nothing."""
    found = _EARLIER_SHARE.search(note)
    if found is None:
        return EarlierShare(0, 0)
    files = sum(map(int, _IN_ONE_VERSION.findall(found[0])))
    return EarlierShare(files, None if found["bytes"] is None else int(found["bytes"]))
