"""Moments as text: RFC 3339 in UTC, always with microseconds and ``Z``, so that text order is time order."""

import re
from datetime import UTC, datetime

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def moment_text(at: datetime) -> str:
    """Return ``at`` as ``2026-11-21T01:15:00.000000Z``. Raises ``ValueError`` where it has no zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; give it in UTC")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_moment(text: str) -> datetime:
    """Return the moment that ``text`` gives. Raises ``ValueError`` where it is written otherwise."""
    if _MOMENT.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a moment; they are written 2026-11-21T01:15:00.000000Z")
    return datetime.fromisoformat(text)
