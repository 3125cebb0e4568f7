"""What killed services left of takes: finished where the drop was answered, removed where there is none."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from flows.progress import LOG
from flows.watching.areas import Area
from flows.watching.placing import finish_placing
from flows.watching.taking import remove_take, take_folders, take_of, take_sentinels
from preservation.errors import StorageError

_MOMENT_SECONDS: Final = 60
"""So long it takes at the very most from making a take's folder to saying what it is of."""

_DAY_SECONDS: Final = 86_400


def recover(area: Area) -> None:
    """Finish with takes that were begun or answered and not brought to an end.

    May be called at any time, by any number of services at once: a take that somebody is just making is
    left in peace, and a folder with a drop in it is never removed. Raises nothing; what cannot be done now is
    done the next time.
    """
    try:
        folders = take_folders(area)
    except OSError as error:
        LOG.warning("%s: its takes cannot be looked at: %s", area.root, error)
        return
    for folder in folders:
        try:
            _recover(folder, area)
        except (OSError, StorageError) as error:
            LOG.warning("%s: left for now: %s", folder, error)


def _recover(folder: Path, area: Area) -> None:
    taken = take_of(folder, area)
    if taken is None:
        if _age(folder) > _MOMENT_SECONDS:
            remove_take(folder)
        return
    if finish_placing(taken):
        return
    if taken.has_drop:
        take_sentinels(taken)
    elif taken.is_being_removed or taken.by.is_dead or _age(folder) > _DAY_SECONDS:
        remove_take(folder)


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
