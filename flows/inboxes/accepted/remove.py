"""Removing one drop from ``accepted/``: set aside in one step, looked at once more there, and then removed.

What is to be done is noted beside it before any of it is done, so whoever comes after one who was killed does
the rest. That a drop is removed stands in the journal when nothing of it is left.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.answer import KEPT, RECEIPTS, Kept
from flows.inboxes.shelf import Shelf, is_name, move
from flows.installation.areas import Area
from flows.installation.wiring import SOFTWARE
from flows.submission.drop import tree_of
from preservation.errors import IntegrityError, PreservationError
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import StoreName, SubmissionId
from preservation.model.paths import printable
from preservation.records import Records
from storage.ports.journal import Journal

_ASIDE: Final = ".cleared"
_DROP: Final = "drop"


class Removal(msgspec.Struct, frozen=True):
    """A drop to remove: ``below`` ``accepted/`` it lay, and its package was read back from ``stores``.

    ``proved`` says that set aside it was still what was kept.
    """

    below: tuple[str, ...]
    kept: Kept
    stores: tuple[StoreName, ...]
    at: datetime
    proved: bool = False


def remove(removal: Removal, area: Area, journal: Journal) -> str:
    """Remove the drop; return why it could not be, or ``""``.

    Raises ``StorageError`` where the journal does not take the event: that is done the next time.
    """
    folder = area.taken.parent / _ASIDE / secrets.token_hex(8)
    shelf, aside = Shelf(area.accepted, removal.below), Shelf(folder / _DROP)
    try:
        aside.make()
        _note(folder).write([removal])
        move(shelf, removal.kept.name, aside, removal.kept.name)
    except OSError as error:
        _forget(folder)
        return (
            f"it cannot be moved out of its folder ({error.strerror or error}); let the service write to it, "
            "and to the folder that it lies in"
        )
    return _finish(folder, removal, area, journal)


def finish_removals(area: Area, journal: Journal) -> Iterator[tuple[Path, str]]:
    """Finish what somebody began who was killed, or could not end it; give what still cannot be removed.

    Raises ``StorageError`` like ``remove``.
    """
    root = area.taken.parent / _ASIDE
    try:
        folders = sorted(root.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        yield root, f"it cannot be looked into ({error.strerror or error})"
        return
    for folder in folders:
        removal = _noted(folder)
        if removal is None:
            _forget(folder)
            sentence = "it does not say what is to be removed; look into it, and remove it by hand"
            if not folder.exists():
                continue
        else:
            sentence = _finish(folder, removal, area, journal)
        if sentence:
            yield folder, sentence


def _finish(folder: Path, removal: Removal, area: Area, journal: Journal) -> str:
    shelf, aside = Shelf(area.accepted, removal.below), Shelf(folder / _DROP)
    name = removal.kept.name
    try:
        if not removal.proved:
            if not aside.has(name):
                _forget(folder)
                return ""
            if tree_of(aside.path / name) != removal.kept.tree:
                move(aside, name, shelf, name)
                _forget(folder)
                return "it was changed while its package was read back; drop anew what was changed"
            _note(folder).write([msgspec.structs.replace(removal, proved=True)])
        _remove_tree(aside, name)
        _remove_beside(removal.kept, shelf)
    except (OSError, PreservationError) as error:
        return (
            f"its package is kept, and what is left of it, in {printable(str(folder))}, cannot be removed "
            f"({error}); let the service write to it, or remove it by hand"
        )
    journal.append([_event(removal, shelf.path / name)])
    _forget(folder)
    return ""


def _remove_tree(aside: Shelf, name: str) -> None:
    if not aside.has(name):
        return
    drop = aside.path / name
    if drop.is_dir() and not drop.is_symlink():
        shutil.rmtree(drop)
    else:
        drop.unlink()


def _remove_beside(kept: Kept, shelf: Shelf) -> None:
    """Remove what lies beside the drop, unless another drop has got its name meanwhile, and these with it."""
    note = Records(shelf.path / f"{kept.name}{KEPT}", Kept)
    try:
        is_ours = [one.take for one in note.so_far] == [kept.take]
    except IntegrityError:
        is_ours = False
    if not is_ours or shelf.has(kept.name):
        return
    with shelf.opened() as folder:
        for name in (*kept.sentinels, *(f"{kept.name}{ending}" for ending in (*RECEIPTS, KEPT))):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


def _event(removal: Removal, path: Path) -> Event:
    kept = removal.kept
    return Event(
        event_id(SubmissionId(kept.take), EventType.DELETION),
        EventType.DELETION,
        removal.at,
        str(kept.package),
        EventOutcome.SUCCESS,
        f"the drop {printable(str(path))} is removed: its time in accepted/ is over",
        f"{kept.files} files, {kept.bytes} bytes; read back just before from {' and '.join(removal.stores)}",
        SOFTWARE,
    )


def _note(folder: Path) -> Records[Removal]:
    return Records(folder / "removal.json", Removal)


def _noted(folder: Path) -> Removal | None:
    try:
        [removal] = _note(folder)
    except (OSError, ValueError, IntegrityError):
        return None
    names = (*removal.below, removal.kept.name, *removal.kept.sentinels)
    return removal if all(map(is_name, names)) else None


def _forget(folder: Path) -> None:
    """Remove the folder where there is no drop in it; with one in it, it stays as it is."""
    with suppress(OSError):
        if (folder / _DROP).exists():
            (folder / _DROP).rmdir()
        shutil.rmtree(folder)
        folder.parent.rmdir()
