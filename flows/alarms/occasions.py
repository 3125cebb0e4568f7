"""Alarms about kept bytes, and the alarm that is only a test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from preservation.errors import IntegrityError, SourceChangedError


def broken_promises(about: str, error: BaseException, at: datetime) -> Iterator[Alarm]:
    """Give an alarm where the error is that kept bytes are not what was promised.

    That somebody goes on writing to a drop is no such thing: its receipt says so to who dropped it.
    """
    if isinstance(error, IntegrityError) and not isinstance(error, SourceChangedError):
        yield integrity(about, str(error), at)


def integrity(about: str, sentence: str, at: datetime) -> Alarm:
    """Tell that kept bytes are not what was promised, as ``sentence`` says."""
    return new_alarm(
        AlarmKind.INTEGRITY,
        about,
        at,
        happened=sentence,
        next_step=(
            "Find out today who or what changed it, before anything is mended: muniment doctor, muniment "
            "journal verify."
        ),
        key=f"{about} {sentence}",
    )


def trial_alarm(at: datetime) -> Alarm:
    """Return an alarm that says that it is none."""
    return new_alarm(
        AlarmKind.TEST,
        "Muniment",
        at,
        happened="Somebody asked muniment doctor to send this. Nothing is wrong.",
        next_step="Nothing: alarms reach you.",
    )
