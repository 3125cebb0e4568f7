"""An alarm: what somebody must hear of who is not looking."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

import msgspec

from preservation.model.paths import printable

AlarmId = NewType("AlarmId", str)
"""Names one alarm for good: hexadecimal text. Who gets an alarm twice knows it by this."""

AlarmKey = NewType("AlarmKey", str)
"""What an alarm is about, so that the same thing is told once."""

_LONGEST: Final = 4_000
"""Characters: so much of a sentence is told; the receipt has the rest."""


class AlarmKind(StrEnum):
    """What there is to be told."""

    GIVEN_UP = "given-up"
    INFECTED = "infected"
    INTEGRITY = "integrity-error"
    WAITING_TOO_LONG = "waiting-too-long"
    DID_NOT_RUN = "did-not-run"
    TOO_MANY = "too-many"
    TEST = "test"


class Alarm(msgspec.Struct, frozen=True):
    """``about`` is the object, or the job, and ``happened`` and ``next_step`` are sentences for a person.

    ``receipt`` is the path of the receipt, empty where there is none. All text is such as any terminal, mail
    or page can carry, on one line each.
    """

    id: AlarmId
    kind: AlarmKind
    key: AlarmKey
    about: str
    at: datetime
    happened: str
    next_step: str
    receipt: str = ""


def new_alarm(
    kind: AlarmKind,
    about: str,
    at: datetime,
    *,
    happened: str,
    next_step: str,
    receipt: str = "",
    key: str = "",
) -> Alarm:
    """Make an alarm. Those of one kind with one ``key`` are the same alarm; ``about`` is the default."""
    return Alarm(
        AlarmId(uuid.uuid4().hex),
        kind,
        AlarmKey(f"{kind} {printable(key or about)}"),
        _told(about),
        at,
        _told(happened),
        _told(next_step),
        _told(receipt),
    )


def _told(text: str) -> str:
    """Escape what could turn or break a line: names of files come from anybody."""
    line = printable(text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


_HEADLINES: Final = {
    AlarmKind.GIVEN_UP: "given up",
    AlarmKind.INFECTED: "infected",
    AlarmKind.INTEGRITY: "bytes are not what was promised",
    AlarmKind.WAITING_TOO_LONG: "has waited too long",
    AlarmKind.DID_NOT_RUN: "did not run",
    AlarmKind.TOO_MANY: "more alarms than are sent one by one",
    AlarmKind.TEST: "a test of the alarms",
}


def headline(alarm: Alarm) -> str:
    """Return what happened, on one line."""
    return f"{alarm.about}: {_HEADLINES[alarm.kind]}"


def text_of(alarm: Alarm, installation: str) -> str:
    """Return all of it, in plain words. ``installation`` is the directory, as people know it."""
    lines = [
        headline(alarm),
        "",
        f"What happened: {alarm.happened}",
        f"What to do: {alarm.next_step}",
    ]
    if alarm.receipt:
        lines.append(f"Receipt: {alarm.receipt}")
    lines += ["", f"Told at {alarm.at:%Y-%m-%d %H:%M} UTC by the installation {installation}.", ""]
    return "\n".join(lines)


def document_of(alarm: Alarm, installation: str) -> dict[str, str]:
    """Return what a webhook is sent. ``text`` is for receivers that only show text."""
    return {
        "id": alarm.id,
        "type": f"muniment.{alarm.kind}",
        "timestamp": f"{alarm.at:%Y-%m-%dT%H:%M:%SZ}",
        "object": alarm.about,
        "happened": alarm.happened,
        "next_step": alarm.next_step,
        "receipt": alarm.receipt,
        "installation": installation,
        "text": headline(alarm),
    }
