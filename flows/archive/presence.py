"""Whether the stores, and the whole replicas in them, are there: looked for by name, not read."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from flows.installation.wiring import Installation
from preservation.errors import (
    ConfigurationError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    PreservationError,
    reason_of,
)
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey
from storage.ports.catalogue import Registration
from storage.ports.stores import Store

_PATIENCE = 5.0
"""Seconds after which no further replica is looked for."""

_GRACE = 5.0
"""Seconds more that one answer may take; a store that has not answered by then counts as away."""


@dataclass(frozen=True, slots=True)
class GoneReplica:
    """A replica that stands in the catalogue, and of which the store has not even the tag manifest."""

    store: StoreName
    package: PackageId

    @property
    def sentence(self) -> str:
        """What is wrong."""
        return gone_sentence(self.store, self.package)


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """One store at one moment. ``away`` says why it cannot be written to; it is empty where it can be.

    ``lacking`` versions are to be in it and have no replica there. Of ``looked_for`` replicas, the newest
    ones, those in ``gone`` are not there although the catalogue has them.
    """

    store: StoreName
    lacking: int
    away: str = ""
    looked_for: int = 0
    gone: tuple[GoneReplica, ...] = ()


def gone_sentence(store: StoreName, package: PackageId) -> str:
    """Return the sentence about a replica that is gone as a whole."""
    return f"store {store}: the whole replica of {package} is gone, which the catalogue has there"


def store_statuses(installation: Installation, most: int) -> tuple[StoreStatus, ...]:
    """Look at every store, and for the newest ``most`` replicas in each.

    A store that is silent for some seconds counts as away. Raises ``StorageError`` where the database does
    not answer, ``ConfigurationError`` where the identities of a store differ.
    """
    found: dict[StoreName, StoreStatus] = {}
    newest = {
        store.name: list(islice(installation.catalogue.packages(held_by=store.name, newest_first=True), most))
        for store in installation.stores
    }
    lacking = {store.name: lacking_in(installation, store.name) for store in installation.stores}

    def look(store: Store) -> None:
        found[store.name] = _status(store, newest[store.name], lacking[store.name], deadline)

    deadline = time.monotonic() + _PATIENCE
    # Daemons: a store that hangs must not keep the command from ending.
    looks = [threading.Thread(target=look, args=(store,), daemon=True) for store in installation.stores]
    for thread in looks:
        thread.start()
    for thread in looks:
        # A look that is under way at the deadline is waited for.
        thread.join(max(0.0, deadline + _GRACE - time.monotonic()))
    silent = f"it did not answer within {_PATIENCE + _GRACE:.0f} seconds"
    return tuple(
        found.get(store.name) or StoreStatus(store.name, lacking[store.name], silent)
        for store in installation.stores
    )


def lacking_in(installation: Installation, store: StoreName) -> int:
    """Return how many kept versions are to be in ``store``, by the policies of now, and are not."""
    counts = installation.catalogue.lacked_by(store)
    return sum(
        number for collection, number in counts.items() if _is_to_have(installation, store, collection)
    )


def _is_to_have(installation: Installation, store: StoreName, collection: CollectionName) -> bool:
    try:
        return store in installation.store_names_for(collection)
    except ConfigurationError:
        # Of a collection that is in the settings no more, filling says why it cannot be filled.
        return True


def gone_replicas(store: Store, registrations: Iterable[Registration]) -> Iterator[GoneReplica]:
    """Yield the replicas of ``registrations`` that ``store`` does not have. Raises ``StorageError``."""
    for kept in registrations:
        if not any(_has(store, StoreKey(f"{kept.package.prefix}/{path}")) for path in COMMITS):
            yield GoneReplica(store.name, kept.package)


def _status(store: Store, newest: Sequence[Registration], lacking: int, deadline: float) -> StoreStatus:
    """Look for as many of the newest replicas as there is time for; the first one in any case."""
    gone: list[GoneReplica] = []
    looked_for = 0
    try:
        store.check()
        for kept in newest:
            if looked_for and time.monotonic() > deadline:
                break
            gone += gone_replicas(store, [kept])
            looked_for += 1
    except (PreservationError, OSError) as error:
        return StoreStatus(store.name, lacking, reason_of(error))
    return StoreStatus(store.name, lacking, "", looked_for, tuple(gone))


def _has(store: Store, key: StoreKey) -> bool:
    try:
        store.stat(key)
    except (NotFoundError, IntegrityError, DeniedError):
        # Also where something else, such as a link, lies there.
        return False
    return True
