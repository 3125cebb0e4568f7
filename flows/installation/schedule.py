"""The times of a cron expression in a timezone: five fields, as in ``crontab(5)``.

Prefect reads the expression with its own parser. What the two parsers read differently is rejected here.
"""

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

_FIELDS: Final = ("minute", "hour", "day of the month", "month", "day of the week")
_NUMBERS: Final = re.compile(r"[0-9*,/-]+")
_NUMBERS_OR_NAMES: Final = re.compile(r"([0-9*,/-]|\b[a-z]{3}\b)+", re.IGNORECASE)
_ANY: Final = "*"
_EXAMPLE: Final = '"30 2 * * *" is every day at half past two'


class Schedule(msgspec.Struct, frozen=True):
    """The times of ``cron`` in ``timezone`` (IANA); both are valid."""

    cron: str
    timezone: str

    def latest(self, at: datetime) -> datetime:
        """Return the last of the times that is not after ``at``, in UTC."""
        local = at.astimezone(ZoneInfo(self.timezone))
        # Backwards from a fraction of a second, that second is the first one considered.
        latest: datetime = next(CronSim(self.cron, local.replace(microsecond=1), reverse=True))
        return latest.astimezone(UTC)


def require_cron(text: str) -> str:
    """Return the cron expression with single spaces; raise ``ValueError`` where it is invalid."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"it must have five fields ({', '.join(_FIELDS)}), or be empty for never: {_EXAMPLE}"
        )
    for name, field in zip(_FIELDS, fields, strict=True):
        form = _NUMBERS_OR_NAMES if name in {"month", "day of the week"} else _NUMBERS
        if not form.fullmatch(field):
            raise ValueError(f"{field!r} names no {name}: {_EXAMPLE}")
    if fields[2] != _ANY and fields[4] != _ANY:
        raise ValueError("it must name days of the month or days of the week, not both: one of them is *")
    cron = " ".join(fields)
    try:
        CronSim(cron, datetime.now(UTC))
    except CronSimError as error:
        wrong = str(error).removeprefix("Bad ").replace("day-of-month", "day of the month")
        raise ValueError(
            f"its {wrong.replace('day-of-week', 'day of the week')} is invalid: {_EXAMPLE}"
        ) from error
    return cron


def require_timezone(name: str) -> str:
    """Return the name of the timezone; raise ``ValueError`` where it does not exist."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'there is no timezone {name!r}; write it as "Europe/Berlin", or "UTC"') from error
    return name
