"""One look at a drop in a folder, from outside: how much there is, and whether anything is different."""

import errno
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from preservation.files.beneath import without_links_above
from preservation.long_paths import entries_of
from preservation.manifests.names import sidecars_beside
from preservation.model.paths import printable
from preservation.settling.promised import what_is_lacking
from preservation.settling.settle import Moment, Questions, Seen, Settled, Unsettled, settle
from preservation.settling.tally import Look, Tally
from preservation.settling.terms import SettlingTerms
from preservation.settling.writing import HeldOpen, file_held_in

_VANISHED: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}


def look_at(drop: Path, terms: SettlingTerms) -> Look | None:
    """Look at ``drop``, a folder or a file in an inbox; ``None`` where it is not there any more.

    Opens no file and follows no link. What vanishes during the look is passed over.
    """
    tally = Tally(drop.name, terms)
    try:
        drop = without_links_above(drop)
        found = drop.lstat()
    except OSError as error:
        return None if error.errno in _VANISHED else tally.look(is_folder=False, fault=reason_of(error))
    is_folder = stat.S_ISDIR(found.st_mode)
    tally.sign("", found)
    fault: OSError | None = None
    if is_folder:
        fault = _take_tree(tally, drop)
        if fault is not None and fault.errno in _VANISHED:
            return None
    else:
        tally.take_alone(found)
    sidecars = () if is_folder else tuple(_sidecars_beside(tally, drop))
    beside = _sentinels_beside(drop, terms)
    look = tally.look(is_folder=is_folder, beside=beside, fault=reason_of(fault) if fault else "")
    return replace(look, sidecars_beside=sidecars)


def _take_tree(tally: Tally, drop: Path) -> OSError | None:
    """Count all that is below ``drop``; return why not all of it could be counted."""
    for folder, entry in entries_of(drop):
        if isinstance(entry, OSError):
            if _hinders(tally, folder, entry):
                return entry
            continue
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError as error:
            if _hinders(tally, f"{folder}{entry.name}", error):
                return error
            continue
        tally.take(folder, entry.name, found)
    return None


def _hinders(tally: Tally, path: str, error: OSError) -> bool:
    """Say whether nothing is known of the drop because of ``error``.

    What vanished is no more; what must not be read below the drop's own folder is reported by the survey.
    """
    if path and error.errno in _VANISHED:
        return False
    if path and error.errno in _FORBIDDEN:
        tally.take_unreadable(path, error)
        return False
    return True


def _sidecars_beside(tally: Tally, drop: Path) -> Iterator[Path]:
    """Give the manifests of the one file that lie beside it; while they change, the drop does."""
    for name in sidecars_beside(drop.name):
        path = drop.with_name(name)
        try:
            found = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode):
            tally.sign(f"/{name}", found)
            yield path


def _sentinels_beside(drop: Path, terms: SettlingTerms) -> tuple[Path, ...]:
    candidates = [drop.with_name(f"{drop.name}{ending}") for ending in terms.sentinels_beside]
    return tuple(filter(_is_plain_file, candidates))


def _is_plain_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def reason_of(error: OSError) -> str:
    """Return what the system says is wrong, without any path."""
    return printable(error.strerror or str(error))


def judge(
    drop: Path, seen: Seen | None, terms: SettlingTerms, moment: Moment, held: Callable[[], HeldOpen]
) -> Settled | Unsettled | None:
    """Look at ``drop`` now, which is ``moment``, and say whether it is complete; ``None`` where it is gone.

    ``held`` is asked only where all else shows the drop complete, and may answer for a whole sweep.
    """
    look = look_at(drop, terms)
    if look is None:
        return None
    drop = without_links_above(drop)
    standing = _standing(drop, seen, look, terms, moment, held)
    if isinstance(standing, Unsettled):
        return standing
    # A process that wrote and closed a file after the look, before the open files were asked for, shows now.
    after = look_at(drop, terms)
    if after is None or after == look:
        return None if after is None else standing
    return _standing(drop, standing.seen, after, terms, moment, held)


def _standing(
    drop: Path, seen: Seen | None, look: Look, terms: SettlingTerms, at: Moment, held: Callable[[], HeldOpen]
) -> Settled | Unsettled:
    questions = Questions(lacking=lambda: what_is_lacking(drop), held=lambda: file_held_in(drop, held()))
    try:
        return settle(seen, look, terms, at, questions)
    except OSError as error:
        # A manifest cannot be read: the look was not a whole one, and is made again.
        return settle(seen, replace(look, fault=reason_of(error)), terms, at, questions)
