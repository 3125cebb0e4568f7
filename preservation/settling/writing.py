"""Which files some process of this machine holds open for writing, asked of the kernel (proc(5)).

It knows nothing of other machines that write to a shared folder, nor of a file server inside the kernel.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from preservation.long_paths import entries_of
from preservation.model.paths import RelativePath
from preservation.settling.mounts import mounts_of

_PROC: Final = "/proc"
_MOUNT = re.compile(rb"^mnt_id:\s*(\d+)$", re.MULTILINE)


class Inode(NamedTuple):
    """A file as the kernel knows it, whatever its names."""

    device: int
    number: int


@dataclass(frozen=True, slots=True)
class HeldOpen:
    """Files held open for writing. ``unseen`` counts the processes that we must not look into."""

    inodes: frozenset[Inode]
    unseen: int


def held_for_writing(devices: Collection[int] = ()) -> HeldOpen:
    """Return the files that are held open for writing.

    Those of network file systems are asked about only where the device is one of ``devices``
    (``st_dev``): a server that is gone must not hold up the look at a local folder.
    """
    inodes: set[Inode] = set()
    mounts = _Mounts(devices)
    unseen = 0
    for process in filter(str.isdigit, os.listdir(_PROC)):  # noqa: PTH208  only the names are wanted
        try:
            inodes.update(_written_by(process, mounts))
        except PermissionError:
            unseen += 1
        except OSError:
            # It ended.
            continue
    return HeldOpen(frozenset(inodes), unseen)


def file_held_in(drop: Path, held: HeldOpen) -> RelativePath | None:
    """Return the first file in ``drop`` that is held open for writing; ``""`` stands for the drop itself."""
    numbers = {inode.number for inode in held.inodes}
    if not numbers:
        return None
    try:
        found = drop.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return RelativePath("") if Inode(found.st_dev, found.st_ino) in held.inodes else None
    for folder, entry in entries_of(drop):
        if isinstance(entry, OSError) or entry.inode() not in numbers:
            continue
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if Inode(found.st_dev, found.st_ino) in held.inodes:
            return RelativePath(f"{folder}{entry.name}")
    return None


def _written_by(process: str, mounts: _Mounts) -> Iterator[Inode]:
    """Give what a process writes to. Raises ``OSError`` where it ended or must not be looked into."""
    with os.scandir(f"{_PROC}/{process}/fd") as descriptors:
        for descriptor in descriptors:
            try:
                # The permissions of the entry itself are those with which the file was opened.
                if not descriptor.stat(follow_symlinks=False).st_mode & stat.S_IWUSR:
                    continue
                # Pipes, sockets and the like have no path.
                target = os.readlink(descriptor.path)  # noqa: PTH115  a Path for each takes longer than the call
                if not target.startswith("/") or not mounts.may_be_asked(process, descriptor.name):
                    continue
                found = descriptor.stat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield Inode(found.st_dev, found.st_ino)


class _Mounts:
    """Which mounted file systems answer at once. Numbers of mounts are unique on the whole machine."""

    def __init__(self, devices: Collection[int]) -> None:
        self._devices = devices
        self._answers: dict[int, bool] = {}
        self._read_of: set[str] = set()
        self._read("self")

    def may_be_asked(self, process: str, descriptor: str) -> bool:
        """Say whether the file behind the descriptor can be asked about without waiting for a server.

        Raises ``OSError`` where the process ended.
        """
        found = _MOUNT.search(Path(f"{_PROC}/{process}/fdinfo/{descriptor}").read_bytes())
        mount = int(found[1]) if found else 0
        if mount not in self._answers and process not in self._read_of:
            self._read(process)
        # What is mounted neither for us nor for the process is memory, or was open before it went elsewhere.
        return self._answers.get(mount, True)

    def _read(self, process: str) -> None:
        self._read_of.add(process)
        for mount in mounts_of(process):
            self._answers[mount.number] = mount.device in self._devices or not mount.is_away
