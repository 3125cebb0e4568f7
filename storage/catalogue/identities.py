"""What each store was made as."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from preservation.model.identifiers import StoreIdentity, StoreName
from storage.database import tables
from storage.ports.catalogue import is_another_store


def store_identities(connection: Connection) -> Mapping[StoreName, StoreIdentity]:
    """Return the identity of each store that has one."""
    return {
        StoreName(row.name): StoreIdentity(row.identity) for row in connection.execute(select(tables.stores))
    }


def keep_store_identity(connection: Connection, store: StoreName, identity: StoreIdentity) -> None:
    """Record the identity that a store has from now on; another store may not have it."""
    table = tables.stores
    owner = connection.scalar(select(table.c.name).where(table.c.identity == identity))
    if owner not in {None, store}:
        raise is_another_store(store, identity, StoreName(owner))
    connection.execute(delete(table).where(table.c.name == store))
    connection.execute(insert(table), {"name": store, "identity": identity})
