"""What the providers of stores state of replicas: compared, told as such, and counted as no reading."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from flows.installation.wiring import Installation
from preservation.errors import IntegrityError, NotFoundError
from preservation.model.amounts import count
from preservation.model.damage import digests_from, digests_text
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from preservation.model.paths import BagPath
from storage.audits.promises import promises_of
from storage.audits.provider import CataloguedFile, StatedReplica, stated_replica
from storage.ports.providers import Provider
from storage.restore.path_table import PathTable
from storage.tag_digests import recorded_digests

DAYS = 30
"""The daily audit asks about a thirtieth of a store's replicas, another one each day."""

_NAMED = 10


@dataclass
class ProviderResult:
    """What the provider of a store states of a collection's replicas: it is no reading of any of them.

    ``agreeing``, ``silent`` and ``differing`` count files as ``StatedReplica`` does; ``sentences`` are on the
    first that differ.
    """

    store: StoreName
    collection: CollectionName
    replicas: int = 0
    agreeing: int = 0
    silent: int = 0
    differing: int = 0
    sentences: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What is stated of how many files, for people."""
        return (
            f"{self.store}: {self.collection}: the provider states, and nothing was read: of "
            f"{count(self.replicas, 'replica')} the digests of {count(self.agreeing, 'file')} as they were "
            f"kept, of {self.differing:,} otherwise (read next), of {self.silent:,} none to compare"
        )

    def add(self, one: StatedReplica) -> None:
        """Count what is stated of one replica."""
        self.replicas += 1
        self.agreeing += one.agreeing
        self.silent += one.silent
        self.differing += one.differing
        self.sentences += one.sentences[: _NAMED - len(self.sentences)]


def of_day(packages: Iterable[PackageId], day: date) -> Iterator[PackageId]:
    """Yield those of the packages, which come in the order of registration, that are asked about that day."""
    turn = day.toordinal() % DAYS
    return (package for number, package in enumerate(packages) if number % DAYS == turn)


def is_stated_as_kept(
    installation: Installation, provider: Provider, package: PackageId, scratch: Path, found: ProviderResult
) -> bool:
    """Count in ``found`` what the provider states of a replica; return whether nothing of it differs.

    Where no store has its lists as they were kept, that is not known: ``False``. They are read in the other
    stores first.
    Raises ``StorageError`` where the provider, or a store that could have them, does not answer.
    """
    recorded = recorded_digests(installation.catalogue, installation.journal, package)
    stores = sorted(installation.stores, key=lambda store: store.name == provider.name)
    # A version may have a million files.
    files = PathTable(scratch, _catalogued(installation, package), _text_of, _file_in)
    try:
        with promises_of(package, stores, recorded.digests, scratch) as promises:
            stated = stated_replica(provider, promises, files)
    except (IntegrityError, NotFoundError):
        return False
    found.add(stated)
    return not stated.differing


def _catalogued(installation: Installation, package: PackageId) -> Iterator[tuple[BagPath, CataloguedFile]]:
    for file in installation.catalogue.files(package):
        yield file.path, CataloguedFile(file.size, file.digests)


def _text_of(file: CataloguedFile) -> str:
    return f"{file.size} {digests_text(file.digests)}"


def _file_in(text: str) -> CataloguedFile:
    size, _, digests = text.partition(" ")
    return CataloguedFile(int(size), digests_from(digests))
