"""Striking a whole store from the database: its replicas, when they were read, and its open damage.

All at once: a sample of a store is drawn from a running total of its files, which may have no gap.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from preservation.model.events import Event
from preservation.model.identifiers import PackageId, StoreName
from storage.catalogue import queries, rows
from storage.database import tables
from storage.database.opening import PAGE
from storage.journal.sql import append_entries
from storage.ports.audits import DamageState
from storage.ports.catalogue import has_other_replicas


def forget_store(
    connection: Connection,
    store: StoreName,
    replicas: int,
    end: tuple[datetime, str, str],
    event_of: Callable[[PackageId], Event],
) -> None:
    """Strike everything of ``store`` that is no entry of the journal; ``end`` is that of its open damage."""
    held, readings, damages = tables.replicas, tables.readings, tables.damages
    found = connection.scalar(select(func.count()).where(held.c.store == store)) or 0
    if found != replicas:
        raise has_other_replicas(store, replicas, found)
    append_entries(connection, map(event_of, _packages_in(connection, store)))
    connection.execute(delete(held).where(held.c.store == store))
    connection.execute(delete(readings).where(readings.c.store == store))
    at, by, because = end
    connection.execute(
        update(damages)
        .where(damages.c.store == store, damages.c.state == DamageState.OPEN.value)
        .values(state=DamageState.CLOSED.value, ended_at=at, ended_by=by, because=because)
    )
    connection.execute(delete(tables.stores).where(tables.stores.c.name == store))


def _packages_in(connection: Connection, store: StoreName) -> Iterator[PackageId]:
    key = tables.packages.c.id
    query = rows.registered_versions().where(queries.has_replica_in(store)).order_by(key).limit(PAGE)
    page = connection.execute(query).all()
    while page:
        yield from map(rows.package_of, page)
        page = connection.execute(query.where(key > page[-1].id)).all()
