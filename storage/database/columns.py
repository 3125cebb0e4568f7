"""Column types that hold the model's values alike in every database."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import Dialect, LargeBinary, String
from sqlalchemy.types import TypeDecorator

from storage.moments import moment_text, parse_moment


class Moment(TypeDecorator[datetime]):
    """A moment in UTC as text; databases differ too much in what they make of a date."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write it."""
        del dialect
        return None if value is None else moment_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read it."""
        del dialect
        return None if value is None else parse_moment(value)


class FilePath(TypeDecorator[Path]):
    """A path of the file system as the bytes it is: it need not be text."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: Dialect) -> bytes | None:
        """Write it."""
        del dialect
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Path | None:
        """Read it."""
        del dialect
        return None if value is None else Path(os.fsdecode(value))
