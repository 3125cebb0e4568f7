"""Takes: the drops that were taken from an inbox, each in a folder with its description.

``processing/.taken/<id>/`` is a take: ``take.json`` describes it, and is durable before the drop comes; the
drop lies in ``drop/`` under its own name. A take without a drop was left by a process that was killed, or
that came second.
"""

import re
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NewType

import msgspec

from flows.inboxes.shelf import Shelf, is_name
from flows.installation.areas import Area
from flows.installation.processes import Process
from flows.submission.drop import BESIDE, TAKEN, DropRequest
from preservation.errors import IntegrityError
from preservation.files.tree import remove_tree
from preservation.model.digests import HexDigest
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, collection_name, object_name
from preservation.records import Records

TakeId = NewType("TakeId", str)
"""Names one take for good: the time in UTC and a random number."""

_TAKE_ID: Final = re.compile(r"[0-9]{8}T(?:[0-9]{6}){1,2}Z-[0-9a-f]{16}")
_ARRIVING: Final = "arriving"


class Take(msgspec.Struct, frozen=True):
    """A drop that was taken. ``area`` is the area's directory, by its path on this machine.

    ``tree`` is the signature of all its names, sizes and times just before it was taken; ``files`` and
    ``bytes`` are what its last examination counted. ``bucket_inbox`` names the bucket inbox that it comes
    from, empty where it comes from a folder; such a take exists before its download, and ``tree`` is empty
    until the download is complete.
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
        """The folder that holds only the drop."""
        return Shelf(self.folder / TAKEN)

    @property
    def path(self) -> Path:
        """The drop."""
        return self.shelf.path / self.name

    @property
    def beside(self) -> Shelf:
        """The folder of the sentinels and sidecars that were taken with it."""
        return Shelf(self.folder / BESIDE)

    @property
    def arriving(self) -> Path:
        """The folder of a download."""
        return self.folder / _ARRIVING

    @property
    def arrived(self) -> Shelf:
        """The folder of a downloaded drop until all of it is here."""
        return Shelf(self.arriving / TAKEN)

    @property
    def object_id(self) -> ObjectId:
        """The object that it becomes."""
        return ObjectId(self.collection, self.object_name)

    @property
    def dropped_as(self) -> str:
        """Where it lay in its inbox, as the people know it who dropped it."""
        place = "/".join(("inbox", self.collection, *self.groups, self.name))
        return f"{self.bucket_inbox}: {place}" if self.bucket_inbox else place

    @property
    def as_drop(self) -> DropRequest:
        """The request to preserve the drop."""
        return DropRequest(self.path, self.collection, self.object_name, taken=self.id)

    @property
    def is_being_removed(self) -> bool:
        """Whether its removal has begun: the drop's folder is made first and removed first."""
        return not self.shelf.path.is_dir()

    @property
    def has_drop(self) -> bool:
        """Whether the drop is in it now."""
        return self.shelf.has(self.name)


def new_take_id(at: datetime) -> TakeId:
    """Return a name that no other take has; they sort in the order of ``at``, in UTC."""
    return TakeId(f"{at:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(8)}")


def is_take_id(text: str) -> bool:
    """Return whether the text is a name as ``new_take_id`` makes it."""
    return _TAKE_ID.fullmatch(text) is not None


def take_folders(area: Area) -> list[Path]:
    """Return the folders of all takes, whole or not, the oldest first."""
    try:
        return sorted(folder for folder in area.taken.iterdir() if not folder.name.startswith("."))
    except FileNotFoundError:
        return []


def take_of(folder: Path, area: Area) -> Take | None:
    """Read the take in a folder; ``None`` where its description is missing or damaged."""
    try:
        [take] = _record(folder)
        collection_name(take.collection)
        object_name(take.object_name)
    except (OSError, IntegrityError, ValueError):
        return None
    if take.id != folder.name or not all(map(is_name, (*take.groups, take.name, *take.sentinels))):
        return None
    return msgspec.structs.replace(take, area=area.root)


def take_holding(drop: Path) -> Take | None:
    """Return the take that holds the drop at that path; ``None`` where none does."""
    folder = drop.parent.parent
    area = Area(folder.parent.parent.parent)
    if drop.parent.name != TAKEN or folder.parent != area.taken:
        return None
    return take_of(folder, area)


def remove_take(folder: Path) -> bool:
    """Remove a take that has no drop; return whether it is gone. One that has its drop always stays."""
    # An incomplete download: the drop is still in its bucket.
    with suppress(OSError):
        remove_tree(folder / _ARRIVING)
    # The drop's own folder goes last: without it, it is known that the rest may go too.
    for below in (BESIDE, TAKEN):
        try:
            (folder / below).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    try:
        # The take's description goes last.
        for file in sorted(folder.iterdir(), key=lambda file: file == _record(folder).path):
            file.unlink(missing_ok=True)
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def announce_take(taken: Take) -> None:
    """Make the take's folders and write its description, durably. Raises ``OSError``."""
    taken.shelf.make()
    _record(taken.folder).write([taken])
    Shelf(taken.folder).sync()
    Shelf(taken.folder.parent).sync()


def _record(folder: Path) -> Records[Take]:
    return Records(folder / "take.json", Take)
