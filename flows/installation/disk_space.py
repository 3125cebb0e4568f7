"""Checks that a drop fits where it is to go, before any work begins."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from flows.installation.settings import FolderStoreSettings, Settings, StoreSettings
from preservation.errors import StoreFullError
from preservation.model.amounts import byte_size
from preservation.policy.schema import Policy
from preservation.survey.walk import TreeOutline

_RECORDS_A_FILE = 2048
"""The least bytes that a submission's records take for one file."""

_MOST_KEPT: Final = 1 << 30
_SHARE_KEPT: Final = 20
"""A twentieth of a disk, at most 1 GiB, is reserved: databases grow there too."""

_held: dict[object, tuple[int, Callable[[], int]]] = {}
"""The space reserved in this process: by holder, the device and the bytes still to come."""

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
            f"{'; '.join(short.values())}. Free space there, then preserve it; nothing was begun"
        )


def require_room_for_work(drop: TreeOutline, settings: Settings) -> None:
    """Raise ``StoreFullError`` where the records of a submission cannot fit."""
    needed = drop.files * _RECORDS_A_FILE
    free = _free(settings.processing)
    if free is not None and free < needed:
        raise StoreFullError(
            f"the work on {drop.files:,} files needs {byte_size(needed)} in {settings.processing}, and "
            f"{byte_size(free)} are free there. Free space there, then preserve it; nothing was begun"
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
        device = _device(folder)
        if device is not None:
            _held[holder] = device, lambda: max(size - arrived(), 0)
    try:
        yield
    finally:
        with _turn:
            _held.pop(holder, None)


def _require_room_for_drop(size: int, folder: Path) -> None:
    free = _free(folder)
    if free is None:
        return
    device = _device(folder)
    held = sum(to_come() for where, to_come in _held.values() if where == device)
    reserved = held + _reserve(folder)
    if free - reserved < size:
        raise StoreFullError(
            f"it needs {byte_size(size)}; {byte_size(free)} are free in {folder}, {byte_size(reserved)} of "
            "it reserved; free some space and it is picked up by itself"
        )


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


def _reserve(folder: Path) -> int:
    """Return how many bytes are left free on the disk of ``folder``."""
    try:
        space = os.statvfs(folder)
    except OSError:
        return 0
    return min(space.f_blocks * space.f_frsize // _SHARE_KEPT, _MOST_KEPT)


def _short_of(stores: list[StoreSettings], size: int, settings: Settings) -> dict[str, str]:
    """Return, by name, the sentence about each folder store whose disk has not enough space."""
    on_disk: defaultdict[int, list[FolderStoreSettings]] = defaultdict(list)
    for store in stores:
        if isinstance(store, FolderStoreSettings):
            try:
                on_disk[settings.store_root(store).stat().st_dev].append(store)
            except OSError:
                # A store that is away raises its own error when it is written to.
                continue
    short = {}
    for together in on_disk.values():
        free = _free(settings.store_root(together[0]))
        if free is None:
            continue
        for store in together[free // size if size else len(together) :]:
            short[store.name] = f"store {store.name} has {byte_size(free)} free" + (
                f", for {len(together)} stores on that disk" if len(together) > 1 else ""
            )
    return short


def _free(folder: Path) -> int | None:
    """Return how many bytes are free for us on the disk of ``folder``; ``None``: not known."""
    try:
        space = os.statvfs(folder)
    except OSError:
        return None
    return space.f_bavail * space.f_frsize if space.f_blocks else None
