"""What object a drop in an inbox becomes."""

from __future__ import annotations

from typing import Final

from flows.drops import name_of
from preservation.model.identifiers import ObjectName, object_name
from preservation.model.paths import printable
from preservation.settling.drops import Drop

BETWEEN: Final = "__"
"""What stands between the names of groups and drop in the name of the object."""


def object_of(drop: Drop) -> ObjectName:
    """Return the name of the object that a drop in a folder becomes. Raises ``ValueError``."""
    return object_called(drop.groups, name_of(drop.path))


def object_called(groups: tuple[str, ...], own: str) -> ObjectName:
    """Return the name of the object: the drop's ``own`` as on the command line, after those of its groups.

    Two drops must not become one object because their names run into each other: names that could do so
    are refused. Raises ``ValueError`` where a name cannot be one.
    """
    if not groups:
        return object_name(own)
    for name in (*groups, own):
        if BETWEEN in name or name.startswith("_") or name.endswith("_"):
            raise ValueError(
                f"{printable(name)!r} cannot be part of an object's name: {BETWEEN!r} stands between a group "
                "and what is in it, so neither may have it, or begin or end with '_'"
            )
    return object_name(BETWEEN.join((*groups, own)))
