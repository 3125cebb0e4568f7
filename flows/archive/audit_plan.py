"""What an audit comes to: which replicas it reads, how many files and bytes, at what cost."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.archive.audit_request import AuditRequest, Selection
from flows.installation.wiring import Installation
from preservation.errors import ConfigurationError, NotFoundError
from preservation.model.identifiers import CollectionName, ObjectId, PackageId, StoreName
from preservation.policy.fixity import Fixity, ReadingPace
from storage.ports.audits import ReplicaCounts, Scope

_GIGABYTE = 10**9
_SOON = timedelta(hours=20)
"""A daily share has nothing that was read so lately: a small store would be read all over every day."""


@dataclass(frozen=True, slots=True)
class Share:
    """What an audit reads of one collection in one store.

    ``scope`` are the replicas it takes, the longest unread first; at most ``most_bytes`` and ``most_files``
    of them, where that is limited: but one that is larger by itself where nothing was read today
    (``larger_alone``). ``unread`` counts the scope and ``total`` all that the store has of the collection;
    ``overdue`` is what should have been read by now.
    """

    scope: Scope
    pace: ReadingPace
    unread: ReplicaCounts
    overdue: ReplicaCounts
    total: ReplicaCounts
    most_bytes: int | None
    most_files: int | None
    larger_alone: bool = True

    @property
    def bytes(self) -> int:
        """About how many bytes are read."""
        return min(self.unread.bytes, self.unread.bytes if self.most_bytes is None else self.most_bytes)

    @property
    def files(self) -> int:
        """About how many files are read."""
        by_files = min(self.unread.files, self.most_files or self.unread.files)
        if not self.unread.bytes:
            return by_files
        return min(by_files, math.ceil(self.unread.files * self.bytes / self.unread.bytes))

    @property
    def cost(self) -> float | None:
        """What reading it costs, where the policy has a price."""
        return None if self.pace.price is None else self.pace.price * self.bytes / _GIGABYTE


def planned(installation: Installation, request: AuditRequest, at: datetime) -> Iterator[Share]:
    """Yield what an audit that begins ``at`` reads of each collection in each store, where there is anything.

    Raises ``NotFoundError`` where there is no such store, ``StorageError`` where the database is away.
    """
    stores = [store.name for store in installation.stores]
    if request.store is not None and request.store not in stores:
        raise NotFoundError(
            f"store {request.store}: there is none in muniment.toml; it has {', '.join(stores)}"
        )
    for store in stores:
        if request.store not in {None, store}:
            continue
        for collection in installation.audits.collections(store):
            if request.collection in {None, collection}:
                yield _share(installation, request, store, collection, at)


def pace_of(installation: Installation, collection: CollectionName, store: StoreName) -> ReadingPace:
    """Return how replicas of a collection are read in a store.

    A collection that is in the settings no more is read by the defaults: what is kept is kept.
    """
    try:
        fixity = installation.policy_of(collection).terms.fixity
    except ConfigurationError:
        fixity = Fixity()
    return fixity.pace(store)


def versions_of(installation: Installation, object_id: ObjectId) -> list[PackageId]:
    """Return the kept versions of an object. Raises ``NotFoundError`` where there is none."""
    kept = [one.package for one in installation.catalogue.history(object_id).registrations]
    if not kept:
        raise NotFoundError(
            f"{object_id}: the catalogue knows no such object; see what is kept: muniment list"
        )
    return kept


def _share(
    installation: Installation,
    request: AuditRequest,
    store: StoreName,
    collection: CollectionName,
    at: datetime,
) -> Share:
    audits, pace = installation.audits, pace_of(installation, collection, store)
    total = audits.unread(Scope(store, collection, at))
    chosen = Scope(store, collection, request.before or at)
    overdue = audits.unread(Scope(store, collection, at - pace.every))
    if request.selection is not Selection.DUE:
        return Share(chosen, pace, audits.unread(chosen), overdue, total, None, None)
    today = at.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    done = audits.read_since(store, collection, today.astimezone(at.tzinfo))
    days = max(1, pace.every.days)
    # What is due by now, or the day's share of all, whichever is more: else all that was kept in one
    # week would have to be read in one week, for ever.
    portion = max(overdue.bytes, math.ceil(total.bytes / days) - done.bytes, 0)
    scope = Scope(store, collection, max(at - pace.every, at - _SOON))
    limits = [portion] if portion or total.bytes else []
    if pace.bytes_a_day is not None:
        limits.append(max(0, pace.bytes_a_day - done.bytes))
    files = None if pace.files_a_day is None else max(0, pace.files_a_day - done.files)
    most = min(limits) if limits else None
    return Share(scope, pace, audits.unread(scope), overdue, total, most, files, not done.replicas)
