"""How often a take was given to a run, and how that went: what survives a restart of whoever gives it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from flows.inboxes.queue.locks import locked_take
from flows.inboxes.queue.takes import Take
from flows.installation.log import LOG
from flows.installation.processes import Process, this_process
from preservation.errors import IntegrityError
from preservation.model.verdicts import Verdict
from preservation.records import Records


class Attempts(msgspec.Struct, frozen=True):
    """``runs`` were given the take, the last of them at ``at``, or it ended at that time with ``verdict``.

    Without a verdict the last run has not ended, or was killed. ``excused`` of the runs say nothing about the
    drop: they ended with the service that asked for them, or found its object in other hands. ``by`` is who
    asked for the last one.
    """

    runs: int
    at: datetime
    verdict: Verdict | None = None
    sentence: str = ""
    excused: int = 0
    by: Process | None = None


def attempts_of(take: Take) -> Attempts | None:
    """Return what is noted of the take; ``None`` where no run was given it yet. Raises ``OSError``."""
    try:
        return next(iter(_note(take).so_far), None)
    except FileNotFoundError:
        return None
    except IntegrityError as error:
        # At worst a run too many: what is kept already is not kept twice.
        LOG.warning("%s: it counts as given to no run yet: %s", take.object_id, error)
        return None


def attempts_file(take: Take) -> Path:
    """Return the file in which that is noted; it is another one each time that it changes."""
    return _note(take).path


def note_run(take: Take, at: datetime, before: Attempts | None) -> bool:
    """Note that a run is given the take now; say whether it is there. Raises ``OSError``.

    ``before`` is how its tries stand, as whoever gives it counts them.
    """
    runs, excused = (before.runs, before.excused) if before else (0, 0)
    return _write(take, Attempts(runs + 1, at, excused=excused, by=this_process()))


def note_end(take: Take, verdict: Verdict, sentence: str, at: datetime) -> None:
    """Note that the run ended with nothing for good: *interrupted*, or *waiting* for somebody."""
    with locked_take(take) as there:
        if there:
            before = attempts_of(take) or Attempts(1, at)
            _note(take).write([msgspec.structs.replace(before, at=at, verdict=verdict, sentence=sentence)])


def excuse_run(take: Take) -> None:
    """Note that the run which was given the take last found its object in other hands. Raises ``OSError``."""
    with locked_take(take) as there:
        tries = attempts_of(take) if there else None
        # With a verdict, it is the other run that has ended meanwhile.
        if tries is not None and tries.verdict is None:
            excused = min(tries.runs, tries.excused + 1)
            _note(take).write([msgspec.structs.replace(tries, excused=excused)])


def put_back_attempts(take: Take, before: Attempts | None) -> None:
    """Take back the note of a run that could not be asked for. Raises ``OSError``."""
    if before is None:
        forget_attempts(take)
    else:
        _write(take, before)


def forget_attempts(take: Take) -> None:
    """Let the take be given to a run at once, as if it were the first time: somebody mended what ailed it."""
    with locked_take(take) as there:
        if there:
            _note(take).path.unlink(missing_ok=True)


def _write(take: Take, tries: Attempts) -> bool:
    with locked_take(take) as there:
        if there:
            _note(take).write([tries])
        return there


def _note(take: Take) -> Records[Attempts]:
    return Records(take.folder / "tries.json", Attempts)
