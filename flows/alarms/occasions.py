"""Alarms about the integrity of what is kept, the notice of the journal's head, and the test alarm."""

from collections.abc import Iterator
from datetime import datetime

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from preservation.errors import IntegrityError, SourceChangedError
from preservation.model.amounts import count
from storage.journal.heads import head_line
from storage.ports.journal import SignedHead


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
            "verify. Then close it: muniment alarms."
        ),
        key=f"{about} {sentence}",
    )


def lost_alarm(about: str, sentence: str, at: datetime) -> Alarm:
    """Return the alarm that no replica has a file as it was kept; ``sentence`` says which."""
    return new_alarm(
        AlarmKind.INTEGRITY,
        about,
        at,
        happened=sentence,
        next_step=(
            "Look for it in a backup of a store, and put it back there; nothing was touched. What is left of "
            "it, and where: muniment repair --all --dry-run. Then close this alarm: muniment alarms."
        ),
        key=f"{about} {sentence}",
    )


def disaster_alarm(objects: int, at: datetime) -> Alarm:
    """Return the alarm that more than so many ``objects`` are damaged, and none is repaired by itself."""
    return new_alarm(
        AlarmKind.INTEGRITY,
        "the stores",
        at,
        happened=(
            f"More than {count(objects, 'object')} are damaged. That is no bit rot: nothing is repaired that "
            "no person approved."
        ),
        next_step=(
            "Find out today what happened to which store: muniment doctor. Then approve what is to be "
            'repaired: muniment repair approve NUMBER... --because "…" --by "…".'
        ),
        key="disaster",
    )


def head_notice(signed: SignedHead, at: datetime) -> Alarm:
    """Return the notice that has a signed head of the journal, for a receiver who keeps it."""
    return new_alarm(
        AlarmKind.JOURNAL_HEAD,
        "the journal",
        at,
        happened=head_line(signed).decode().rstrip(),
        next_step=(
            "Keep this message where Muniment cannot write. A file of such messages is a witness: muniment "
            "journal verify --witness FILE."
        ),
        key=f"{signed.head.seq} {signed.head.hash}",
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
