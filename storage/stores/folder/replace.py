"""Replacing single files of a folder store that are not as they were kept. Only repair reaches this."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from typing import Literal

from preservation.model.digests import Digests
from preservation.model.paths import StoreKey
from storage.ports.replacers import (
    NOTHING_THERE,
    Quarantine,
    Replacement,
    hand_out,
    is_no_file,
    was_changed,
)
from storage.ports.stores import Deposit
from storage.stores.folder.copy import copy_in
from storage.stores.folder.linux import sync_file_system
from storage.stores.folder.move import move_without_replacing
from storage.stores.folder.place import FilePlace, FolderFiles
from storage.stores.folder.staging import INCOMING, working_area
from storage.stores.folder.tree import opened_folder

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_STAGED = "staged"


class FolderReplacer(FolderFiles):
    """The ``Replacer`` of a folder store."""

    def replace(self, deposit: Deposit, expected: Digests, quarantine: Quarantine) -> Replacement:
        """Put the file in place of one that is not as it was kept: see ``Replacer``."""
        with self._made(deposit.key, "replace") as place:
            there = self._handed_out(place, deposit.key, expected, quarantine)
            if there is Replacement.SOUND:
                return there
            with opened_folder(place.root, (INCOMING,)) as incoming, working_area(incoming) as area:
                copy_in(deposit, area, _STAGED, self._modes.file, durable=True)
                if there is None:
                    move_without_replacing(area, _STAGED, place.folder, place.name, guard=incoming)
                else:
                    self._require_same(place, deposit.key, there)
                    os.rename(_STAGED, place.name, src_dir_fd=area, dst_dir_fd=place.folder)
                # The folders above may be new too.
                sync_file_system(place.root)
        return Replacement.CREATED if there is None else Replacement.REPLACED

    def remove_unexpected(self, key: StoreKey, quarantine: Quarantine) -> bool:
        """Move a file that no manifest names into the quarantine: see ``Replacer``."""
        with self._opened(key, "take away") as place, suppress(FileNotFoundError):
            there = None if place is None else self._handed_out(place, key, {}, quarantine)
            if place is not None and isinstance(there, os.stat_result):
                self._require_same(place, key, there)
                place.unlink()
                os.fsync(place.folder)
                return True
        return False

    def _handed_out(
        self, place: FilePlace, key: StoreKey, expected: Digests, quarantine: Quarantine
    ) -> os.stat_result | Literal[Replacement.SOUND] | None:
        """Hand out what lies there, and return its status; ``None`` where nothing does.

        It is ``SOUND``, and not handed out, where it has the ``expected`` digests.
        """
        with quarantine.receive(key) as file:
            try:
                with self._opened_file(place, key) as descriptor:
                    status = os.fstat(descriptor)
                    # Read from the disk what is on the disk, as the store does.
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                    with FileIO(descriptor, closefd=False) as stream:
                        kept = hand_out(stream, file, expected)
            except FileNotFoundError:
                if expected:
                    file.keep(NOTHING_THERE)
                return None
        return status if kept else Replacement.SOUND

    @contextmanager
    def _opened_file(self, place: FilePlace, key: StoreKey) -> Iterator[int]:
        try:
            descriptor = os.open(place.name, _OPEN_FILE, dir_fd=place.folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise is_no_file(self.name, key, "a link") from error
            raise
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise is_no_file(self.name, key, "no plain file")
            yield descriptor
        finally:
            os.close(descriptor)

    def _require_same(self, place: FilePlace, key: StoreKey, handed_out: os.stat_result) -> None:
        """Raise where the file that lies there is no more the one that was handed out."""
        now = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
        if _of(now) != _of(handed_out):
            raise was_changed(self.name, key)


def _of(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
