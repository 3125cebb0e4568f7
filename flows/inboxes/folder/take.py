"""Taking: one atomic rename from the inbox to a folder of ours, so that nobody else takes the same drop."""

from __future__ import annotations

import errno
import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from flows.inboxes.queue.takes import Take, announce_take, new_take_id, remove_take
from flows.inboxes.shelf import Shelf, move
from flows.installation.areas import Area, elsewhere, is_elsewhere
from flows.installation.processes import this_process
from flows.submission.drop import outline_of
from preservation.errors import NotFoundError
from preservation.model.identifiers import CollectionName, ObjectName
from preservation.model.paths import printable

_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class CompleteDrop:
    """A drop in the inbox that is complete. ``groups`` are the folders between the collection's and it.

    ``identity`` is the device and number of its inode when it was looked at. ``sentinels`` are the names
    of the files beside it that told that it is complete.
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
    """The drop was not taken. ``sentence`` says why; it is empty where somebody else has the drop."""

    path: Path
    sentence: str = ""


Taking: TypeAlias = Take | NotTaken


def take(complete: CompleteDrop, at: datetime) -> Taking:
    """Take a drop. Of many who try to, at most one gets it. Raises nothing for what ails this one drop."""
    try:
        tree = outline_of(complete.path).signature
    except NotFoundError as error:
        return NotTaken(complete.path, str(error) if os.path.lexists(complete.path) else "")
    taken = Take(
        id=new_take_id(at),
        area=complete.area.root,
        collection=complete.collection,
        groups=complete.groups,
        name=complete.name,
        object_name=complete.object_name,
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
            return NotTaken(complete.path, "waiting: it became another while it was being taken")
    take_sentinels(taken)
    return taken


def take_sentinels(taken: Take) -> None:
    """Bring the sentinels from beside where the drop lay; one that stays there is shown to people."""
    came_from = Shelf(Area(taken.area).inbox, (taken.collection, *taken.groups))
    with suppress(OSError):
        for name in taken.sentinels:
            # With a new drop of that name, it may be the new one's.
            if came_from.has(name) and not came_from.has(taken.name):
                taken.beside.make()
                move(came_from, name, taken.beside, name)


def return_sentinels(taken: Take) -> None:
    """Put the sentinels back that were taken with a drop that somebody removed. Raises ``OSError``."""
    came_from = Shelf(Area(taken.area).inbox, (taken.collection, *taken.groups))
    for name in taken.sentinels:
        if taken.beside.has(name):
            came_from.make()
            move(taken.beside, name, came_from, name)


def _rename(complete: CompleteDrop, taken: Take) -> None:
    """Take it in one step, from the very folder that was looked into: no link leads anywhere else."""
    with complete.shelf.opened() as here, taken.shelf.opened() as there:
        # Nothing can have our name in our folder, so nothing is replaced.
        os.rename(complete.name, taken.name, src_dir_fd=here, dst_dir_fd=there)
        os.fsync(there)
        os.fsync(here)


def _is_the_same(complete: CompleteDrop, taken: Take) -> bool:
    """Say whether what we have is what was looked at, not another drop that got its name meanwhile."""
    try:
        found = taken.path.lstat()
        if (found.st_dev, found.st_ino) == complete.identity:
            return True
        # Some network file systems number a file anew when it moves.
        return outline_of(taken.path).signature == taken.tree
    except (OSError, NotFoundError):
        # It is ours and its share is away: another one is known by its tree when a run claims it.
        return True


def _reason(error: OSError, complete: CompleteDrop) -> str:
    if error.errno == errno.ENOENT:
        return ""
    place = printable(str(complete.path))
    if is_elsewhere(error):
        return f"it cannot be taken: {elsewhere(complete.path.parent, complete.area.taken)}"
    if error.errno == errno.EROFS:
        return f"it cannot be taken: the disk of {place} is mounted read-only; mount it for writing"
    if error.errno in _DENIED:
        return (
            f"{_account(os.geteuid())} may not move it out of the inbox; let that account write to "
            f"{printable(str(complete.path.parent))} and to {printable(complete.name)} itself, which "
            f"belongs to {_owner(complete.path)} (docs/operations.md, Watch folders)"
        )
    return f"it cannot be taken ({error.strerror or error}); see to the disk of {place}"


def _owner(path: Path) -> str:
    try:
        return _account(path.lstat().st_uid)
    except OSError:
        return "somebody else"


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"account {number}"
