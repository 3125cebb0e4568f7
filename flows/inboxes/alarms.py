"""Alarms about what waits, fails or is given up in the inboxes and their queue."""

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.inboxes.queue.backlog import Pending
from flows.inboxes.queue.holds import Hold
from flows.inboxes.queue.takes import Take
from flows.inboxes.report import PassedOverEntry, WaitingDrop
from flows.installation.job_records import CLOCKS_APART
from flows.submission.answer import answering_commands
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict

_OBJECTS_NAMED: Final = 5
_CHECK_RUNS: Final = "Check that Prefect and a worker run: muniment status."


def given_up(take: Take, sentence: str, at: datetime, since: datetime) -> Alarm:
    """Return the alarm of a take that is given to no further run; ``sentence`` says why.

    ``since`` is the time of its last run: given up again after a retry, it is a new alarm.
    """
    happened = sentence.removeprefix(f"{take.object_id}: ")
    return new_alarm(
        AlarmKind.GIVEN_UP,
        str(take.object_id),
        at,
        happened=happened[:1].upper() + happened[1:],
        next_step=(
            f"Repair that, then: muniment retry {printable(str(take.object_id))}. Until then the drop "
            f"lies in {printable(str(take.path))}; moved away from there, it is not tried again."
        ),
        key=_attempt_key(take, since),
    )


def is_given_up(alarm: Alarm, pending: Iterable[Pending], at: datetime) -> bool:
    """Return whether the take of this alarm is given up still: no run was given it since."""
    for one in pending:
        if one.attempts is not None and alarm.key.startswith(f"{AlarmKind.GIVEN_UP} {one.take.id} "):
            # After the clock was set back, the time of the last run is not the one on record.
            is_last = alarm.key.endswith(_attempt_key(one.take, one.attempts.at)) or one.attempts.at > at
            return is_last and one.attempts.verdict is not Verdict.WAITING
    return False


def held(hold: Hold, at: datetime) -> Alarm:
    """Return the alarm that a place is held, since drop after drop was sent back for the same fault."""
    place = hold.place
    return new_alarm(
        AlarmKind.HELD,
        str(place),
        at,
        happened=(
            f"{hold.because}, the last of them {', '.join(hold.objects[-_OBJECTS_NAMED:])}. What waits "
            "there, and what arrives, stays where it is."
        ),
        next_step=(
            "Find out why with whoever drops there: the receipts in rejected/ show the fault. Then: muniment "
            f"release {shlex.quote(place.name)}"
        ),
        key=f"{place} {hold.at.isoformat()}",
    )


def is_held(alarm: Alarm, holds: Iterable[Hold]) -> bool:
    """Return whether what this alarm reports is held still."""
    return any(held(hold, hold.at).key == alarm.key for hold in holds)


def waiting_too_long(pending: Iterable[Pending], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each take that has waited for a person or a first run longer than ``patience``.

    One that waits since a time that is yet to come may have waited for any time: the clock was set back.
    """
    for one in pending:
        take, attempts = one.take, one.attempts
        if attempts is not None and attempts.verdict is not Verdict.WAITING:
            continue
        since = take.at if attempts is None else attempts.at
        is_ahead = since - at > CLOCKS_APART
        if at - since <= patience and not is_ahead:
            continue
        waits = "for a run" if attempts is None else "for a person's decision"
        reason = "" if attempts is None else f" {attempts.sentence}"
        set_back = ", which is yet to come: a clock was set back" if is_ahead else ""
        yield new_alarm(
            AlarmKind.WAITING_TOO_LONG,
            str(take.object_id),
            at,
            happened=f"It has waited {waits} since {_moment(since)}{set_back}.{reason}",
            next_step=_CHECK_RUNS if attempts is None else _decide(take),
            key=_attempt_key(take, since),
        )


def unsettled_too_long(waiting: Iterable[WaitingDrop], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each drop that has been incomplete in its inbox for longer than ``patience``."""
    for drop in waiting:
        if drop.since is not None and at - drop.since > patience:
            happened = f"It has lain in the inbox since {_moment(drop.since)} and is not taken."
            next_step = "Supply what it waits for, or remove it from the inbox; muniment status shows it."
            yield _too_long(drop, happened, next_step, f"{drop.path} {drop.since.isoformat()}", at)


def failing_too_long(faults: Iterable[PassedOverEntry], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each fault of an inbox that has lasted longer than ``patience``."""
    for fault in faults:
        if fault.since is not None and at - fault.since > patience:
            happened = f"It has failed since {_moment(fault.since)}."
            next_step = "Do what the message says; muniment status shows whether it still fails."
            # The sentence may differ each time, so it is no part of the key.
            yield _too_long(fault, happened, next_step, f"fault {fault.path} {fault.since.isoformat()}", at)


def _too_long(
    about: WaitingDrop | PassedOverEntry, happened: str, next_step: str, key: str, at: datetime
) -> Alarm:
    sentence = f"{about.sentence[:1].upper()}{about.sentence[1:].rstrip('.')}."
    kind = AlarmKind.WAITING_TOO_LONG
    return new_alarm(kind, about.path, at, happened=f"{happened} {sentence}", next_step=next_step, key=key)


def _attempt_key(take: Take, since: datetime) -> str:
    return f"{take.id} {since.isoformat()}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _decide(take: Take) -> str:
    approve, refuse = answering_commands(take.object_id)
    return f"Decide: {approve}; or: {refuse}."
