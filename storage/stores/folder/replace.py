"""Replacing single files of a folder store that are not as they were kept. Only repair reaches this."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Literal

from preservation.model.digests import Digests
from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.paths import StoreKey
from storage.ports.replacers import (
    NOTHING_THERE,
    Quarantine,
    Replacement,
    hand_out,
    is_no_file,
    was_changed,
)
from storage.ports.stores import Deposit, require_sound
from storage.stores.folder.copy import copy_in
from storage.stores.folder.faults import translating
from storage.stores.folder.linux import sync_file_system
from storage.stores.folder.modes import Readers
from storage.stores.folder.move import move_without_replacing
from storage.stores.folder.root import opened_store
from storage.stores.folder.staging import INCOMING, working_area
from storage.stores.folder.tree import opened_folder

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_STAGED = "staged"


class FolderReplacer:
    """The ``Replacer`` of the folder store at ``root``; ``readers`` may read what it puts there."""

    def __init__(
        self, name: StoreName, root: Path, identity: StoreIdentity | None, readers: Readers = Readers.GROUP
    ) -> None:
        self.name = name
        self._identity = identity
        self._modes = readers.modes
        self._root = root.absolute()

    def replace(self, deposit: Deposit, expected: Digests, quarantine: Quarantine) -> Replacement:
        """Put the file in place of one that is not as it was kept: see ``Replacer``."""
        key = deposit.key
        require_sound(self.name, key)
        *above, last = key.split("/")
        with (
            opened_store(self.name, self._root, self._identity, to_write=True) as root,
            translating(self.name, "replace", key),
            opened_folder(root, tuple(above), make=self._modes.folder) as folder,
        ):
            there = self._handed_out(folder, last, key, expected, quarantine)
            if there is Replacement.SOUND:
                return there
            with opened_folder(root, (INCOMING,)) as incoming, working_area(incoming) as area:
                copy_in(deposit, area, _STAGED, self._modes.file, durable=True)
                if there is None:
                    move_without_replacing(area, _STAGED, folder, last, guard=incoming)
                else:
                    self._require_same(folder, last, key, there)
                    os.rename(_STAGED, last, src_dir_fd=area, dst_dir_fd=folder)
                # The folders above may be new too.
                sync_file_system(root)
        return Replacement.CREATED if there is None else Replacement.REPLACED

    def remove_unexpected(self, key: StoreKey, quarantine: Quarantine) -> bool:
        """Move a file that no manifest names into the quarantine: see ``Replacer``."""
        require_sound(self.name, key)
        *above, last = key.split("/")
        with (
            opened_store(self.name, self._root, self._identity, to_write=True) as root,
            translating(self.name, "take away", key),
            suppress(FileNotFoundError),
            opened_folder(root, tuple(above)) as folder,
        ):
            there = self._handed_out(folder, last, key, {}, quarantine)
            if isinstance(there, os.stat_result):
                self._require_same(folder, last, key, there)
                os.unlink(last, dir_fd=folder)
                os.fsync(folder)
                return True
        return False

    def _handed_out(
        self, folder: int, name: str, key: StoreKey, expected: Digests, quarantine: Quarantine
    ) -> os.stat_result | Literal[Replacement.SOUND] | None:
        """Hand out what lies there, and return its status; ``None`` where nothing does.

        It is ``SOUND``, and not handed out, where it has the ``expected`` digests.
        """
        with quarantine.receive(key) as file:
            try:
                with self._opened(folder, name, key) as descriptor:
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
    def _opened(self, folder: int, name: str, key: StoreKey) -> Iterator[int]:
        try:
            descriptor = os.open(name, _OPEN_FILE, dir_fd=folder)
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

    def _require_same(self, folder: int, name: str, key: StoreKey, handed_out: os.stat_result) -> None:
        """Raise where the file that lies there is no more the one that was handed out."""
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if _of(now) != _of(handed_out):
            raise was_changed(self.name, key)


def _of(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
