"""``replicate``: a planned bag into every store at once, and what became of it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from preservation.errors import ConfigurationError
from preservation.model.amounts import count
from preservation.model.packages import BagPlan, Replica
from storage.ports.stores import Purger, Store
from storage.replication.outcomes import ReplicationOutcome, Short, Stored, StoreOutcome, Verified
from storage.replication.own_process import written_in_own_process
from storage.replication.plan_outline import outline_of
from storage.replication.progress import Listener
from storage.replication.replica_writer import ReplicaWriter

_MANY_FILES = 1_000
"""From so many on, a process of its own writes a store's replica; it takes a tenth of a second to start."""


def replicate(  # noqa: PLR0913  all that the outcome depends on, named where it is called
    plan: BagPlan,
    stores: Sequence[Store],
    *,
    copies: int,
    sites: int,
    threads: int,
    clock: Callable[[], datetime],
    verified: Sequence[Replica] = (),
    purgers: Sequence[Purger] = (),
    progress: Listener | None = None,
) -> ReplicationOutcome:
    """Write ``plan`` to every store, read everything back, and commit each replica that matches.

    ``copies`` and ``sites`` are what the policy asks for. ``threads`` read back at a time, for each
    store. A store that has one of the ``verified`` replicas (of this very plan) is not touched, so
    that a second call only does what failed. What an earlier try left and does not match is removed by
    the store's purger, if there is one among ``purgers``, and written again, once.

    Raises ``ConfigurationError``, before anything is written, where these stores can never reach
    ``copies`` and ``sites``. Whatever goes wrong at a store is an outcome.
    """
    _require_reachable(plan, stores, copies, sites)
    outline = outline_of(plan)
    done = {replica.store: replica for replica in verified}
    purger_of = {purger.name: purger for purger in purgers}
    writers = [
        ReplicaWriter(outline, store, purger_of.get(store.name), threads, clock, progress)
        for store in stores
        if store.name not in done
    ]
    with ThreadPoolExecutor(len(stores), "replicate") as workers:
        outcomes = list(workers.map(_written, writers))
    for outcome in outcomes:
        if isinstance(outcome, Verified):
            done[outcome.replica.store] = outcome.replica
    kept = [store for store in stores if store.name in done]
    replicas = tuple(done[store.name] for store in kept)
    failures = tuple(outcome for outcome in outcomes if not isinstance(outcome, Verified))
    if len(kept) >= copies and len({store.place.site for store in kept}) >= sites:
        return Stored(replicas, failures)
    return Short(replicas, failures)


def _written(writer: ReplicaWriter) -> StoreOutcome:
    if writer.outline.files >= _MANY_FILES and writer.store.portable:
        # Where no process can be started, it takes longer here, and ends the same.
        with suppress(OSError):
            return written_in_own_process(writer)
    return writer.write()


def _require_reachable(plan: BagPlan, stores: Sequence[Store], copies: int, sites: int) -> None:
    places = {store.place.site for store in stores}
    if len(stores) < copies or len(places) < sites:
        raise ConfigurationError(
            f"{plan.package}: the policy asks for {count(copies, 'copy', 'copies')} "
            f"on {count(sites, 'site')}, and the collection has {count(len(stores), 'store')} "
            f"on {count(len(places), 'site')}; give it more stores in muniment.toml, or change the policy"
        )
