"""Alarms about what waits, fails or is given up in the inboxes and their queue."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.inboxes.queue.backlog import Pending
from flows.inboxes.queue.takes import Take
from flows.inboxes.report import PassedOverEntry, WaitingDrop
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict

_SEE_TO_RUNS: Final = "Check that Prefect and a worker run: muniment status."


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
            f"lies in {printable(str(take.path))}."
        ),
        key=f"{take.id} {since.isoformat()}",
    )


def waiting_too_long(pending: Iterable[Pending], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each take that has waited for a person or a first run longer than ``patience``."""
    for one in pending:
        take, attempts = one.take, one.attempts
        if attempts is not None and attempts.verdict is not Verdict.WAITING:
            continue
        since = take.at if attempts is None else attempts.at
        if at - since <= patience:
            continue
        waits = "for a run" if attempts is None else "for a person's decision"
        reason = "" if attempts is None else f" {attempts.sentence}"
        yield new_alarm(
            AlarmKind.WAITING_TOO_LONG,
            str(take.object_id),
            at,
            happened=f"It has waited {waits} since {since:%Y-%m-%d %H:%M} UTC.{reason}",
            next_step=_SEE_TO_RUNS if attempts is None else _decide(take),
            key=f"{take.id} {since.isoformat()}",
        )


def unsettled_too_long(waiting: Iterable[WaitingDrop], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each drop that has been incomplete in its inbox for longer than ``patience``."""
    for drop in waiting:
        if drop.since is None or at - drop.since <= patience:
            continue
        yield new_alarm(
            AlarmKind.WAITING_TOO_LONG,
            drop.path,
            at,
            happened=(
                f"It has lain in the inbox since {drop.since:%Y-%m-%d %H:%M} UTC and is not taken. "
                f"{_as_sentence(drop.sentence)}"
            ),
            next_step="Supply what it waits for, or remove it from the inbox; muniment status shows it.",
            key=f"{drop.path} {drop.since.isoformat()}",
        )


def failing_too_long(faults: Iterable[PassedOverEntry], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each fault of an inbox that has lasted longer than ``patience``."""
    for fault in faults:
        if fault.since is None or at - fault.since <= patience:
            continue
        yield new_alarm(
            AlarmKind.WAITING_TOO_LONG,
            fault.path,
            at,
            happened=(
                f"It has failed since {fault.since:%Y-%m-%d %H:%M} UTC. {_as_sentence(fault.sentence)}"
            ),
            next_step="Do what the message says; muniment status shows whether it still fails.",
            # The sentence may differ each time.
            key=f"fault {fault.path} {fault.since.isoformat()}",
        )


def _decide(take: Take) -> str:
    return (
        f'Decide: muniment approve {printable(str(take.object_id))} --because "…" --by "…"; '
        f"or move the drop out of {printable(str(take.path.parent))}."
    )


def _as_sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:].rstrip('.')}."
