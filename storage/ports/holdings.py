"""The port of what is kept as numbers: growth, formats, when replicas were read, each added up by a peer.

It reads what catalogue and audits keep, and changes nothing. No answer has a row a file.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from preservation.model.formats import Puid
from preservation.model.identifiers import CollectionName, PackageId, StoreName


@dataclass(frozen=True, slots=True)
class MonthOfGrowth:
    """What came into a collection in the month that ``first_day`` begins.

    ``objects`` are those whose first version came then; ``files`` and ``bytes`` are of originals.
    """

    collection: CollectionName
    first_day: date
    objects: int
    versions: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FormatHolding:
    """How many files there are of a format in all versions; ``puid`` is ``None`` where it is not decided."""

    puid: Puid | None
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ReadingDay:
    """The replicas of a collection in a store that were read last, as a whole, on ``day`` (UTC).

    ``files`` and ``bytes`` count what lies in the replicas' own folders.
    """

    store: StoreName
    collection: CollectionName
    day: date
    replicas: int
    files: int
    bytes: int


class Holdings(Protocol):
    """What is kept, as numbers. Every peer passes ``tests/contract/test_holdings.py``.

    Every method may raise ``UnavailableError`` or ``DeniedError``.
    """

    def growth(self, collection: CollectionName | None = None) -> Iterator[MonthOfGrowth]:
        """Yield what came in each month, of one collection or of all, by month and collection."""

    def formats(self, collection: CollectionName | None = None) -> tuple[FormatHolding, ...]:
        """Return how many files each format has, derivatives too, the most frequent first."""

    def versions_with(self, puids: Collection[Puid]) -> Iterator[PackageId]:
        """Yield each version that has a file of one of these formats, in the order of registration.

        What is held grows with the number of these versions, not of files.
        """

    def versions_by_stores(self, stores: Sequence[StoreName]) -> Mapping[frozenset[StoreName], int]:
        """Return how many versions have a replica in just these of ``stores``, for each such set there is."""

    def reading_days(self, collection: CollectionName | None = None) -> Iterator[ReadingDay]:
        """Yield when replicas were read last, by store, collection and day."""
