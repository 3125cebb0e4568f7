"""An alarm: a notice for an operator who is not looking at the log."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

import msgspec

from preservation.model.paths import printable

AlarmId = NewType("AlarmId", str)
"""The permanent name of one alarm: hexadecimal text. A receiver recognises a repeated alarm by it."""

AlarmKey = NewType("AlarmKey", str)
"""The subject of an alarm. Alarms with the same key are sent once."""

_RUN: Final = "run "

_LONGEST_SENTENCE: Final = 4_000
"""Characters of a sentence that are sent; the receipt has the rest."""


class AlarmKind(StrEnum):
    """The kinds of alarms."""

    GIVEN_UP = "given-up"
    HELD = "held"
    INFECTED = "infected"
    INTEGRITY = "integrity-error"
    WAITING_TOO_LONG = "waiting-too-long"
    DID_NOT_RUN = "did-not-run"
    TOO_MANY = "too-many"
    JOURNAL_HEAD = "journal-head"
    TEST = "test"


NOTICES: Final = frozenset({AlarmKind.JOURNAL_HEAD, AlarmKind.TOO_MANY, AlarmKind.TEST})
"""These report nothing that could be open."""

CLOSED_BY_PEOPLE: Final = frozenset({AlarmKind.INFECTED, AlarmKind.INTEGRITY})
"""These are open until an operator closes them; the others until what they report is over."""


class Alarm(msgspec.Struct, frozen=True):
    """``about`` is the object or the job; ``happened`` and ``next_step`` are sentences for a person.

    ``receipt`` is the path of the receipt, empty where there is none. Each text is one line of characters
    that any terminal, mail or page can show.
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
    """Return an alarm. Alarms of one kind with one ``key``, by default ``about``, are the same alarm."""
    return Alarm(
        AlarmId(uuid.uuid4().hex),
        kind,
        AlarmKey(f"{kind} {printable(key or about)}"),
        _as_line(about),
        at,
        _as_line(happened),
        _as_line(next_step),
        _as_line(receipt),
    )


def is_about_run(alarm: Alarm) -> bool:
    """Return whether the alarm is about a run that does not end: its key is that of ``run_key``."""
    return alarm.key.startswith(f"{AlarmKind.WAITING_TOO_LONG} {_RUN}")


def run_key(run: object) -> str:
    """Return the key of an alarm about a run that does not end."""
    return f"{_RUN}{run}"


def _as_line(text: str) -> str:
    """Return the text as one line. Names of files come from outside, and may hold control characters."""
    line = printable(text)
    return line if len(line) <= _LONGEST_SENTENCE else f"{line[:_LONGEST_SENTENCE]} …"


_HEADLINES: Final = {
    AlarmKind.GIVEN_UP: "given up",
    AlarmKind.HELD: "held",
    AlarmKind.INFECTED: "infected",
    AlarmKind.INTEGRITY: "bytes are not what was promised",
    AlarmKind.WAITING_TOO_LONG: "has waited too long",
    AlarmKind.DID_NOT_RUN: "did not run",
    AlarmKind.TOO_MANY: "more alarms than are sent one by one",
    AlarmKind.JOURNAL_HEAD: "the newest signed head, to be kept",
    AlarmKind.TEST: "a test of the alarms",
}


def headline(alarm: Alarm) -> str:
    """Return what happened, in one line."""
    return f"{alarm.about}: {_HEADLINES[alarm.kind]}"


def text_of(alarm: Alarm, installation: str) -> str:
    """Return the alarm as plain text. ``installation`` is the installation's directory."""
    lines = [
        headline(alarm),
        "",
        f"What happened: {alarm.happened}",
        f"What to do: {alarm.next_step}",
    ]
    if alarm.receipt:
        lines.append(f"Receipt: {alarm.receipt}")
    lines += ["", f"Raised at {alarm.at:%Y-%m-%d %H:%M} UTC by the installation {installation}.", ""]
    return "\n".join(lines)


def document_of(alarm: Alarm, installation: str) -> dict[str, str]:
    """Return the document that a webhook receives. ``text`` is for receivers that only show text."""
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
