"""What is kept as numbers, added up in memory: the peer of the database under one contract."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from support.memory_catalogue import MemoryCatalogue

from preservation.model.formats import Puid
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from storage.ports.audits import Audits
from storage.ports.holdings import FormatHolding, MonthOfGrowth, ReadingDay


class MemoryHoldings:
    """``Holdings`` of a catalogue in memory, and of audits."""

    def __init__(self, catalogue: MemoryCatalogue, audits: Audits) -> None:
        self._catalogue = catalogue
        self._audits = audits

    def growth(self, collection: CollectionName | None = None) -> Iterator[MonthOfGrowth]:
        months: defaultdict[tuple[date, CollectionName], list[int]] = defaultdict(lambda: [0] * 4)
        for kept in self._catalogue.packages(collection):
            sums = months[kept.registered_at.date().replace(day=1), kept.package.object.collection]
            for index, more in enumerate((kept.package.version == 1, 1, kept.files, kept.bytes)):
                sums[index] += more
        for (first_day, name), sums in sorted(months.items()):
            yield MonthOfGrowth(name, first_day, *sums)

    def formats(self, collection: CollectionName | None = None) -> tuple[FormatHolding, ...]:
        sums: defaultdict[Puid | None, list[int]] = defaultdict(lambda: [0, 0])
        for kept in self._catalogue.packages(collection):
            for file in self._catalogue.files(kept.package):
                sums[file.puid][0] += 1
                sums[file.puid][1] += file.size
        found = [FormatHolding(puid, *of) for puid, of in sums.items()]
        return tuple(sorted(found, key=lambda one: (-one.files, one.puid or "")))

    def versions_with(self, puids: Collection[Puid]) -> Iterator[PackageId]:
        return (
            kept.package
            for kept in self._catalogue.packages()
            if any(file.puid in puids for file in self._catalogue.files(kept.package))
        )

    def versions_by_stores(self, stores: Sequence[StoreName]) -> Mapping[frozenset[StoreName], int]:
        return Counter(
            frozenset(one.store for one in kept.replicas) & frozenset(stores)
            for kept in self._catalogue.packages()
        )

    def reading_days(self, collection: CollectionName | None = None) -> Iterator[ReadingDay]:
        stores = {one.store for kept in self._catalogue.packages() for one in kept.replicas}
        days: defaultdict[tuple[StoreName, CollectionName, date], list[int]] = defaultdict(lambda: [0] * 3)
        for store in stores:
            for one in self._audits.replicas(store, collection):
                sums = days[store, one.package.object.collection, one.read_at.date()]
                for index, more in enumerate((1, one.files, one.bytes)):
                    sums[index] += more
        for (store, name, day), sums in sorted(days.items()):
            yield ReadingDay(store, name, day, *sums)
