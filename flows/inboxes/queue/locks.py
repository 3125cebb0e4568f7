"""Being the only one at a time who does something with a take, or with all that is pending.

A lock is on a regular file that is opened for writing: on a folder, NFS and SMB lock for one machine only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flows.inboxes.queue.takes import Take
from flows.installation.areas import Area
from flows.installation.settings import Settings
from preservation.files.lock import locked

_TURNS: Final = ".turns"


@contextmanager
def locked_take(take: Take, *, wait: bool = True) -> Iterator[bool]:
    """Keep others from changing what is noted of the take; gives whether it is there, and ours.

    Without ``wait`` it is not ours where somebody else has it now. Raises ``OSError``.
    """
    if not take.folder.exists():
        yield False
        return
    place = _turns(Area(take.area)) / take.id
    with _locked(place, wait=wait) as ours:
        try:
            yield ours and take.folder.exists()
        finally:
            # No take ever has its name again, so whoever waits for the lock finds nothing to do.
            if ours and not take.folder.exists():
                place.unlink(missing_ok=True)


@contextmanager
def locked_backlog(settings: Settings, *, wait: bool = True) -> Iterator[bool]:
    """Keep other services of the installation from giving its takes to runs; gives whether it is ours to do.

    Raises ``OSError``.
    """
    with _locked(settings.state / "dispatch.lock", wait=wait) as ours:
        yield ours


@contextmanager
def locked_accepted(area: Area) -> Iterator[bool]:
    """Keep others from clearing the area; gives whether nobody else does so now. Raises ``OSError``."""
    with _locked(area.taken.parent / ".clear.lock", wait=False) as ours:
        yield ours


def remove_stale_locks(area: Area) -> None:
    """Remove the locks of takes that are no more, which somebody killed has left. Raises ``OSError``."""
    if not _turns(area).is_dir():
        return
    for place in _turns(area).iterdir():
        if not (area.taken / place.name).exists():
            place.unlink(missing_ok=True)


def _turns(area: Area) -> Path:
    return area.taken.parent / _TURNS


@contextmanager
def _locked(place: Path, *, wait: bool) -> Iterator[bool]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place, wait=wait) as ours:
        yield ours
