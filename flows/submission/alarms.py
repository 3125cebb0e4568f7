"""Alarms about drops in which malware was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.submission.answer import SubmissionResult


def infected_among(results: Iterable[SubmissionResult]) -> Iterator[Alarm]:
    """Yield an alarm for each drop in which malware was found."""
    for result in results:
        if result.is_infected:
            yield new_alarm(
                AlarmKind.INFECTED,
                result.object,
                result.ending.at,
                happened=result.ending.sentence,
                next_step="Do not open it; notify the administrators of the computers that it came from.",
                receipt=str(result.receipt or ""),
                # Each try of one submission has the same receipt; a new drop raises a new alarm.
                key=str(result.receipt or f"{result.object} {result.ending.at.isoformat()}"),
            )
