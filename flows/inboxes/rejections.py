"""What was rejected, recorded in the area: under which names drops and receipts were put into ``rejected/``.

From this a mended drop is known again that comes back under a name with a number that Muniment gave it, and
the receipts of a drop that is kept by now are taken out of ``rejected/``.
"""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.drop_names import RECEIPTS, unnumbered
from flows.inboxes.ours import FileMark, marks_beside, remove_marked
from flows.inboxes.queue.takes import Take
from flows.inboxes.shelf import Shelf
from flows.installation.areas import Area
from flows.submission.drop import name_of_file, object_called
from preservation.errors import IntegrityError
from preservation.model.identifiers import CollectionName, ObjectName
from preservation.records import Records

_FOLDER: Final = ".rejected"


class Rejection(msgspec.Struct, frozen=True):
    """A drop in ``rejected/``: under ``name``, and ``dropped`` under this one.

    ``inode`` is that of the drop, 0 where it is gone; ``receipts`` are the marks of what lies beside it.
    """

    groups: tuple[str, ...]
    name: str
    dropped: str
    inode: int
    receipts: dict[str, FileMark]


def record_rejection(take: Take, shelf: Shelf, name: str) -> None:
    """Record that the drop was put into ``rejected/``, once. Raises ``OSError``."""
    inode = (shelf.path / name).lstat().st_ino if shelf.has(name) else 0
    receipts = marks_beside(shelf, name, RECEIPTS)
    rejection = Rejection(take.groups, name, take.name, inode, receipts)
    others = (
        one for one in _rejections(take) if (one.groups, one.name) != (rejection.groups, rejection.name)
    )
    _write(take, (*others, rejection))


def forget_rejections(take: Take) -> None:
    """Remove the receipts in ``rejected/`` of drops of the object that lie there no more: it is kept.

    A receipt that was changed stays, and so does one whose drop is there. Raises ``OSError``.
    """
    left = []
    before = _rejections(take)
    for one in before:
        shelf = _shelf(Area(take.area), take.collection, one.groups)
        if shelf.has(one.name):
            left.append(one)
        else:
            remove_marked(shelf, one.name, one.receipts)
    if before:
        _write(take, left)


def first_name(area: Area, collection: CollectionName, path: Path) -> tuple[str, ObjectName] | None:
    """Return the first name, and its object, of a drop in the inbox whose name has a number of Muniment.

    It must be the very folder or file that was rejected under this name, moved and not copied: another one
    may have such a name by itself.
    """
    dropped = unnumbered(path.name)
    if not dropped:
        return None
    try:
        groups = path.relative_to(area.inbox / collection).parts[:-1]
        found = path.lstat()
        own = name_of_file(dropped) if stat.S_ISREG(found.st_mode) else dropped
        object_name = object_called(groups, own)
        for one in _record(area, collection, object_name).so_far:
            known = (one.groups, one.name, one.dropped, one.inode)
            if known == (groups, path.name, dropped, found.st_ino):
                return dropped, object_name
    except (OSError, ValueError, IntegrityError):
        return None
    return None


def _rejections(take: Take) -> tuple[Rejection, ...]:
    try:
        return tuple(_record(Area(take.area), take.collection, take.object_name).so_far)
    except IntegrityError:
        # Damaged, it is begun anew: at worst an old receipt stays.
        return ()


def _write(take: Take, rejections: Iterable[Rejection]) -> None:
    record = _record(Area(take.area), take.collection, take.object_name)
    left = tuple(rejections)
    if left:
        record.path.parent.mkdir(parents=True, exist_ok=True)
        record.write(left)
    else:
        record.path.unlink(missing_ok=True)


def _record(area: Area, collection: CollectionName, name: ObjectName) -> Records[Rejection]:
    return Records(area.taken.parent / _FOLDER / collection / f"{name}.jsonl", Rejection)


def _shelf(area: Area, collection: CollectionName, groups: tuple[str, ...]) -> Shelf:
    return Shelf(area.rejected, (collection, *groups))
