"""Damage as it is recorded: seen anew or again, healed, closed, and approved of being repaired."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from preservation.model.damage import Damage, digests_text
from preservation.model.identifiers import StoreName
from preservation.model.paths import BagPath
from storage.audits.rows import recorded, recorded_damage
from storage.catalogue.queries import batches, package_keys
from storage.database import tables
from storage.ports.audits import DamageState, ReadReplica, RecordedDamage, RepairApproval, no_damage

_AS_KEPT = "it was read again, and is as it was kept"

_damages = tables.damages.c


def ended_since(connection: Connection, damages: Sequence[Damage]) -> list[RecordedDamage]:
    """Return the damage of the same files that ended after these were seen, where none is open again."""
    if not damages:
        return []
    keys = package_keys(connection, [damage.package for damage in damages])
    open_ones = _open_ones(connection, keys.values())
    seen = {
        (damage.package, damage.store, damage.path): damage.at
        for damage in damages
        if damage.path not in open_ones[keys[damage.package], damage.store]
    }
    found = []
    for batch in batches(list(keys.values())):
        ended = recorded().where(
            _damages.package_id.in_(batch), _damages.ended_at > min(one.at for one in damages)
        )
        for one in map(recorded_damage, connection.execute(ended.order_by(_damages.id))):
            at = seen.get((one.damage.package, one.damage.store, one.damage.path))
            if at is not None and one.ended_at is not None and one.ended_at > at:
                found.append(one)
    return found


def see(connection: Connection, damages: Sequence[Damage]) -> None:
    """Record what was seen to be damaged: of a file of which damage is open, it is seen again."""
    keys = package_keys(connection, [damage.package for damage in damages])
    open_ones = _open_ones(connection, keys.values())
    for damage in damages:
        key = keys[damage.package]
        _see(connection, [damage], key, open_ones[key, damage.store])


def conclude(connection: Connection, read: Sequence[tuple[int, ReadReplica]]) -> None:
    """Record what whole readings saw, by the row number of each version; what they did not see is healed."""
    open_ones = _open_ones(connection, [key for key, _ in read])
    for key, one in read:
        before = open_ones[key, one.replica.store]
        seen = {damage.path for damage in one.damages}
        # Of more than are named, some may be what was open before.
        mended = before.items() if one.heals else ()
        healed = [row.id for path, row in mended if path not in seen and row.seen_at < one.begun_at]
        _end(connection, healed, DamageState.HEALED, (one.read_at, "", _AS_KEPT))
        _see(connection, one.damages, key, before)


def end(
    connection: Connection, numbers: Sequence[int], state: DamageState, how: tuple[datetime, str, str]
) -> list[RecordedDamage]:
    """End those of the damages that are open, and return them; ``how`` is when, by whom and why.

    Raises ``NotFoundError`` where one of ``numbers`` is no damage.
    """
    found = _numbered(connection, numbers)
    still_open = [number for number, row in found.items() if row.state == DamageState.OPEN.value]
    _end(connection, still_open, state, how)
    return [recorded_damage(row) for row in _numbered(connection, still_open).values()]


def approve(connection: Connection, numbers: Sequence[int], approval: RepairApproval) -> list[RecordedDamage]:
    """Record that those may be repaired that are open and were not approved, and return them.

    Raises ``NotFoundError`` where one of ``numbers`` is no damage.
    """
    approved = [
        row
        for row in _numbered(connection, numbers).values()
        if row.state == DamageState.OPEN.value and row.approved_at is None
    ]
    if approved:
        what = {"approved_by": approval.by, "because": approval.because, "approved_at": approval.at}
        connection.execute(
            insert(tables.repair_approvals), [{"damage_id": row.id, **what} for row in approved]
        )
    return [replace(recorded_damage(row), approval=approval) for row in approved]


def _numbered(connection: Connection, numbers: Sequence[int]) -> dict[int, Row[Any]]:
    """Return the damage of each number, in their order. Raises ``NotFoundError`` where one is none."""
    found: dict[int, Row[Any]] = {}
    for batch in batches(numbers):
        found |= {row.id: row for row in connection.execute(recorded().where(_damages.id.in_(batch)))}
    for number in numbers:
        if number not in found:
            raise no_damage(number)
    return dict(sorted(found.items()))


def _open_ones(
    connection: Connection, keys: Collection[int]
) -> defaultdict[tuple[int, StoreName], dict[BagPath, Row[Any]]]:
    """Return the open damage of each replica, by its paths."""
    found: defaultdict[tuple[int, StoreName], dict[BagPath, Row[Any]]] = defaultdict(dict)
    query = select(tables.damages).where(
        _damages.package_id.in_(list(keys)), _damages.state == DamageState.OPEN.value
    )
    for row in connection.execute(query):
        found[row.package_id, StoreName(row.store)][BagPath(row.path)] = row
    return found


def _see(
    connection: Connection, damages: Iterable[Damage], key: int, before: dict[BagPath, Row[Any]]
) -> None:
    for damage in damages:
        what = {
            "kind": damage.kind.value,
            "promised": digests_text(damage.promised),
            "promised_size": damage.promised_size,
            "found": None if damage.found is None else digests_text(damage.found),
            "found_size": damage.found_size,
            "reason": damage.reason,
            "seen_at": damage.at,
        }
        if (known := before.get(damage.path)) is not None:
            if damage.found is None and damage.kind.value == known.kind:
                # A restore that fails says that bytes are others, and not which: an audit did.
                del what["found"], what["found_size"]
            connection.execute(update(tables.damages).where(_damages.id == known.id).values(what))
            continue
        new = {
            "package_id": key,
            "store": damage.store,
            "path": damage.path,
            "found_at": damage.at,
            "state": DamageState.OPEN.value,
            "ended_by": "",
            "because": "",
        }
        connection.execute(insert(tables.damages), {**what, **new})


def _end(
    connection: Connection, numbers: Sequence[int], state: DamageState, how: tuple[datetime, str, str]
) -> None:
    at, by, because = how
    for batch in batches(numbers):
        connection.execute(
            update(tables.damages)
            .where(_damages.id.in_(batch))
            .values(state=state.value, ended_at=at, ended_by=by, because=because)
        )
