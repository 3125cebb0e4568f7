"""How often a take was given to a run, and how that went: what survives a restart of whoever gives it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from flows.watching.taking import Take
from preservation.model.verdicts import Verdict
from preservation.records import Records


class Tries(msgspec.Struct, frozen=True):
    """``runs`` were given the take, the last of them at ``at``, or it ended at that time with ``verdict``.

    Without a verdict the last run has not ended, or was killed.
    """

    runs: int
    at: datetime
    verdict: Verdict | None = None
    sentence: str = ""


def tries_of(take: Take) -> Tries | None:
    """Return what is noted of the take; ``None`` where no run was given it yet."""
    return next(iter(_note(take).so_far), None)


def tries_file(take: Take) -> Path:
    """Return the file in which that is noted; it is another one each time that it changes."""
    return _note(take).path


def note_run(take: Take, at: datetime) -> None:
    """Note that a run is given the take now. Raises ``OSError``."""
    before = tries_of(take)
    _note(take).write([Tries((before.runs if before else 0) + 1, at)])


def note_end(take: Take, verdict: Verdict, sentence: str, at: datetime) -> None:
    """Note that the run ended with nothing for good: *interrupted*, or *waiting* for somebody."""
    before = tries_of(take)
    _note(take).write([Tries(before.runs if before else 1, at, verdict, sentence)])


def put_back_tries(take: Take, before: Tries | None) -> None:
    """Take back the note of a run that could not be asked for."""
    if before is None:
        forget_tries(take)
    else:
        _note(take).write([before])


def forget_tries(take: Take) -> None:
    """Let the take be given to a run at once, as if it were the first time: somebody mended what ailed it."""
    _note(take).path.unlink(missing_ok=True)


def _note(take: Take) -> Records[Tries]:
    return Records(take.folder / "tries.json", Tries)
