"""Recovery of the takes that a killed service left: answered ones are finished, empty ones removed."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flows.inboxes.answer import finish_answered
from flows.inboxes.folder.inboxes import InboxFault
from flows.inboxes.folder.take import return_sentinels, take_sentinels
from flows.inboxes.queue.locks import remove_stale_locks
from flows.inboxes.queue.takes import remove_take, take_folders, take_of
from flows.inboxes.waiting_receipt import hide_waiting
from flows.installation.areas import Area
from flows.installation.log import LOG
from preservation.errors import IntegrityError, fault_of
from preservation.model.paths import printable

_MOMENT_SECONDS: Final = 60
"""The longest time from making a take's folder to writing its ``take.json``."""

_DAY_SECONDS: Final = 86_400


def recover(area: Area) -> tuple[InboxFault, ...]:
    """Finish takes that were begun or answered and not completed; return what prevents it.

    Any number of services may call it at any time: a take that another process is just making is left
    alone, and a folder with a drop in it is never removed. Raises nothing; what fails now is tried the next
    time.
    """
    try:
        folders = take_folders(area)
        remove_stale_locks(area)
    except OSError as error:
        sentence = f"the takes cannot be read ({error.strerror or error}); check its disk"
        return (InboxFault(area.root, sentence),)
    return tuple(fault for folder in folders for fault in _recovered(folder, area))


def _recovered(folder: Path, area: Area) -> Iterator[InboxFault]:
    try:
        sentence = _recover(folder, area)
    except IntegrityError as error:
        sentence = (
            f"the answer to the drop in it cannot be read ({error}); have the drop preserved again: "
            "muniment retry COLLECTION/OBJECT"
        )
    except Exception as error:  # noqa: BLE001  the takes after it are recovered in any case
        reason = fault_of(error)
        sentence = f"its drop is answered and cannot be moved to its place ({reason}); it is tried again"
    if sentence:
        LOG.warning("%s: %s", printable(str(folder)), sentence)
        yield InboxFault(folder, sentence)


def _recover(folder: Path, area: Area) -> str:
    """Do what can be done for one take; return what the operator has to do, if anything."""
    taken = take_of(folder, area)
    if taken is None:
        if _age(folder) <= _MOMENT_SECONDS or remove_take(folder):
            return ""
        return (
            "its take.json is missing or damaged, so it cannot be preserved; move what lies in drop/ back "
            "into its inbox, then remove the folder"
        )
    if taken.bucket_inbox or finish_answered(taken):
        return ""
    if taken.has_drop:
        take_sentinels(taken)
    elif taken.is_being_removed or taken.by.is_dead or _age(folder) > _DAY_SECONDS:
        return_sentinels(taken)
        hide_waiting(taken)
        remove_take(folder)
    return ""


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
