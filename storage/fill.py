"""Filling a store: a kept package from the stores that have it into one that lacks it, read back there.

The same replica writer does it as for a new package; only where the bytes come from differs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Final

from preservation.errors import IntegrityError, NotFoundError
from preservation.fixity.checking import Confirmed
from preservation.model.amounts import OnProgress
from preservation.model.digests import Algorithm, Digests
from preservation.model.identifiers import PackageId, StoreName, VersionNumber
from preservation.model.layout import COMMITS
from preservation.model.locators import Locator
from preservation.model.packages import BagEntry, EarlierFile
from preservation.model.paths import BagPath, LocalPath, StoreKey, printable
from preservation.model.tag_digests import TagDigest
from storage.ports.catalogue import CatalogueFile
from storage.ports.stores import Deposit, Purger, Store
from storage.readback import Missing, PromisedFile, read_back
from storage.replication.occupation import occupied_sentence
from storage.replication.outcomes import AtFault, Mismatch, StoreOutcome
from storage.replication.plan_outline import PlanOutline, outline_of
from storage.replication.progress import Listener
from storage.replication.replica_writer import ReplicaWriter
from storage.restore.description import Description
from storage.restore.path_table import PathTable
from storage.restore.source import Source, catalogued_digests, find_source
from storage.verified_copy import OnDamage, verified_copy

_INFO: Final = BagPath("bag-info.txt")


@dataclass(frozen=True, slots=True)
class _KeptBag:
    """A version that is kept, as the plan of what another store is to hold."""

    description: Description
    sizes: Mapping[StoreKey, int]

    @property
    def package(self) -> PackageId:
        return self.description.package

    @property
    def algorithm(self) -> Algorithm:
        return self.description.algorithm

    @property
    def commit(self) -> BagPath:
        return next(path for path in COMMITS if path in self.description.tags)

    @property
    def entries(self) -> Iterator[BagEntry]:
        described = self.description
        for path, digest in described.payload.items():
            if path not in described.keys:
                yield self._entry(path, {described.algorithm: digest})
        for path, digests in described.tags.items():
            if path not in described.keys and path != self.commit:
                yield self._entry(path, digests)
        yield self._entry(self.commit, described.tags[self.commit])

    @property
    def earlier(self) -> Iterator[EarlierFile]:
        by_key = sorted(self.description.keys.items(), key=lambda item: item[1])
        for path, key in by_key:
            yield EarlierFile(path, _locator_of(key, self.package), self.sizes.get(key, -1))

    def _entry(self, path: BagPath, digests: Digests) -> BagEntry:
        key = self.description.key(path)
        return BagEntry(path, LocalPath(key), self.sizes.get(key, 0), digests)


@dataclass(frozen=True, slots=True)
class _FetchedOutline(PlanOutline):
    """A plan whose files are fetched one by one as they are wanted, and are gone when they have arrived."""

    source: Source
    scratch: Path
    numbers: Iterator[int]
    turn: Lock
    damaged: OnDamage

    @property
    def where_committed(self) -> str:
        """What to do where the store has another committed version under this name."""
        return (
            f"a whole {self.plan.package} is committed there that is not the one of the other stores, or is "
            "damaged: it stays as it is. Find out who wrote it there"
        )

    def deposit(self, entry: BagEntry, written: OnProgress) -> Deposit:
        """Fetch the file, and let go of it when the store has it."""
        with self.turn:
            place = self.scratch / str(next(self.numbers))
        copy = verified_copy(self.key(entry), entry.digests, self.source.stores, place, self.damaged)

        def arrived(files: int, size: int) -> None:
            written(files, size)
            if files:
                copy.remove()

        return Deposit(self.key(entry), place, copy.size, arrived)

    def promise(self, entry: BagEntry) -> PromisedFile:
        """Return the file as the lists of its own replica promise it."""
        return PromisedFile(self.key(entry), None, entry.digests)

    def is_as_surveyed(self, entry: BagEntry) -> bool:
        """Return True: the bytes were compared with what is promised when they were fetched."""
        return bool(entry.digests)


def fill(  # noqa: PLR0913  what is copied, from where, to where, and by what means
    package: PackageId,
    target: Store,
    others: Sequence[Store],
    files: Callable[[], Iterable[CatalogueFile]],
    recorded: Sequence[TagDigest] = (),
    *,
    purger: Purger | None,
    scratch: Path,
    threads: int,
    clock: Callable[[], datetime],
    damaged: OnDamage,
    progress: Listener | None = None,
) -> StoreOutcome:
    """Bring a kept ``package`` into ``target``: what ``others`` have of it, each file compared.

    ``recorded`` are the digests of its tag manifests: a replica that has others is not copied. What the
    version relies on in earlier ones is read back in ``target`` first. ``scratch`` holds the lists of the
    version, for they may be long, and what the store takes in one batch. ``damaged`` is called with each of
    ``others`` that was seen not to hold what was promised of the package, also where another one gave it.
    Whatever goes wrong at ``target``, or with the files in ``scratch``, is an outcome. Raises
    ``StorageError`` or ``IntegrityError`` where no other store has the package with lists that agree with
    ``files``, which gives what the catalogue has of it, or where ``scratch`` cannot take the lists.
    """
    source = _found_source(package, others, files, recorded, damaged, scratch)
    description = source.description
    relied_on = (
        PromisedFile(key, None, description.digests(path) or {}) for path, key in description.keys.items()
    )
    for reading in read_back(target, relied_on, threads=threads):
        # What is not there at all is found by the writer, and filled with the version that it is of.
        if not isinstance(reading.verdict, Confirmed | Missing):
            reason = (
                f"store {target.name}: {printable(reading.promised.key)}, on which {package} relies, is not "
                "there as it was kept; find out what happened to that store: its replica needs repair"
            )
            return Mismatch(target.name, reason, AtFault.STORE, ())
    sizes = PathTable(scratch, _sizes(source, files), str, int)
    outline = outline_of(_KeptBag(description, sizes))
    fetched = _FetchedOutline(
        outline.plan,
        outline.commit,
        outline.files,
        outline.bytes,
        source,
        scratch,
        count(),
        Lock(),
        damaged,
    )
    own = None if purger is None else _OwnPurger(purger, target, description)
    return ReplicaWriter(fetched, target, own, threads, clock, progress).write()


@dataclass(frozen=True, slots=True)
class _OwnPurger:
    """Removes what an unfinished try left in ``target`` of the version, and nothing that is not of it."""

    purger: Purger
    target: Store
    description: Description

    @property
    def name(self) -> StoreName:
        """The store."""
        return self.target.name

    def discard_uncommitted(self, package: PackageId) -> None:
        """Remove it. Raises ``IntegrityError`` where the bag-info.txt there does not name this submission."""
        promised = PromisedFile(Locator(package, _INFO).key, None, self.description.digests(_INFO) or {})
        [reading] = read_back(self.target, [promised], threads=1)
        if not isinstance(reading.verdict, Confirmed):
            raise IntegrityError(occupied_sentence(self.target, package))
        self.purger.discard_uncommitted(package)


def _sizes(source: Source, files: Callable[[], Iterable[CatalogueFile]]) -> Iterator[tuple[StoreKey, int]]:
    """Yield the size of each file by a store's list, and then that by the catalogue, which counts."""
    description, store = source.description, source.stores[0]
    package = description.package
    prefixes = {_locator_of(key, package).package.prefix for key in description.keys.values()}
    for prefix in {package.prefix, *prefixes}:
        yield from ((kept.key, kept.size) for kept in store.list(prefix))
    yield from ((description.key(file.path), file.size) for file in files())


def _found_source(
    package: PackageId,
    others: Sequence[Store],
    files: Callable[[], Iterable[CatalogueFile]],
    recorded: Sequence[TagDigest],
    damaged: OnDamage,
    scratch: Path,
) -> Source:
    try:
        return find_source(
            package,
            others,
            catalogued_digests(files(), scratch),
            recorded,
            damaged=damaged,
            where_they_differ="put its replica back from a backup of that store; nothing was copied",
            scratch=scratch,
        )
    except NotFoundError as error:
        raise NotFoundError(
            f"{package}: no store that has it by the catalogue has it; find out who removed it, and put it "
            "back from a backup of a store"
        ) from error


def _locator_of(key: StoreKey, package: PackageId) -> Locator:
    """Return the file of an earlier version of the same object that lies under ``key``."""
    version, _, path = key.removeprefix(f"{package.object}/v").partition("/")
    return Locator(replace(package, version=VersionNumber(int(version))), BagPath(path))
