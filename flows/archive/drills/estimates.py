"""How long it would take to restore all of a store, at the rates of the drills of it so far."""

from collections import defaultdict
from collections.abc import Iterable

from flows.archive.drills.record import DrilledReplica, StoreEstimate
from storage.ports.holdings import Holdings


def store_estimates(drilled: Iterable[DrilledReplica], holdings: Holdings) -> tuple[StoreEstimate, ...]:
    """Return the estimate for each store of which ``drilled`` has a replica that was restored whole."""
    rates: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for one in drilled:
        if one.verdict.is_whole and one.bytes and one.seconds > 0:
            rates[one.store].append((one.bytes, one.seconds))
    held = held_in_stores(holdings)
    return tuple(
        _estimate(store, held[store], drills) for store, drills in sorted(rates.items()) if store in held
    )


def held_in_stores(holdings: Holdings) -> dict[str, tuple[int, int]]:
    """Return how many versions and bytes each store has by the catalogue."""
    held: dict[str, tuple[int, int]] = {}
    for day in holdings.reading_days():
        versions, size = held.get(day.store, (0, 0))
        held[day.store] = (versions + day.replicas, size + day.bytes)
    return held


def _estimate(store: str, held: tuple[int, int], drills: list[tuple[int, float]]) -> StoreEstimate:
    versions, size = held
    a_byte = [seconds / read for read, seconds in drills]
    together = sum(seconds for _, seconds in drills) / sum(read for read, _ in drills)
    return StoreEstimate(
        store,
        versions,
        size,
        len(drills),
        round(size * together, 3),
        round(size * min(a_byte), 3),
        round(size * max(a_byte), 3),
    )
