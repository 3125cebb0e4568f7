"""Locks: only one process at a time changes a take, the backlog, or ``accepted/``.

A lock is on a regular file that is opened for writing: on a folder, NFS and SMB lock for one machine only.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from flows.inboxes.queue.takes import Take
from flows.installation.areas import Area
from flows.installation.settings import Settings
from preservation.files.lock import locked

_TURNS: Final = ".turns"


@contextmanager
def locked_take(take: Take, *, wait: bool = True) -> Iterator[bool]:
    """Keep other processes from changing the take; yield whether it is there and locked by us.

    Without ``wait`` it is not locked where another process has it. Raises ``OSError``.
    """
    if not take.folder.exists():
        yield False
        return
    place = _turns(Area(take.area)) / take.id
    with _locked(place, wait=wait) as ours:
        try:
            yield ours and take.folder.exists()
        finally:
            # The name of a take is never used again, so a waiting process finds nothing to do.
            if ours and not take.folder.exists():
                place.unlink(missing_ok=True)


def locked_backlog(settings: Settings, *, wait: bool = True) -> AbstractContextManager[bool]:
    """Keep other services of the installation from dispatching; yield whether this one may.

    Raises ``OSError``.
    """
    return _locked(settings.state / "dispatch.lock", wait=wait)


def locked_accepted(area: Area) -> AbstractContextManager[bool]:
    """Keep other processes from clearing the area; yield whether this one may. Raises ``OSError``."""
    return _locked(area.taken.parent / ".clear.lock", wait=False)


def remove_stale_locks(area: Area) -> None:
    """Remove the locks that killed processes left of removed takes. Raises ``OSError``."""
    if not _turns(area).is_dir():
        return
    for place in _turns(area).iterdir():
        if not (area.taken / place.name).exists():
            place.unlink(missing_ok=True)


def _turns(area: Area) -> Path:
    return area.taken.parent / _TURNS


def _locked(place: Path, *, wait: bool) -> AbstractContextManager[bool]:
    place.parent.mkdir(parents=True, exist_ok=True)
    return locked(place, wait=wait)
