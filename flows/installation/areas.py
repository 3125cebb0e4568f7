"""An area: a directory in which drops arrive, are processed and are answered, each move one rename."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from preservation.errors import StorageError, UnavailableError
from preservation.model.identifiers import CollectionName, collection_name
from preservation.model.paths import path_order, printable

INBOX: Final = "inbox"
_PRIVATE: Final = 0o700
_TAKEN: Final = ".taken"


@dataclass(frozen=True, slots=True)
class Area:
    """The area in ``root``. All of it must be one file system, so that a drop moves in one step.

    ``own`` is true of the installation's own directory. Any other may be a share: a missing folder at its top
    is never made, because an empty mount point looks the same.
    """

    root: Path
    own: bool = False

    @property
    def inbox(self) -> Path:
        """The folder of the inboxes, one for each collection."""
        return self.root / INBOX

    @property
    def taken(self) -> Path:
        """The folder of the takes, one for each drop that is being processed."""
        return self.root / "processing" / _TAKEN

    @property
    def accepted(self) -> Path:
        """The folder of the drops that are kept."""
        return self.root / "accepted"

    @property
    def rejected(self) -> Path:
        """The folder of the drops that are rejected."""
        return self.root / "rejected"

    @property
    def waiting(self) -> Path:
        """The folder of the receipts of drops that wait for a person; the drops are among the takes."""
        return self.root / "waiting"

    @property
    def quarantine(self) -> Path:
        """The folder of the drops in which malware was found."""
        return self.root / "quarantine"

    def make_folders(self) -> None:
        """Make the missing folders, except the inbox of an area that is not the installation's own.

        Raises ``StorageError`` where the area is away, is not one file system, or cannot be written to.
        """
        folders = (self.inbox, self.taken, self.accepted, self.rejected, self.quarantine)
        try:
            if not self.own and not self.inbox.is_dir():
                raise UnavailableError(
                    f"{printable(str(self.root))}: there is no folder {INBOX} in it; mount the share, "
                    "or make that folder where this is to be a new area"
                )
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                # A share may have been set up before there was one; receipts are in receipts/ in any case.
                self.waiting.mkdir(exist_ok=True)
            if self.quarantine.stat().st_mode & 0o777 != _PRIVATE:
                self.quarantine.chmod(_PRIVATE)
            _close_to_others(self.taken.parent)
            disks = {folder: folder.stat().st_dev for folder in folders}
        except OSError as error:
            raise UnavailableError(
                f"{printable(str(self.root))}: its folders cannot be made or read ({error.strerror}); "
                "check its owner, and that its disk is mounted for writing"
            ) from error
        for folder, disk in disks.items():
            if disk != disks[self.taken]:
                raise StorageError(other_disk_sentence(folder, self.taken))

    def make_inboxes(self, collections: Iterator[CollectionName]) -> None:
        """Make the inbox of each collection where it is missing. Raises ``UnavailableError``."""
        for collection in collections:
            try:
                (self.inbox / collection).mkdir(exist_ok=True)
            except OSError as error:
                raise UnavailableError(
                    f"{printable(str(self.inbox / collection))} cannot be made ({error.strerror}); "
                    "make it, and let the service write to it"
                ) from error


def _close_to_others(processing: Path) -> None:
    """Let no other account into the folder: derivatives of what was dropped for few eyes lie there.

    A share may know no modes, or leave them to its owner; then they stay. Raises ``OSError``.
    """
    mode = stat.S_IMODE(processing.stat().st_mode)
    if mode & stat.S_IRWXO:
        with suppress(OSError):
            processing.chmod(mode & ~stat.S_IRWXO)


@dataclass(frozen=True, slots=True)
class StrayInInbox:
    """An entry of ``inbox/`` that is not the inbox of a collection; ``sentence`` says why it is ignored."""

    path: Path
    sentence: str


def inboxes_in(
    area: Area, refusal_of: Callable[[CollectionName], str]
) -> Iterator[CollectionName | StrayInInbox]:
    """Yield the collections that have an inbox in ``area``, and all other entries, by name.

    ``refusal_of`` says why nothing is taken for a collection, ``""`` where something is.

    Raises ``UnavailableError`` where the area's inbox cannot be listed.
    """
    try:
        with os.scandir(area.inbox) as entries:
            found = sorted(entries, key=lambda entry: path_order(entry.name))
    except OSError as error:
        raise UnavailableError(
            f"The inbox {printable(str(area.inbox))} cannot be listed ({error.strerror}); check that "
            "its share is mounted and readable"
        ) from error
    for entry in found:
        if entry.name.startswith("."):
            continue
        stray = _stray(entry, refusal_of)
        yield StrayInInbox(area.inbox / entry.name, stray) if stray else CollectionName(entry.name)


def _stray(entry: os.DirEntry[str], refusal_of: Callable[[CollectionName], str]) -> str:
    """Return why the entry is not the inbox of a collection; ``""`` where it is one."""
    if entry.is_symlink():
        return "it is a link, and links are not followed; make its target an [[area]] of its own"
    if not entry.is_dir(follow_symlinks=False):
        return "it lies beside the collections' folders; move it into one"
    try:
        collection = collection_name(entry.name)
    except ValueError as error:
        return f"{error}; nothing in it is taken"
    refusal = refusal_of(collection)
    return f"{refusal}. Nothing in it is taken: if it is a drop, move it into one of these" if refusal else ""


def other_disk_sentence(folder: Path, taken: Path) -> str:
    """Return the message that ``folder`` is on another disk than the takes."""
    return (
        f"{printable(str(folder))} is on another disk than {printable(str(taken))}, and a drop must "
        "move from one to "
        "the other in one step; make the disk that it is on an [[area]] of its own in muniment.toml"
    )
