"""Notification by the kernel that something changed in an inbox: on local disks, where it can notify."""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from watchfiles import watch

from flows.installation.log import LOG
from preservation.settling.mounts import Mount, mounts_of

_STEP_MILLISECONDS: Final = 50
_GATHERED_MILLISECONDS: Final = 500
_TRY_AGAIN_SECONDS: Final = 60.0
_DEPTH: Final = 2


def local_folders(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders that exist and are on disks of this machine."""
    innermost_first = sorted(mounts_of(), key=lambda mount: len(mount.point), reverse=True)
    return tuple(folder for folder in folders if folder.is_dir() and _is_local(folder, innermost_first))


class Notifier:
    """A thread that reports which drops in ``inboxes`` were touched.

    ``touched`` is called from that thread with the paths of the entries of the collections' folders, however
    deep in them the change was. Where the kernel cannot notify (too many folders, say), only sweeps see
    changes.
    """

    def __init__(self, inboxes: Iterable[Path], touched: Callable[[set[Path]], None]) -> None:
        self._inboxes = tuple(inboxes)
        self._touched = touched
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and wait until that is done."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                folders = local_folders(self._inboxes)
                if folders:
                    self._listen(folders)
            except OSError as error:
                LOG.warning("inboxes are only swept now and then: the kernel does not notify (%s)", error)
            self._stopped.wait(_TRY_AGAIN_SECONDS)

    def _listen(self, folders: tuple[Path, ...]) -> None:
        for changes in watch(
            *folders,
            watch_filter=None,
            step=_STEP_MILLISECONDS,
            debounce=_GATHERED_MILLISECONDS,
            stop_event=self._stopped,
            raise_interrupt=False,
            force_polling=False,
        ):
            self._touched({_cut(path, folders) for _, path in changes})
            if not all(folder.is_dir() for folder in folders):
                return


def _cut(path: str, folders: tuple[Path, ...]) -> Path:
    """Shorten a path to the entry of the collection's folder: a large drop reports very many paths."""
    for folder in folders:
        inbox = f"{folder}{os.sep}"
        if path.startswith(inbox):
            return folder.joinpath(*path.removeprefix(inbox).split(os.sep, _DEPTH)[:_DEPTH])
    return Path(path)


def _is_local(folder: Path, mounts: list[Mount]) -> bool:
    whole = f"{folder.resolve()}/"
    return not next(
        (mount.is_away for mount in mounts if whole.startswith(f"{mount.point.rstrip('/')}/")), False
    )
