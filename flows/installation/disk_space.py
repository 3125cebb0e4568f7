"""Whether a drop can fit where it is to go, asked before any work is begun."""

from __future__ import annotations

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
"""Bytes that a submission's own records take at the very least for one file."""

_MOST_KEPT: Final = 1 << 30
_SHARE_KEPT: Final = 20
"""Of a disk, a twentieth and at most 1 GiB is never given to what is fetched: databases grow there, too."""

_held: dict[object, tuple[int, Callable[[], int]]] = {}
"""By whom room is held: on which device, and how many bytes are still to come. It is the whole process's."""

_turn = Lock()


def require_room_in_stores(drop: TreeOutline, policy: Policy, settings: Settings) -> None:
    """Raise ``StoreFullError`` where fewer stores have room for the drop than the policy asks for.

    Only folder stores are asked: a bucket does not say how much more it takes. Several on one disk need
    the room several times. Derivatives and tag files come on top, and nobody knows their size yet: what
    is refused here could never have fitted.
    """
    asked = policy.terms.replication
    stores = [store for store in settings.store if not asked.stores or store.name in asked.stores]
    short = _short_of(stores, drop.bytes, settings)
    roomy = [store for store in stores if store.name not in short]
    if len(roomy) < asked.copies or len({store.site for store in roomy}) < asked.sites:
        raise StoreFullError(
            f"the drop takes {byte_size(drop.bytes)} in every store, and there is not that room: "
            f"{'; '.join(short.values())}. Free space there, then preserve it; nothing was begun"
        )


def require_room_for_work(drop: TreeOutline, settings: Settings) -> None:
    """Raise ``StoreFullError`` where what a submission notes down while it is worked on cannot fit."""
    needed = drop.files * _RECORDS_A_FILE
    free = _free(settings.processing)
    if free is not None and free < needed:
        raise StoreFullError(
            f"the work on {drop.files:,} files needs {byte_size(needed)} in {settings.processing}, and "
            f"{byte_size(free)} are free there. Free space there, then preserve it; nothing was begun"
        )


def require_room_for_drop(size: int, folder: Path) -> None:
    """Raise ``StoreFullError`` where the disk of ``folder`` has no room for a drop of that size.

    What others hold of it, and a reserve, counts as taken.
    """
    with _turn:
        _require_room_for_drop(size, folder)


@contextmanager
def holding_room(
    size: int, folder: Path, arrived: Callable[[], int], *, required: bool = True
) -> Iterator[None]:
    """Hold room for what is on its way into ``folder``: ``size`` bytes, less what has ``arrived``.

    Raises ``StoreFullError`` where it is ``required`` and is not there.
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
    kept = held + _reserve(folder)
    if free - kept < size:
        raise StoreFullError(
            f"it takes {byte_size(size)}, and {byte_size(free)} are free in {folder}, {byte_size(kept)} of "
            "which are kept for other work; make room there, and it is taken"
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
    """Return, by its name, what is to be said of each folder store whose disk has not the room."""
    on_disk: defaultdict[int, list[FolderStoreSettings]] = defaultdict(list)
    for store in stores:
        if isinstance(store, FolderStoreSettings):
            try:
                on_disk[settings.store_root(store).stat().st_dev].append(store)
            except OSError:
                # A store that is away says so itself, when it is written to.
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
    """Return how many bytes we may still write on the disk of ``folder``, where it says."""
    try:
        space = os.statvfs(folder)
    except OSError:
        return None
    return space.f_bavail * space.f_frsize if space.f_blocks else None
