"""The attempts to preserve a take: how often it was given to a run, and the result, across restarts."""

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
    """``runs`` were given the take; the last one began at ``at``, or ended at that time with ``verdict``.

    Without a verdict the last run has not ended, or was killed. ``excused`` runs do not count against the
    drop: they ended with the service that asked for them, or another run was working on the object. ``by``
    is the process that asked for the last one.
    """

    runs: int
    at: datetime
    verdict: Verdict | None = None
    sentence: str = ""
    excused: int = 0
    by: Process | None = None


def attempts_of(take: Take) -> Attempts | None:
    """Return the take's attempts; ``None`` where it was given to no run yet. Raises ``OSError``."""
    try:
        return next(iter(_record(take).so_far), None)
    except FileNotFoundError:
        return None
    except IntegrityError as error:
        # At worst one run too many: what is kept already is not kept twice.
        LOG.warning("%s: it counts as given to no run yet: %s", take.object_id, error)
        return None


def attempts_file(take: Take) -> Path:
    """Return the file of the attempts; each change replaces it by a new file."""
    return _record(take).path


def record_run(take: Take, at: datetime, before: Attempts | None) -> bool:
    """Record that the take is given to a run now; return whether the take exists. Raises ``OSError``.

    ``before`` are its attempts so far, as the dispatcher counts them.
    """
    runs, excused = (before.runs, before.excused) if before else (0, 0)
    return set_attempts(take, Attempts(runs + 1, at, excused=excused, by=this_process()))


def record_end(take: Take, verdict: Verdict, sentence: str, at: datetime) -> None:
    """Record that the run ended for now: *interrupted*, or *waiting* for a person."""
    with locked_take(take) as there:
        if there:
            before = attempts_of(take) or Attempts(1, at)
            _record(take).write([msgspec.structs.replace(before, at=at, verdict=verdict, sentence=sentence)])


def excuse_run(take: Take) -> None:
    """Record that the take's last run found another run working on its object. Raises ``OSError``."""
    with locked_take(take) as there:
        attempts = attempts_of(take) if there else None
        # With a verdict, it is the other run that has ended meanwhile.
        if attempts is not None and attempts.verdict is None:
            excused = min(attempts.runs, attempts.excused + 1)
            _record(take).write([msgspec.structs.replace(attempts, excused=excused)])


def forget_attempts(take: Take) -> None:
    """Let the take be given to a run at once, as the first time, since the cause was repaired."""
    set_attempts(take, None)


def set_attempts(take: Take, attempts: Attempts | None) -> bool:
    """Set the attempts, or restore those from before a run; return whether the take exists.

    Raises ``OSError``.
    """
    with locked_take(take) as there:
        if there and attempts is None:
            _record(take).path.unlink(missing_ok=True)
        elif there and attempts is not None:
            _record(take).write([attempts])
        return there


def _record(take: Take) -> Records[Attempts]:
    return Records(take.folder / "tries.json", Attempts)
