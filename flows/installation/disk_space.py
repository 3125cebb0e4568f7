"""Checks that a drop fits on the disks that it is for, before any work begins."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from flows.installation.settings import Settings
from flows.installation.store_settings import FolderStoreSettings, StoreSettings
from preservation.errors import StoreFullError
from preservation.model.amounts import byte_size, count
from preservation.policy.schema import Policy
from preservation.survey.walk import TreeOutline

_RECORDS_A_FILE = 2048
"""The least bytes that a submission's records take for one file."""

_MOST_KEPT: Final = 1 << 30
_SHARE_KEPT: Final = 20
"""A twentieth of a disk, at most 1 GiB, is reserved: databases grow there too."""

_held: dict[object, tuple[int, Callable[[], int]]] = {}
"""The space reserved in this process: by holder, the device and the bytes that are still missing."""

_turn = Lock()


def require_room_in_stores(drop: TreeOutline, policy: Policy, settings: Settings) -> None:
    """Raise ``StoreFullError`` where fewer stores have room for the drop than the policy asks for.

    Only folder stores are checked: a bucket does not report its free space. Several stores on one disk need
    the space several times. Derivatives and tag files come on top, with sizes that are not known yet, so a
    drop that is refused here could never fit.
    """
    asked = policy.terms.replication
    stores = [store for store in settings.store if not asked.stores or store.name in asked.stores]
    short = _short_of(stores, drop.bytes, settings)
    roomy = [store for store in stores if store.name not in short]
    if len(roomy) < asked.copies or len({store.site for store in roomy}) < asked.sites:
        raise StoreFullError(
            f"the drop takes {byte_size(drop.bytes)} in every store, and there is not enough space: "
            f"{'; '.join(short.values())}. Free space there, then preserve it; nothing "
            "was begun"
        )


def require_room_for_work(drop: TreeOutline, settings: Settings) -> None:
    """Raise ``StoreFullError`` where the records of a submission cannot fit."""
    needed = drop.files * _RECORDS_A_FILE
    space = _space(settings.processing)
    if space is not None and space.free < needed:
        raise StoreFullError(
            f"the work on {count(drop.files, 'file')} needs {byte_size(needed)} in {settings.processing}, "
            f"and {byte_size(space.free)} are free there. Free space there, then preserve it; "
            "nothing was begun"
        )


def require_room_for_drop(size: int, folder: Path) -> None:
    """Raise ``StoreFullError`` where the disk of ``folder`` has no space for a drop of that size.

    What is reserved for others, and a constant reserve, counts as used.
    """
    with _turn:
        _require_room_for_drop(size, folder)


@contextmanager
def reserve_space(
    size: int, folder: Path, arrived: Callable[[], int], *, required: bool = True
) -> Iterator[None]:
    """Reserve space in ``folder`` for a download of ``size`` bytes, less what has ``arrived``.

    Raises ``StoreFullError`` where it is ``required`` and not available.
    """
    holder = object()
    with _turn:
        if required:
            _require_room_for_drop(size, folder)
        space = _space(folder)
        if space is not None:
            _held[holder] = space.device, lambda: max(size - arrived(), 0)
    try:
        yield
    finally:
        with _turn:
            _held.pop(holder, None)


def _require_room_for_drop(size: int, folder: Path) -> None:
    space = _space(folder)
    if space is None:
        return
    held = sum(missing() for device, missing in _held.values() if device == space.device)
    reserved = held + min(space.size // _SHARE_KEPT, _MOST_KEPT)
    if space.free - reserved < size:
        raise StoreFullError(
            f"it needs {byte_size(size)}; {byte_size(space.free)} are free in {folder}, "
            f"{byte_size(reserved)} of it reserved; free some space and it is picked up by itself"
        )


def _short_of(stores: list[StoreSettings], size: int, settings: Settings) -> dict[str, str]:
    """Return, by name, the sentence about each folder store whose disk has not enough space."""
    on_disk: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for store in stores:
        # A store that is away raises its own error when it is written to.
        if isinstance(store, FolderStoreSettings) and (space := _space(settings.store_root(store))):
            on_disk[space.device].append((store.name, space.free))
    short = {}
    for together in on_disk.values():
        free = together[0][1]
        shared = f", for {len(together)} stores on that disk" if len(together) > 1 else ""
        for name, _ in together[free // size if size else len(together) :]:
            short[name] = f"store {name} has {byte_size(free)} free{shared}"
    return short


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """A disk, its size in bytes, and how many of them are free for this account."""

    device: int
    size: int
    free: int


def _space(folder: Path) -> DiskSpace | None:
    """Return the space on the disk of ``folder``; ``None`` where it is not known."""
    try:
        device, disk = folder.stat().st_dev, os.statvfs(folder)
    except OSError:
        return None
    if not disk.f_blocks:
        return None
    return DiskSpace(device, disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize)
