"""Takes: what is ours of what was dropped, each in a folder that says what it is of.

``processing/.taken/<id>/`` is a take: ``take.json`` says what it is of, and is durable before the drop comes;
the drop lies in ``drop/`` under its own name. Without a drop in it, a take is what somebody who was killed,
or came second, has left.
"""

from __future__ import annotations

import re
import secrets
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final, NewType

import msgspec

from flows.inboxes.shelf import Shelf, is_name
from flows.installation.areas import Area
from flows.installation.processes import Process
from flows.submission.drop import DropRequest
from preservation.errors import IntegrityError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    ObjectName,
    collection_name,
    object_name,
)
from preservation.records import Records

TakeId = NewType("TakeId", str)
"""Names one take for good: the time in UTC and a random number."""

_TAKE_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")
_DROP: Final = "drop"
_BESIDE: Final = "beside"
_ARRIVING: Final = "arriving"


class Take(msgspec.Struct, frozen=True):
    """A drop that is ours. ``area`` is the area's directory, as it is called on this machine.

    ``tree`` is the signature of all its names, sizes and times just before it was taken; ``files`` and
    ``bytes`` are what the last look at it counted. ``bucket_inbox`` is the one that it comes from, empty
    where it comes from a folder; such a drop is ours before it is here, and ``tree`` is empty until it is.
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
    bucket_inbox: str = ""

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
    def arriving(self) -> Path:
        """Where what comes from a bucket is made ready."""
        return self.folder / _ARRIVING

    @property
    def arrived(self) -> Shelf:
        """The folder in it that a drop from a bucket lies in until all of it is here."""
        return Shelf(self.arriving / _DROP)

    @property
    def object_id(self) -> ObjectId:
        """The object that it becomes."""
        return ObjectId(self.collection, self.object_name)

    @property
    def as_drop(self) -> DropRequest:
        """The drop as a run is asked to preserve it."""
        return DropRequest(self.path, self.collection, self.object_name, taken=self.id)

    @property
    def is_being_removed(self) -> bool:
        """Say whether somebody began to remove it: the drop's folder is made first and removed first."""
        return not self.shelf.path.is_dir()

    @property
    def has_drop(self) -> bool:
        """Say whether the drop is in it at this moment."""
        return self.shelf.has(self.name)


def new_take_id(at: datetime) -> TakeId:
    """Return a name that no other take has; they sort in the order of ``at``, in UTC."""
    return TakeId(f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}")


def is_take_id(text: str) -> bool:
    """Say whether the text is such a name as ``new_take_id`` makes."""
    return _TAKE_ID.fullmatch(text) is not None


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
    # Copies of what is still in its bucket, whatever there is of it.
    shutil.rmtree(folder / _ARRIVING, ignore_errors=True)
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


def announce_take(taken: Take) -> None:
    """Say, durably, what is about to be taken; the folder for its drop is there then. Raises ``OSError``."""
    taken.shelf.make()
    _note(taken.folder).write([taken])
    Shelf(taken.folder).sync()
    Shelf(taken.folder.parent).sync()


def _note(folder: Path) -> Records[Take]:
    return Records(folder / "take.json", Take)
