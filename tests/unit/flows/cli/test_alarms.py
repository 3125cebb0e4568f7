"""``muniment alarms``: what is open, who was told, and how it is closed."""

from __future__ import annotations

import json
import logging

import pytest
from services.alarm_receivers import NOON, an_alarm
from support.commands import Result, invoked
from support.takes import a_take, an_area

from flows.alarms.alarms import channels_of, outbox_of, raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.inboxes.alarms import given_up
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings


def asked(settings: Settings, *words: str) -> Result:
    return invoked(*words, "-C", str(settings.directory))


def lines(settings: Settings, *words: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in asked(settings, *words, "--json").stdout.splitlines()]


def test_nothing_is_open_where_nothing_was_raised(settings: Settings):
    result = asked(settings, "alarms")
    assert result.stdout == "No alarm is open.\n"
    # Nobody would have raised one about what waits.
    assert "may have no alarm yet. The inboxes are not watched" in result.stderr
    assert lines(settings, "alarms") == []


def test_what_is_open_says_what_since_when_who_was_told_and_what_to_do(settings: Settings):
    file = settings.directory / "muniment.toml"
    mail = '[alarms.mail]\nhost = "localhost"\nfrom = "muniment@example.org"\nto = ["archive@example.org"]\n'
    file.write_text(f"{file.read_text()}\n{mail}")
    settings = load_settings(settings.directory)
    raise_alarm(settings, an_alarm())
    [line] = lines(settings, "alarms")
    description = "e-mail by localhost:587 to archive@example.org"
    assert line["to_be_told"] == [description]
    outbox, (channel,) = outbox_of(settings), channels_of(settings)
    outbox.record_delivery(outbox.waiting()[0], channel.name, NOON)
    [line] = lines(settings, "alarms")
    assert line["told"] == [{"channel": description, "at": "2026-11-21T12:00:00Z"}]
    assert (line["alarm"], line["object"], line["closed_by"]) == ("given-up", "maps/sheet-012", "service")
    shown = asked(settings, "alarms").stdout
    for words in (
        "maps/sheet-012: given up  since 21 Nov 2026, 12:00",
        "It was given up after 5 runs.",
        f"told 21 Nov 2026, 12:00 by {description}",
        "→ Mend the store.",
    ):
        assert words in shown


def test_status_and_doctor_count_what_is_open(settings: Settings):
    raise_alarm(settings, an_alarm())
    [line] = lines(settings, "status")
    assert line["open_alarms"] == 1
    shown = asked(settings, "status").stdout
    assert (
        "Open alarms: 1\n  maps/sheet-012: given up  since 21 Nov 2026, 12:00\n  → muniment alarms" in shown
    )
    assert any(one["what"] == "open alarms" for one in lines(settings, "doctor"))


def test_an_alarm_about_what_is_kept_is_closed_by_a_person_who_stands_in_log_and_journal(
    settings: Settings, caplog: pytest.LogCaptureFixture
):
    raise_alarm(settings, integrity_alarm("store first", "page 1 was changed", NOON))
    [line] = lines(settings, "alarms")
    assert line["closed_by"] == "person"
    begin = str(line["id"])[:8]
    assert f"muniment alarms close {begin} --because" in asked(settings, "alarms").stdout
    caplog.set_level(logging.WARNING)
    words = ("alarms", "close", begin, "--because", "disk exchanged", "--by", "A. Turner")
    assert asked(settings, *words).exit_code == 0
    assert any("by A. Turner: disk exchanged" in record.getMessage() for record in caplog.records)
    assert lines(settings, "alarms") == []
    [entry] = lines(settings, "journal", "show", "store first")
    assert (entry["event_type"], entry["note"]) == ("policy assignment", "disk exchanged")
    assert entry["agent"] == {"kind": "person", "name": "A. Turner", "version": ""}
    assert str(entry["detail"]).startswith("the alarm of 2026-11-21 12:00 UTC was closed: store first: ")
    assert str(entry["detail"]).endswith("page 1 was changed")


def test_no_other_alarm_is_closed_by_a_person(settings: Settings):
    take = a_take(an_area(settings.directory))
    raise_alarm(settings, given_up(take, "It is so.", NOON, NOON))
    raise_alarm(settings, integrity_alarm("store first", "page 1 was changed", NOON))
    raise_alarm(settings, integrity_alarm("store first", "page 2 was changed", NOON))
    by_service = next(line for line in lines(settings, "alarms") if line["closed_by"] == "service")
    for begin in ("", "0" * 32, str(by_service["id"])):
        result = asked(settings, "alarms", "close", begin, "--because", "why", "--by", "A. Turner")
        assert result.exception is not None
    assert len(lines(settings, "alarms")) == 3
