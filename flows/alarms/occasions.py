"""Alarms about the integrity of what is kept, and the test alarm."""

from collections.abc import Iterator
from datetime import datetime

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from preservation.errors import IntegrityError, SourceChangedError


def integrity_alarms(about: str, error: BaseException, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm where the error means that kept bytes are not what was promised.

    A drop that is still being written to raises no alarm: its receipt reports that to its depositor.
    """
    if isinstance(error, IntegrityError) and not isinstance(error, SourceChangedError):
        yield integrity_alarm(about, str(error), at)


def integrity_alarm(about: str, sentence: str, at: datetime) -> Alarm:
    """Return the alarm that kept bytes are not what was promised; ``sentence`` says which."""
    return new_alarm(
        AlarmKind.INTEGRITY,
        about,
        at,
        happened=sentence,
        next_step=(
            "Find out today who or what changed it, before you repair it: muniment doctor, muniment journal "
            "verify."
        ),
        key=f"{about} {sentence}",
    )


def trial_alarm(at: datetime) -> Alarm:
    """Return an alarm that is only a test of the channels."""
    return new_alarm(
        AlarmKind.TEST,
        "Muniment",
        at,
        happened="An operator sent this test with muniment doctor. Nothing is wrong.",
        next_step="Nothing: alarms reach you.",
    )
