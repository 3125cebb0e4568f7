"""Dates as the Extended Date/Time Format writes them (ISO 8601-2:2019, annex A), of levels 0 and 1.

Level 0 has dates, times, and intervals between two dates. Level 1 has seasons, years of more than four digits
or before the year 0, last digits that are not known (``19XX``, ``1985-XX``), what is uncertain or approximate
(``?``, ``~``, ``%``), and intervals that are open or unknown at one end.
"""

import re
from calendar import isleap
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal[0, 1]

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIMED = re.compile(
    r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:Z|[+-](?:0\d|1[0-4])(?::[0-5]\d)?)?", re.ASCII
)
_LEVEL_1 = re.compile(r"(-?\d{4}|-?\d{3}X|-?\d\dXX)(?:-(\d\d|XX)(?:-(\d\d|XX))?)?[?~%]?", re.ASCII)
_LONG_YEAR = re.compile(r"Y-?[1-9]\d{4,17}[?~%]?", re.ASCII)
_SEASONS: Final = frozenset({"21", "22", "23", "24"})
_OPEN: Final = frozenset({"", ".."})
_UNKNOWN: Final = "XX"
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY: Final = 2
_LONGEST: Final = 80

_Day: TypeAlias = tuple[int, int, int]


def is_edtf(text: str, level: Level) -> bool:
    """Say whether ``text`` is a date, a time or an interval of EDTF up to that level."""
    if len(text) > _LONGEST:
        return False
    if _TIMED.fullmatch(text) is not None:
        return _span(text[:10], level) is not None
    first, slash, last = text.partition("/")
    if not slash:
        return _is_date(text, level)
    if level == 1 and (first in _OPEN or last in _OPEN):
        return any(one not in _OPEN for one in (first, last)) and all(
            one in _OPEN or _is_date(one, level) for one in (first, last)
        )
    if not (_is_date(first, level) and _is_date(last, level)):
        return False
    begins, ends = _span(first, level), _span(last, level)
    # What ends before it begins is no interval. Of a year of more than four digits that is not looked at.
    return begins is None or ends is None or begins[0] <= ends[1]


def _is_date(text: str, level: Level) -> bool:
    if level == 1 and _LONG_YEAR.fullmatch(text) is not None:
        return True
    return _span(text, level) is not None


def _span(text: str, level: Level) -> tuple[_Day, _Day] | None:
    """Return the first and the last day that a date may be; ``None`` where it is no date."""
    found = (_LEVEL_1 if level else _DATE).fullmatch(text)
    if found is None or found[1] == "-0000":
        return None
    written, month, day = found[1], found[2], found[3]
    first, last = sorted((int(written.replace("X", "0")), int(written.replace("X", "9"))))
    if "X" in written and month is not None:
        # Only last digits are unknown; anything else is of level 2.
        return None
    if month is None or month == _UNKNOWN or (level and month in _SEASONS):
        # Of a month that is not known no day is, and a season has none.
        is_date = day is None or (day == _UNKNOWN and month == _UNKNOWN)
        return ((first, 1, 1), (last, 12, 31)) if is_date else None
    longest = _longest(int(month), is_leap=isleap(first))
    if day is None or day == _UNKNOWN:
        days = range(1, longest + 1)
    else:
        days = range(int(day), min(int(day), longest) + 1)
    return ((first, int(month), days[0]), (last, int(month), days[-1])) if days and days[0] else None


def _longest(month: int, *, is_leap: bool) -> int:
    """Return the number of days of a month, 0 where there is no such month."""
    if not 1 <= month <= len(_DAYS):
        return 0
    return 29 if month == _FEBRUARY and is_leap else _DAYS[month - 1]
