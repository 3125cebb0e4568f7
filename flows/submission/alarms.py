"""Alarms about drops in which malware was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.submission.answer import SubmissionResult
from preservation.virus.codes import INFECTED


def infected_among(told: Iterable[SubmissionResult]) -> Iterator[Alarm]:
    """Give an alarm for each drop in which malware was found."""
    for one in told:
        if any(issue.code == INFECTED for issue in (*one.ending.issues, *one.issues)):
            yield new_alarm(
                AlarmKind.INFECTED,
                one.object,
                one.ending.at,
                happened=one.ending.sentence,
                next_step="Do not open it; tell whoever looks after the computers that it came from.",
                receipt=str(one.receipt or ""),
                # Each try of one submission has the same receipt; dropped once more, it is told once more.
                key=str(one.receipt or f"{one.object} {one.ending.at.isoformat()}"),
            )
