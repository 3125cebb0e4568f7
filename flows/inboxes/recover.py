"""What killed services left of takes: finished where the drop was answered, removed where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flows.inboxes.answer import finish_placing
from flows.inboxes.folder.inboxes import InboxFault
from flows.inboxes.folder.take import return_sentinels, take_sentinels
from flows.inboxes.queue.locks import remove_stale_locks
from flows.inboxes.queue.takes import remove_take, take_folders, take_of
from flows.installation.areas import Area
from flows.installation.log import LOG
from preservation.errors import IntegrityError, PreservationError
from preservation.model.paths import printable

_MOMENT_SECONDS: Final = 60
"""So long it takes at the very most from making a take's folder to saying what it is of."""

_DAY_SECONDS: Final = 86_400


def recover(area: Area) -> tuple[InboxFault, ...]:
    """Finish with takes that were begun or answered and not brought to an end; return what stands in the way.

    May be called at any time, by any number of services at once: a take that somebody is just making is
    left in peace, and a folder with a drop in it is never removed. Raises nothing; what cannot be done now is
    done the next time.
    """
    try:
        folders = take_folders(area)
        remove_stale_locks(area)
    except OSError as error:
        sentence = f"what was taken cannot be looked at ({error.strerror or error}); see to its disk"
        return (InboxFault(area.root, sentence),)
    return tuple(fault for folder in folders for fault in _recovered(folder, area))


def _recovered(folder: Path, area: Area) -> Iterator[InboxFault]:
    try:
        sentence = _recover(folder, area)
    except IntegrityError as error:
        sentence = (
            f"what was to become of the drop in it cannot be read any more ({error}); have it looked into "
            "again: muniment retry COLLECTION/OBJECT"
        )
    except (OSError, PreservationError) as error:
        sentence = f"its drop is answered, and cannot be put where people look ({error}); it is tried again"
    if sentence:
        LOG.warning("%s: %s", printable(str(folder)), sentence)
        yield InboxFault(folder, sentence)


def _recover(folder: Path, area: Area) -> str:
    """Do what can be done for one take; return what somebody has to do, if anything."""
    taken = take_of(folder, area)
    if taken is None:
        if _age(folder) <= _MOMENT_SECONDS or remove_take(folder):
            return ""
        return (
            "take.json in it does not say what it is of, so nothing becomes of it; move what lies in drop/ "
            "back into its inbox, then remove the folder"
        )
    if taken.bucket_inbox or finish_placing(taken):
        return ""
    if taken.has_drop:
        take_sentinels(taken)
    elif taken.is_being_removed or taken.by.is_dead or _age(folder) > _DAY_SECONDS:
        return_sentinels(taken)
        remove_take(folder)
    return ""


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
