"""What an audit comes to: which replicas it reads, how many files and bytes, at what cost."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flows.archive.audit_budget import AuditBudget
from flows.archive.audit_request import AuditRequest, Selection
from flows.installation.job_records import CLOCKS_APART
from flows.installation.wiring import Installation
from preservation.errors import ConfigurationError, NotFoundError
from preservation.model.identifiers import CollectionName, ObjectId, PackageId, StoreName
from preservation.policy.fixity import Fixity, ReadingPace
from storage.ports.audits import ReplicaCounts, Scope

_NOTHING = ReplicaCounts(0, 0, 0, None)
_EVER = datetime.max.replace(tzinfo=UTC)
_SOON = timedelta(hours=20)
"""A daily share has nothing that was read so lately: a small store would be read all over every day."""


@dataclass(frozen=True, slots=True)
class Share:
    """What an audit reads of one collection in one store.

    ``scope`` are the replicas it takes, the longest unread first; at most ``most_bytes`` and ``most_files``
    of them, where that is limited: but one that is larger by itself where nothing was read today
    (``larger_alone``), unless it costs more than can be paid, which is ``most_for_money`` bytes. ``unread``
    counts the scope and ``total`` all that the store has of the collection; ``overdue`` is what should have
    been read by now. ``left_today`` bytes may be read in this day, due or not.
    """

    scope: Scope
    pace: ReadingPace
    unread: ReplicaCounts
    overdue: ReplicaCounts
    total: ReplicaCounts
    most_bytes: int | None
    most_files: int | None
    larger_alone: bool = True
    most_for_money: int | None = None
    left_today: int | None = None

    @property
    def bytes(self) -> int:
        """About how many bytes are read."""
        limits = (self.most_bytes, self.most_for_money)
        return min([self.unread.bytes, *(one for one in limits if one is not None)])

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
        return self.pace.cost(self.bytes)


def planned(installation: Installation, request: AuditRequest, at: datetime) -> Iterator[Share]:
    """Yield what an audit that begins ``at`` reads of each collection in each store, where there is anything.

    What the request allows for all of them together is not taken into account: see ``within_budget``.

    Raises ``NotFoundError`` where there is no such store, ``StorageError`` where the database is away.
    """
    stores = [store.name for store in installation.stores]
    if request.store is not None and request.store not in stores:
        raise NotFoundError(
            f"store {request.store}: there is none in muniment.toml; it has {', '.join(stores)}"
        )
    only = request.collection if request.object_id is None else request.object_id.collection
    for store in stores:
        if request.store not in {None, store}:
            continue
        for collection in installation.audits.collections(store):
            if only in {None, collection}:
                yield _share(installation, request, store, collection, at)


def within_budget(shares: Iterable[Share], budget: AuditBudget) -> Iterator[Share]:
    """Yield the shares in their order, each of no more than the budget allows then."""
    for share in shares:
        limits = [share.most_bytes, budget.most_bytes]
        known = [one for one in limits if one is not None]
        payable = [one for one in (share.most_for_money, budget.payable(share.pace)) if one is not None]
        capped = replace(
            share, most_bytes=min(known, default=None), most_for_money=min(payable, default=None)
        )
        budget.take(capped.bytes, share.pace)
        yield capped


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


def read_ahead(store: StoreName, collection: CollectionName, at: datetime) -> Scope:
    """Return the replicas that were read later than ``at``: while a clock was ahead, nobody knows when.

    They come first, within the share of a day: by their times they would be left out until these come.
    """
    return Scope(store, collection, _EVER, since=at + CLOCKS_APART)


def _sum_of(one: ReplicaCounts, other: ReplicaCounts) -> ReplicaCounts:
    return ReplicaCounts(
        one.replicas + other.replicas, one.files + other.files, one.bytes + other.bytes, one.oldest
    )


def _counts_of(installation: Installation, object_id: ObjectId, store: StoreName) -> ReplicaCounts:
    """Return how much a store has of an object by the catalogue. Raises ``NotFoundError``."""
    mine = [
        replica
        for package in versions_of(installation, object_id)
        for replica in installation.catalogue.package(package).replicas
        if replica.store == store
    ]
    return ReplicaCounts(len(mine), sum(one.files for one in mine), sum(one.bytes for one in mine), None)


def _share(
    installation: Installation,
    request: AuditRequest,
    store: StoreName,
    collection: CollectionName,
    at: datetime,
) -> Share:
    audits, pace = installation.audits, pace_of(installation, collection, store)
    total = audits.unread(Scope(store, collection, _EVER))
    ahead = audits.unread(read_ahead(store, collection, at))
    chosen = Scope(store, collection, request.before or at)
    overdue = audits.unread(Scope(store, collection, at - pace.every))
    if request.object_id is not None:
        of_object = _counts_of(installation, request.object_id, store)
        if request.provider:
            return Share(chosen, pace, _NOTHING, overdue, of_object, None, None)
        return Share(chosen, pace, of_object, overdue, total, None, None)
    if request.provider:
        return Share(chosen, pace, _NOTHING, overdue, total, None, None)
    if request.selection is not Selection.DUE:
        return Share(chosen, pace, _sum_of(audits.unread(chosen), ahead), overdue, total, None, None)
    today = at.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    done = audits.read_since(store, collection, today.astimezone(at.tzinfo))
    if ahead.replicas:
        # They were not read today, whatever their time says.
        later = audits.read_since(store, collection, at + CLOCKS_APART)
        done = ReplicaCounts(
            done.replicas - later.replicas, done.files - later.files, done.bytes - later.bytes, done.oldest
        )
    # What is due by now, or the day's share of all, whichever is more: else all that was kept in one
    # week would have to be read in one week, for ever.
    portion = max(overdue.bytes, math.ceil(total.bytes / pace.days_open) - done.bytes, 0)
    of_day = pace.bytes_for(pace.money_a_day)
    scope = Scope(store, collection, max(at - pace.every, at - _SOON))
    limits = [portion] if portion or total.bytes else []
    left_today = None if pace.bytes_a_day is None else max(0, pace.bytes_a_day - done.bytes)
    if left_today is not None:
        limits.append(left_today)
    runs = request.shared_by
    return Share(
        scope,
        pace,
        _sum_of(audits.unread(scope), ahead),
        overdue,
        total,
        math.ceil(min(limits) / runs) if limits else None,
        None if pace.files_a_day is None else math.ceil(max(0, pace.files_a_day - done.files) / runs),
        not done.replicas,
        None if of_day is None else max(0, of_day - done.bytes) // runs,
        None if left_today is None else math.ceil(left_today / runs),
    )
