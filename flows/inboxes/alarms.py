"""Alarms about what waits, fails or is given up in the inboxes and their queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.inboxes.queue.backlog import Pending
from flows.inboxes.queue.takes import Take
from flows.inboxes.report import PassedOverEntry, WaitingDrop
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict

_SEE_TO_RUNS: Final = "See that Prefect and a worker run: muniment status."


def given_up(take: Take, sentence: str, at: datetime, since: datetime) -> Alarm:
    """Tell that no run is given the take any more; ``sentence`` says why, as operators are told it.

    Its last run was of ``since``: given up again, after somebody had it tried again, it is told again.
    """
    happened = sentence.removeprefix(f"{take.object_id}: ")
    return new_alarm(
        AlarmKind.GIVEN_UP,
        str(take.object_id),
        at,
        happened=happened[:1].upper() + happened[1:],
        next_step=(
            f"Mend that, then: muniment retry {printable(str(take.object_id))}. Until then the drop lies in "
            f"{printable(str(take.path))}."
        ),
        key=f"{take.id} {since.isoformat()}",
    )


def waiting_too_long(pending: Iterable[Pending], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Give an alarm for each take that has waited for a person, or a first run, for over ``patience``."""
    for one in pending:
        take, tries = one.take, one.tries
        if tries is not None and tries.verdict is not Verdict.WAITING:
            continue
        since = take.at if tries is None else tries.at
        if at - since <= patience:
            continue
        waits = "for a run" if tries is None else "for somebody's decision"
        told = "" if tries is None else f" {tries.sentence}"
        yield new_alarm(
            AlarmKind.WAITING_TOO_LONG,
            str(take.object_id),
            at,
            happened=f"It has waited {waits} since {since:%Y-%m-%d %H:%M} UTC.{told}",
            next_step=_SEE_TO_RUNS if tries is None else _decide(take),
            key=f"{take.id} {since.isoformat()}",
        )


def unsettled_too_long(waiting: Iterable[WaitingDrop], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Give an alarm for each drop that has lain in its inbox, not complete, for over ``patience``."""
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
            next_step="See to what it waits for, or take it out of the inbox; muniment status shows it.",
            key=f"{drop.path} {drop.since.isoformat()}",
        )


def failing_too_long(faults: Iterable[PassedOverEntry], patience: timedelta, at: datetime) -> Iterator[Alarm]:
    """Give an alarm for each fault of an inbox that has lasted for over ``patience``."""
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
            next_step="See to what it says; muniment status shows whether it still fails.",
            # What it says may be another each time.
            key=f"fault {fault.path} {fault.since.isoformat()}",
        )


def _decide(take: Take) -> str:
    return (
        f'Decide: muniment approve {printable(str(take.object_id))} --because "…" --by "…"; '
        f"or move the drop out of {printable(str(take.path.parent))}."
    )


def _as_sentence(told: str) -> str:
    return f"{told[:1].upper()}{told[1:].rstrip('.')}."
