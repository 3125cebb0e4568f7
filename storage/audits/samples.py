"""Drawing files of a store by probes into the running total of its replicas' files."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Connection, column, select, values

from preservation.model.identifiers import StoreName
from storage.audits.rows import replica, replicas
from storage.catalogue import queries
from storage.database import tables
from storage.ports.audits import AuditedReplica, SampledFile

_readings = tables.readings.c


def files_in(connection: Connection, store: StoreName) -> int:
    """Return how many files all replicas in the store have."""
    last = (
        select(_readings.files_before + _readings.files)
        .where(_readings.store == store)
        .order_by(_readings.files_before.desc())
        .limit(1)
    )
    return connection.scalar(last) or 0


def sampled(connection: Connection, store: StoreName, numbers: Sequence[int]) -> list[SampledFile]:
    """Return the file of each number; there are no more numbers than one statement takes."""
    numbered = values(column("number", BigInteger), name="numbered").data([(one,) for one in numbers])
    asked = numbered.cte("asked")
    holding = (
        select(_readings.package_id)
        .where(_readings.store == store, _readings.files_before <= asked.c.number)
        .order_by(_readings.files_before.desc())
        .limit(1)
        .correlate(asked)
        .scalar_subquery()
    )
    probed = {
        int(number): int(key)
        for number, key in connection.execute(select(asked.c.number, holding))
        if key is not None
    }
    mine = replicas().where(_readings.store == store, _readings.package_id.in_(set(probed.values())))
    holders = {row.package_id: row for row in connection.execute(mine)}
    found = [(number, holders[probed[number]]) for number in numbers]
    return [SampledFile(replica(row), number - row.files_before) for number, row in found]


def beside(connection: Connection, read: AuditedReplica, most: int) -> list[AuditedReplica]:
    """Return the replicas that came into the same store just before and after it, ``most`` of each."""
    mine, place = replicas().where(_readings.store == read.store), _readings.files_before
    at = connection.execute(mine.where(queries.is_version(read.package))).one().files_before
    before = mine.where(place < at).order_by(place.desc()).limit(most)
    after = mine.where(place > at).order_by(place).limit(most)
    found = [*reversed(connection.execute(before).all()), *connection.execute(after).all()]
    return [replica(row) for row in found]
