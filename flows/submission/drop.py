"""A drop to preserve: where it lies, and what object it becomes."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from preservation.errors import ConfigurationError, NotFoundError
from preservation.files.beneath import without_links_above
from preservation.manifests.names import sidecars_beside
from preservation.model.digests import HexDigest
from preservation.model.identifiers import ObjectId, ObjectName, collection_name, object_name
from preservation.model.paths import RelativePath, printable, quoted
from preservation.settling.drops import Drop
from preservation.survey.walk import TreeOutline, outline_of_tree

_ARCHIVES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip")


@dataclass(frozen=True, slots=True)
class DropRequest:
    """A drop to preserve, for which collection, and as which object.

    ``approved_by`` and ``because`` approve what an earlier try was waiting for. ``taken`` names its take
    where it was taken from an inbox; it is empty for any other drop. ``adopted`` is where it lay
    as an old holding; it is empty for any other drop.
    """

    path: Path
    collection: str
    object_name: str
    approved_by: str = ""
    because: str = ""
    taken: str = ""
    adopted: str = ""

    def __str__(self) -> str:
        return printable(f"{self.collection}/{self.object_name}")

    @property
    def object_id(self) -> ObjectId:
        """The object that it becomes. Raises ``ConfigurationError`` where a name cannot be one."""
        try:
            collection = collection_name(self.collection)
        except ValueError as error:
            raise ConfigurationError(f"{printable(str(self.path))}: {error}") from error
        try:
            return ObjectId(collection, object_name(self.object_name))
        except ValueError as error:
            raise ConfigurationError(
                f"{printable(str(self.path))}: {error}; give the object another name with --as NAME"
            ) from error


TAKEN: Final = "drop"
"""The folder of a take that holds the drop and nothing else."""
BESIDE: Final = "beside"
"""The folder of a take that holds what lay beside the drop and belongs to it."""


def sidecars_of(drop: Path) -> list[Path]:
    """Return the manifests of one file that lie beside the drop, or, where it was taken, beside it then."""
    folders = [drop.parent]
    if drop.parent.name == TAKEN:
        folders.append(drop.parent.parent / BESIDE)
    places = (folder / name for folder in folders for name in sidecars_beside(drop.name))
    return list(filter(os.path.lexists, places))


def name_of(path: Path) -> str:
    """Return the name of a drop's object: the drop's own name, without the extension of an archive."""
    return name_of_file(path.name) if _is_file(path) else path.name


def name_of_file(name: str) -> str:
    """Return the name of the object of a drop that is one file."""
    for ending in _ARCHIVES:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def _is_file(path: Path) -> bool:
    """Return whether it is a file. A link is not one, and is not followed."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def tree_of(path: Path) -> HexDigest:
    """Return the signature of a drop, which changes when a file comes, goes or is written; reads no file.

    Raises ``NotFoundError`` where the drop cannot be read.
    """
    return outline_of(path).signature


def outline_of(path: Path, called: str = "") -> TreeOutline:
    """Return the size and the signature of a drop; reads no file.

    ``called`` is the name that it is to have, where that is another than it has now. Raises ``NotFoundError``
    where the drop cannot be read.
    """
    try:
        path = without_links_above(path)
        if stat.S_ISDIR(path.lstat().st_mode):
            return outline_of_tree(path)
        return outline_of_tree(path.parent, RelativePath(path.name), called=called)
    except OSError as error:
        raise NotFoundError(
            f"{printable(str(path))}: the drop cannot be read ({error.strerror}); "
            "check that it is there and readable, then try again"
        ) from error


def label_of(drops: list[DropRequest]) -> str:
    """Return a label for drops: the object, or how many of which collection."""
    if len(drops) == 1:
        return str(drops[0])
    return f"{len(drops)} drops of {', '.join(sorted({drop.collection for drop in drops}))}"


_LONGEST_NAME = 250


def run_name_of(drops: list[DropRequest]) -> str:
    """Return the name of a run for drops: several are named, as far as a name may be long."""
    name = f"preserve {label_of(drops)}"
    if len(drops) == 1:
        return name
    for number, drop in enumerate(drops):
        longer = f"{name}{', ' if number else ': '}{printable(drop.object_name)}"
        if len(longer) > _LONGEST_NAME:
            return f"{name} …"
        name = longer
    return name


def tags_of(drops: list[DropRequest]) -> list[str]:
    """Return the tags of a run for drops, by which it is found: their collections and objects."""
    return sorted({printable(drop.collection) for drop in drops} | {str(drop) for drop in drops})


BETWEEN: Final = "__"
"""The separator of groups and drop in the name of the object."""


def object_of(drop: Drop) -> ObjectName:
    """Return the name of the object that a drop in a folder becomes. Raises ``ValueError``."""
    return object_called(drop.groups, name_of(drop.path))


def own_name(name: ObjectName, grouping: int) -> ObjectName:
    """Return an object's name without those of the groups that stand before it, so many at most."""
    return ObjectName(name.split(BETWEEN, grouping)[-1])


def name_tried(path: Path) -> str:
    """Return the name by which a drop is looked at that becomes no object: its own, where that can be one."""
    try:
        return object_name(name_of(path))
    except ValueError:
        return "drop"


def object_called(groups: tuple[str, ...], own: str) -> ObjectName:
    """Return the name of the object: the names of the groups, then the drop's ``own``.

    Names that would make two drops one object are rejected. Raises ``ValueError`` for an invalid name.
    """
    if not groups:
        return object_name(own)
    for name in (*groups, own):
        if BETWEEN in name or name.startswith("_") or name.endswith("_"):
            raise ValueError(
                f"{quoted(name)} cannot be part of an object's name: {BETWEEN!r} stands between "
                "a group and what is in it, so neither may have it, or begin or end with '_'"
            )
    return object_name(BETWEEN.join((*groups, own)))
