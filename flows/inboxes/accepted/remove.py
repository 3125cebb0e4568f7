"""The removal of one drop from ``accepted/``: it is set aside in one step, checked once more, then removed.

The removal is recorded beside the drop before any step of it is done, so that another process can finish it
after a kill. The journal gets its event when nothing of the drop is left.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.answer import Kept
from flows.inboxes.drop_names import KEPT, RECEIPTS
from flows.inboxes.shelf import Shelf, is_name, move
from flows.installation.areas import Area
from flows.installation.wiring import SOFTWARE
from flows.submission.drop import tree_of
from preservation.errors import IntegrityError, fault_of
from preservation.files.tree import remove_tree
from preservation.model.amounts import count
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import StoreName, SubmissionId
from preservation.model.paths import printable
from preservation.records import Records
from storage.ports.journal import Journal

_ASIDE: Final = ".cleared"
_DROP: Final = "drop"


class Removal(msgspec.Struct, frozen=True):
    """A drop to remove: it lay ``below`` ``accepted/``, and its package was read back from ``stores``.

    ``proved`` means that the drop, set aside, was still what was kept.
    """

    below: tuple[str, ...]
    kept: Kept
    stores: tuple[StoreName, ...]
    at: datetime
    proved: bool = False


def remove(removal: Removal, area: Area, journal: Journal) -> str:
    """Remove the drop; return why it could not be removed, or ``""``.

    Raises ``StorageError`` where the journal does not accept the event, which is then written the next time.
    """
    folder = area.taken.parent / _ASIDE / secrets.token_hex(8)
    shelf, aside = Shelf(area.accepted, removal.below), Shelf(folder / _DROP)
    try:
        aside.make()
        _record(folder).write([removal])
        move(shelf, removal.kept.name, aside, removal.kept.name)
    except OSError as error:
        _remove_folder(folder)
        return (
            f"it cannot be moved out of its folder ({error.strerror or error}); let the service write to it, "
            "and to the folder that it lies in"
        )
    return _finish(folder, removal, area, journal)


def finish_removals(area: Area, journal: Journal) -> Iterator[tuple[Path, str]]:
    """Finish removals that were interrupted; yield the folders that still cannot be removed, and why.

    Raises ``StorageError`` like ``remove``.
    """
    root = area.taken.parent / _ASIDE
    try:
        folders = sorted(root.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        yield root, f"it cannot be read ({error.strerror or error})"
        return
    for folder in folders:
        removal = _read(folder)
        if removal is None:
            _remove_folder(folder)
            sentence = "its removal.json is missing or damaged; look into the folder, and remove it by hand"
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
                _remove_folder(folder)
                return ""
            if tree_of(aside.path / name) != removal.kept.tree:
                move(aside, name, shelf, name)
                _remove_folder(folder)
                return "it was changed while its package was read back; drop anew what was changed"
            _record(folder).write([msgspec.structs.replace(removal, proved=True)])
    except Exception as error:  # noqa: BLE001  the removals after it are finished in any case
        return (
            f"it lies in {printable(str(aside.path))} and could not be moved back ({fault_of(error)}); it is "
            "not proved that this very drop is kept: do not remove it, move it back to where it was"
        )
    try:
        _remove_tree(aside, name)
        _remove_beside(removal.kept, shelf)
    except Exception as error:  # noqa: BLE001  the removals after it are finished in any case
        return (
            f"its package is kept, and what is left of it, in {printable(str(folder))}, cannot be removed "
            f"({fault_of(error)}); let the service write to it, or remove it by hand"
        )
    journal.append([_event(removal, shelf.path / name)])
    _remove_folder(folder)
    return ""


def _remove_tree(aside: Shelf, name: str) -> None:
    if aside.has(name):
        remove_tree(aside.path / name)


def _remove_beside(kept: Kept, shelf: Shelf) -> None:
    """Remove the files beside the drop, unless they belong to another drop of that name by now."""
    record = Records(shelf.path / f"{kept.name}{KEPT}", Kept)
    try:
        is_ours = [one.take for one in record.so_far] == [kept.take]
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
        f"{count(kept.files, 'file')}, {count(kept.bytes, 'byte')}; read back just before "
        f"from {' and '.join(removal.stores)}",
        SOFTWARE,
    )


def _record(folder: Path) -> Records[Removal]:
    return Records(folder / "removal.json", Removal)


def _read(folder: Path) -> Removal | None:
    try:
        [removal] = _record(folder)
    except (OSError, ValueError, IntegrityError):
        return None
    names = (*removal.below, removal.kept.name, *removal.kept.sentinels)
    return removal if all(map(is_name, names)) else None


def _remove_folder(folder: Path) -> None:
    """Remove the folder, unless there is a drop in it."""
    with suppress(OSError):
        if (folder / _DROP).exists():
            (folder / _DROP).rmdir()
        remove_tree(folder)
        folder.parent.rmdir()
