"""An alarm in words: a subject and a text for people, and a document for programs."""

from __future__ import annotations

from typing import Final

from flows.alarms.alarm import Alarm, AlarmKind

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
