"""Disks that fill up, go read-only or go away: real file systems of a few megabytes, in memory."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own at ``point``."""

    point: Path

    def remount(self, option: str) -> None:
        """Mount it in another way: ``ro``, ``rw``, ``size=64m``."""
        subprocess.run(["mount", "-o", f"remount,{option}", self.point], check=True)

    def fill(self, leaving: int) -> Path:
        """Take all of its space but ``leaving`` bytes, whoever writes meanwhile; return what holds it."""
        ballast = self.point / ".ballast"
        with ballast.open("wb") as sink:
            while True:
                space = os.statvfs(self.point)
                try:
                    os.posix_fallocate(sink.fileno(), 0, max(space.f_bavail * space.f_frsize - leaving, 1))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    if not space.f_bavail:
                        return ballast
                else:
                    return ballast


@dataclass(frozen=True)
class MountedFolder:
    """A folder that can also be seen at ``point``, as a disk of its own, while it is mounted there."""

    folder: Path
    point: Path

    def mount(self) -> None:
        """Show it at its mount point."""
        subprocess.run(["mount", "--bind", self.folder, self.point], check=True)

    def unmount(self) -> None:
        """Take it away at once, whoever is reading there; the mount point stays, and is empty."""
        subprocess.run(["umount", "--lazy", self.point], check=True)

    @property
    def is_mounted(self) -> bool:
        """Whether it can be seen at the mount point."""
        return self.point.samefile(self.folder)


@contextmanager
def mounted_folder(folder: Path, point: Path) -> Iterator[MountedFolder]:
    """Mount ``folder`` at ``point``, which is made, for as long as the context lasts; skip where not root."""
    if shutil.which("mount") is None or shutil.which("umount") is None or os.geteuid() != 0:
        pytest.skip("mounting a folder needs root and mount(8)")
    point.mkdir(parents=True)
    mounted = MountedFolder(folder, point)
    try:
        mounted.mount()
    except subprocess.CalledProcessError:
        pytest.skip("a folder cannot be mounted here")
    try:
        yield mounted
    finally:
        if mounted.is_mounted:
            mounted.unmount()


@contextmanager
def small_disk(point: Path, size: str) -> Iterator[SmallDisk]:
    """Mount a disk of ``size`` (``8m``) at ``point``, with what lies there in it; skip where not root.

    The folder below is as it was when the disk is gone.
    """
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root and mount(8)")
    point.mkdir(parents=True, exist_ok=True)
    before = point.with_name(f"{point.name}.before")
    shutil.copytree(point, before, symlinks=True)
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", point], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        shutil.copytree(before, point, symlinks=True, dirs_exist_ok=True)
        yield SmallDisk(point)
    finally:
        subprocess.run([umount, "--lazy", point], check=True)


@dataclass(frozen=True)
class DiskImage:
    """A disk of its own, mounted at ``point``, whose bytes lie in the file ``image``."""

    image: Path
    point: Path

    def alter(self, before: bytes, after: bytes) -> None:
        """Change bytes on the disk below its file system, which does not notice and may remember others."""
        os.sync()
        with self.image.open("r+b") as disk:
            offset = disk.read().index(before)
            disk.seek(offset)
            disk.write(after)
            disk.flush()
            os.fsync(disk.fileno())


@contextmanager
def disk_image(folder: Path, point: Path) -> Iterator[DiskImage]:
    """Mount a new disk at ``point``, for as long as the context lasts; skip where that cannot be done."""
    if shutil.which("mkfs.ext4") is None or shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting an image needs root, mount(8) and mkfs.ext4(8)")
    image = folder / "disk.img"
    with image.open("wb") as sink:
        sink.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
    point.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-o", "loop", image, point], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"an image cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield DiskImage(image, point)
    finally:
        subprocess.run(["umount", point], check=True)
