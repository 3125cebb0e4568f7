"""Marks of audits that have not ended: of what a killed one found, the next one raises the alarm."""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from flows.installation.processes import Process, this_process
from preservation.errors import IntegrityError
from preservation.records import Records

_LONGEST: Final = timedelta(days=7)
"""An audit of another machine, of which it is not known whether it lives, counts as ended after that."""


class AuditMark(msgspec.Struct, frozen=True):
    """An audit that began, and the process that is at it."""

    process: Process
    began: datetime


class AuditMarks:
    """The mark of one audit, and those of audits that were killed before it. Methods raise ``OSError``."""

    def __init__(self, folder: Path, began: datetime) -> None:
        self._began = began
        folder.mkdir(mode=0o750, exist_ok=True)
        self._killed = dict(_killed_in(folder, began))
        self._own = folder / f"{uuid4().hex}.jsonl"
        Records(self._own, AuditMark).write([AuditMark(this_process(), began)])

    @property
    def follows_a_killed_one(self) -> bool:
        """Whether damage may be recorded of which nobody was told."""
        return bool(self._killed)

    @property
    def unreported_since(self) -> datetime:
        """From when on damage was found of which nobody was told."""
        return min((self._began, *self._killed.values()))

    def remove(self) -> None:
        """Remove the marks, once what was found is told."""
        for path in (self._own, *self._killed):
            path.unlink(missing_ok=True)


def _killed_in(folder: Path, now: datetime) -> list[tuple[Path, datetime]]:
    killed: list[tuple[Path, datetime]] = []
    for path in folder.glob("*.jsonl"):
        # One that cannot be read is of no use; one that is gone has ended.
        with suppress(IntegrityError, FileNotFoundError):
            killed += [
                (path, mark.began)
                for mark in Records(path, AuditMark)
                if mark.process.is_dead or mark.began < now - _LONGEST
            ]
    return killed
