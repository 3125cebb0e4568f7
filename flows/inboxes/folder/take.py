"""The take: one atomic rename from the inbox to a folder of ours, so that no other service takes the drop."""

import errno
import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from flows.inboxes.queue.takes import Take, announce_take, new_take_id, remove_take
from flows.inboxes.rejections import first_name
from flows.inboxes.shelf import Shelf, move
from flows.installation.areas import Area, other_disk_sentence
from flows.installation.processes import this_process
from flows.submission.drop import outline_of
from preservation.errors import NotFoundError
from preservation.model.identifiers import CollectionName, ObjectName
from preservation.model.paths import printable

_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class CompleteDrop:
    """A complete drop in the inbox. ``groups`` are the folders between the collection's folder and the drop.

    ``identity`` is the device and number of its inode when it was examined. ``sentinels`` are the names of
    the files beside it that declare it complete.
    """

    area: Area
    collection: CollectionName
    groups: tuple[str, ...]
    name: str
    object_name: ObjectName
    identity: tuple[int, int]
    files: int
    bytes: int
    sentinels: tuple[str, ...] = ()

    @property
    def shelf(self) -> Shelf:
        """The folder that it lies in."""
        return Shelf(self.area.inbox, (self.collection, *self.groups))

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.shelf.path / self.name


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The drop was not taken. ``sentence`` says why; it is empty where another service has the drop."""

    path: Path
    sentence: str = ""


TakeResult: TypeAlias = Take | NotTaken


def take(complete: CompleteDrop, at: datetime) -> TakeResult:
    """Take a drop. Of many services that try, at most one gets it. Raises nothing for a fault of the drop."""
    # The names of sentinels begin with the drop's: such a drop keeps the name that it has.
    first = None if complete.sentinels else first_name(complete.area, complete.collection, complete.path)
    name, object_name = first or (complete.name, complete.object_name)
    try:
        tree = outline_of(complete.path, called=name).signature
    except NotFoundError as error:
        return NotTaken(complete.path, str(error) if os.path.lexists(complete.path) else "")
    taken = Take(
        id=new_take_id(at),
        area=complete.area.root,
        collection=complete.collection,
        groups=complete.groups,
        name=name,
        object_name=object_name,
        by=this_process(),
        at=at,
        files=complete.files,
        bytes=complete.bytes,
        tree=tree,
        sentinels=complete.sentinels,
    )
    try:
        announce_take(taken)
        _rename(complete, taken)
    except OSError as error:
        if not taken.has_drop:
            remove_take(taken.folder)
            return NotTaken(complete.path, _reason(error, complete))
    if not _is_the_same(complete, taken):
        with suppress(OSError):
            move(taken.shelf, taken.name, complete.shelf, complete.name)
            remove_take(taken.folder)
            return NotTaken(complete.path, "waiting: it was replaced while it was being taken")
    take_sentinels(taken)
    return taken


def take_sentinels(taken: Take) -> None:
    """Move the sentinels from the inbox into the take; one that stays there is reported as a stray."""
    came_from = Shelf(Area(taken.area).inbox, (taken.collection, *taken.groups))
    with suppress(OSError):
        for name in taken.sentinels:
            # Where a new drop has that name, the sentinel may belong to it.
            if came_from.has(name) and not came_from.has(taken.name):
                taken.beside.make()
                move(came_from, name, taken.beside, name)


def return_sentinels(taken: Take) -> None:
    """Put the sentinels of a removed drop back into the inbox. Raises ``OSError``."""
    came_from = Shelf(Area(taken.area).inbox, (taken.collection, *taken.groups))
    for name in taken.sentinels:
        if taken.beside.has(name):
            came_from.make()
            move(taken.beside, name, came_from, name)


def _rename(complete: CompleteDrop, taken: Take) -> None:
    """Take it in one step, from the very folder that was examined: no link leads anywhere else."""
    with complete.shelf.opened() as here, taken.shelf.opened() as there:
        # Our folder is new and empty, so nothing is replaced.
        os.rename(complete.name, taken.name, src_dir_fd=here, dst_dir_fd=there)
        os.fsync(there)
        os.fsync(here)


def _is_the_same(complete: CompleteDrop, taken: Take) -> bool:
    """Return whether the take has the drop that was examined, not another one that got its name meanwhile."""
    try:
        found = taken.path.lstat()
        if (found.st_dev, found.st_ino) == complete.identity:
            return True
        # Some network file systems give a file a new number when it moves.
        return outline_of(taken.path).signature == taken.tree
    except (OSError, NotFoundError):
        # Its share is away; a different drop is recognised by its tree when a run claims it.
        return True


def _reason(error: OSError, complete: CompleteDrop) -> str:
    if error.errno == errno.ENOENT:
        return ""
    place = printable(str(complete.path))
    if error.errno == errno.EXDEV:
        return f"it cannot be taken: {other_disk_sentence(complete.path.parent, complete.area.taken)}"
    if error.errno == errno.EROFS:
        return f"it cannot be taken: the disk of {place} is mounted read-only; mount it for writing"
    if error.errno in _DENIED:
        return (
            f"{_account(os.geteuid())} may not move it out of the inbox; let that account write to "
            f"{printable(str(complete.path.parent))} and to {printable(complete.name)} itself, which "
            f"belongs to {_owner(complete.path)} (docs/watch-folders.md)"
        )
    return f"it cannot be taken ({error.strerror or error}); check the disk of {place}"


def _owner(path: Path) -> str:
    try:
        return _account(path.lstat().st_uid)
    except OSError:
        return "another account"


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"account {number}"
