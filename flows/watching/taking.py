"""Taking: one atomic rename from the inbox to a folder of ours, so that nobody else takes the same drop.

``processing/.taken/<id>/`` is a take: ``take.json`` says what it is of, and is durable before the rename;
the drop lies in ``drop/`` under its own name. Without a drop in it, a take is what somebody who was killed,
or came second, has left.
"""

from __future__ import annotations

import errno
import os
import pwd
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NewType, TypeAlias

import msgspec

from flows.drops import Drop, outline_of
from flows.processes import Process, this_process
from flows.watching.areas import Area, elsewhere, is_elsewhere
from flows.watching.moving import Shelf, is_name, move
from preservation.errors import IntegrityError, NotFoundError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    ObjectName,
    collection_name,
    object_name,
)
from preservation.model.paths import shown
from preservation.records import Records

TakeId = NewType("TakeId", str)
"""Names one take for good: the time in UTC and a random number."""

_DROP: Final = "drop"
_BESIDE: Final = "beside"
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


class Take(msgspec.Struct, frozen=True):
    """A drop that is ours. ``area`` is the area's directory, as it is called on this machine.

    ``tree`` is the signature of all its names, sizes and times just before it was taken; ``files`` and
    ``bytes`` are what the last look at it counted.
    """

    id: TakeId
    area: Path
    collection: CollectionName
    groups: tuple[str, ...]
    name: str
    object_name: ObjectName
    by: Process
    at: datetime
    files: int
    bytes: int
    tree: HexDigest
    sentinels: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The take's own folder."""
        return Area(self.area).taken / self.id

    @property
    def shelf(self) -> Shelf:
        """The folder that the drop lies in now, alone."""
        return Shelf(self.folder / _DROP)

    @property
    def path(self) -> Path:
        """Where the drop lies now."""
        return self.shelf.path / self.name

    @property
    def beside(self) -> Shelf:
        """The folder that the sentinels lie in which were taken with it, if there were any."""
        return Shelf(self.folder / _BESIDE)

    @property
    def object_id(self) -> ObjectId:
        """The object that it becomes."""
        return ObjectId(self.collection, self.object_name)

    @property
    def as_drop(self) -> Drop:
        """The drop as a run is asked to preserve it."""
        return Drop(self.path, self.collection, self.object_name, taken=self.id)

    @property
    def is_being_removed(self) -> bool:
        """Say whether somebody began to remove it: the drop's folder is made first and removed first."""
        return not self.shelf.path.is_dir()

    @property
    def has_drop(self) -> bool:
        """Say whether the drop is in it at this moment."""
        return self.shelf.has(self.name)


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
        id=TakeId(f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}"),
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
        _announce(taken)
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


def take_folders(area: Area) -> list[Path]:
    """Return the folders of all takes, whole or not, the oldest first."""
    try:
        return sorted(folder for folder in area.taken.iterdir() if not folder.name.startswith("."))
    except FileNotFoundError:
        return []


def take_of(folder: Path, area: Area) -> Take | None:
    """Read what a take's folder says of it; ``None`` where it does not say (any more), or says nonsense."""
    try:
        [noted] = _note(folder)
        collection_name(noted.collection)
        object_name(noted.object_name)
    except (OSError, IntegrityError, ValueError):
        return None
    if noted.id != folder.name or not all(map(is_name, (*noted.groups, noted.name, *noted.sentinels))):
        return None
    return msgspec.structs.replace(noted, area=area.root)


def take_holding(drop: Path) -> Take | None:
    """Return the take that holds the drop at that path; ``None`` where no take does: somebody brought it."""
    folder = drop.parent.parent
    area = Area(folder.parent.parent.parent)
    if drop.parent.name != _DROP or folder.parent != area.taken:
        return None
    return take_of(folder, area)


def remove_take(folder: Path) -> bool:
    """Remove a take that has no drop; say whether it is gone. One that has its drop stays in any case."""
    # The drop's own folder goes last: without it, it is known that the rest may go too.
    for below in (_BESIDE, _DROP):
        try:
            (folder / below).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    try:
        # What says whose it was goes last of the notes.
        for note in sorted(folder.iterdir(), key=lambda note: note == _note(folder).path):
            note.unlink(missing_ok=True)
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


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


def _note(folder: Path) -> Records[Take]:
    return Records(folder / "take.json", Take)


def _announce(taken: Take) -> None:
    """Say, durably, what is about to be taken."""
    taken.shelf.make()
    _note(taken.folder).write([taken])
    Shelf(taken.folder).sync()
    Shelf(taken.folder.parent).sync()


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
    place = shown(str(complete.path))
    if is_elsewhere(error):
        return f"it cannot be taken: {elsewhere(complete.path.parent, complete.area.taken)}"
    if error.errno == errno.EROFS:
        return f"it cannot be taken: the disk of {place} is mounted read-only; mount it for writing"
    if error.errno in _DENIED:
        return (
            f"{_account(os.geteuid())} may not move it out of the inbox; let that account write to "
            f"{shown(str(complete.path.parent))} and to {shown(complete.name)} itself, which belongs to "
            f"{_owner(complete.path)} (docs/operations.md, Watch folders)"
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
