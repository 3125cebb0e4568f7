"""Which versions to drill: at random by weight, from a seed, and now and then the largest.

The memory does not grow with what is kept: replicas stream by, and only the best are held.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from random import Random
from typing import Final

from flows.archive.drills.record import DrillChoice, DrillReason, DrillRecord
from preservation.model.formats import Puid
from preservation.model.identifiers import PackageId, StoreName
from storage.ports.audits import AuditedReplica, Audits
from storage.ports.holdings import FormatHolding, Holdings

LARGEST_EVERY: Final = 5
"""One drill of so many is of the largest version; those that were not drilled yet come first."""

_DAYS_A_WEIGHT: Final = 30
_MOST_BY_AGE: Final = 25.0
_RARE_WEIGHT: Final = 3.0
_STORE_WEIGHT: Final = 2.0
_STORE_DAYS: Final = 90
_MEGABYTE: Final = 1_000_000
_BEYOND_ANY_SIZE: Final = 1e30
_RARE_IN: Final = 1000
_MOST_RARE_FILES: Final = 10_000


@dataclass(frozen=True, slots=True)
class PlannedDrill:
    """A version to be restored from each of ``stores`` alone; none of them named: from all that have it."""

    package: PackageId
    choice: DrillChoice


@dataclass(frozen=True, slots=True)
class DrillsBefore:
    """What earlier drills showed: how many there were, when each replica and each store was drilled last."""

    drills: int
    replicas: dict[tuple[str, str], datetime]
    stores: dict[str, datetime]

    @classmethod
    def of(cls, records: Iterable[DrillRecord]) -> "DrillsBefore":
        """Return what the records show; only a replica that was restored whole counts."""
        drills = 0
        replicas: dict[tuple[str, str], datetime] = {}
        stores: dict[str, datetime] = {}
        for record in records:
            drills += 1
            for one in record.replicas:
                if one.verdict.is_whole:
                    replicas[record.package, one.store] = record.ended
                    stores[one.store] = record.ended
        return cls(drills, replicas, stores)


def choose(
    number: int,
    stores: Iterable[StoreName],
    audits: Audits,
    holdings: Holdings,
    before: DrillsBefore,
    *,
    seed: int,
    at: datetime,
) -> list[PlannedDrill]:
    """Choose up to ``number`` versions among the replicas in ``stores``; the same for the same seed.

    A replica's weight is the product of: how long it was neither read nor drilled, how large it is, whether
    it has a rare format, and whether its store was drilled lately.
    """
    largest_turns = sum((before.drills + turn + 1) % LARGEST_EVERY == 0 for turn in range(number))
    rare = set(holdings.versions_with(rare_formats(holdings.formats())))
    random = Random(seed)  # noqa: S311  a sample that can be drawn again by its seed, and no secret
    drawn: dict[PackageId, tuple[float, dict[str, float]]] = {}
    largest: dict[PackageId, tuple[float, dict[str, float]]] = {}
    considered = 0
    for replica, weights in _weighed(stores, audits, rare, before, at):
        considered += 1
        # Weighted sampling without replacement, in one pass (Efraimidis and Spirakis, 2006).
        key = math.log(1.0 - random.random()) / math.prod(weights.values())
        _hold_best(drawn, replica.package, (key, weights), number + largest_turns)
        is_new = (str(replica.package), replica.store) not in before.replicas
        size = replica.bytes + (_BEYOND_ANY_SIZE if is_new else 0.0)
        _hold_best(largest, replica.package, (size, weights), largest_turns)
    chosen = [
        PlannedDrill(package, DrillChoice(DrillReason.LARGEST, seed, considered))
        for package in nlargest(largest_turns, largest, key=lambda one: largest[one][0])
    ]
    taken = {one.package for one in chosen}
    by_weight = sorted((one for one in drawn if one not in taken), key=lambda one: -drawn[one][0])
    return [
        PlannedDrill(package, DrillChoice(DrillReason.WEIGHTED, seed, considered, drawn[package][1]))
        for package in by_weight[: number - len(chosen)]
    ] + chosen


def rare_formats(formats: Iterable[FormatHolding]) -> frozenset[Puid]:
    """Return the formats that few files have: a thousandth of all, and no more than 10,000 together."""
    known = [one for one in formats if one.puid is not None]
    total = sum(one.files for one in known)
    rare: list[Puid] = []
    together = 0
    for one in sorted(known, key=lambda one: one.files):
        together += one.files
        if together > _MOST_RARE_FILES or (one.files * _RARE_IN > total and one.files > 1):
            break
        if one.puid is not None:
            rare.append(one.puid)
    return frozenset(rare)


def _weighed(
    stores: Iterable[StoreName],
    audits: Audits,
    rare: Collection[PackageId],
    before: DrillsBefore,
    at: datetime,
) -> Iterator[tuple[AuditedReplica, dict[str, float]]]:
    for store in stores:
        drilled = before.stores.get(store)
        lately = drilled is not None and (at - drilled).days < _STORE_DAYS
        for replica in audits.replicas(store):
            last = max(replica.read_at, before.replicas.get((str(replica.package), store), replica.read_at))
            days = max(0, (at - last).days)
            yield (
                replica,
                {
                    "age": round(min(1 + days / _DAYS_A_WEIGHT, _MOST_BY_AGE), 3),
                    "size": round(1 + math.log10(1 + replica.bytes / _MEGABYTE), 3),
                    "format": _RARE_WEIGHT if replica.package in rare else 1.0,
                    "store": 1.0 if lately else _STORE_WEIGHT,
                },
            )


def _hold_best(
    held: dict[PackageId, tuple[float, dict[str, float]]],
    package: PackageId,
    value: tuple[float, dict[str, float]],
    most: int,
) -> None:
    """Hold ``value`` of the package where its figure is above what is held of it, and the best ``most``."""
    if not most or (package in held and held[package][0] >= value[0]):
        return
    held[package] = value
    if len(held) > most:
        del held[min(held, key=lambda one: held[one][0])]
