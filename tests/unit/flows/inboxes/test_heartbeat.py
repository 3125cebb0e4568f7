"""The watcher's sign of life, and since when each drop waits: over restarts, and whatever the clock does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from support.commands import invoked

from flows.inboxes.heartbeat import Heartbeat, read_heartbeat, watcher_fault
from flows.inboxes.report import InboxStatus, PassedOverEntry, ReportWriter, WaitingDrop, read_inbox_report
from flows.installation.processes import this_process
from flows.installation.settings import Settings
from preservation.settling.settle import Moment

SOON = Moment(0)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def clock(at: datetime) -> Callable[[], datetime]:
    return lambda: at


def swept(*names: str) -> InboxStatus:
    return InboxStatus(
        tuple(WaitingDrop("maps", f"/in/maps/{name}", 1, 10, "growth", "waiting: it grows") for name in names)
    )


def waits_since(settings: Settings) -> dict[str, datetime | None]:
    found = read_inbox_report(settings)
    assert found is not None
    return {Path(drop.path).name: drop.since for drop in found.drops}


def test_a_drop_waits_since_it_was_first_seen_also_after_a_restart(settings: Settings):
    ReportWriter(settings, clock(NOON)).write(SOON, swept("a"))
    ReportWriter(settings, clock(NOON + HOUR)).write(SOON, swept("a", "b"))
    assert waits_since(settings) == {"a": NOON, "b": NOON + HOUR}
    # Gone for a while, it is another one.
    later = ReportWriter(settings, clock(NOON + 2 * HOUR))
    later.write(SOON, swept("b"))
    later.write(SOON, swept("a", "b"))
    assert waits_since(settings) == {"a": NOON + 2 * HOUR, "b": NOON + HOUR}


def test_of_very_many_those_that_wait_longest_are_named_and_none_is_forgotten(settings: Settings):
    old, new = (tuple(f"{age}-{number:03}" for number in range(250)) for age in ("z", "a"))
    ReportWriter(settings, clock(NOON)).write(SOON, swept(*old))
    ReportWriter(settings, clock(NOON + HOUR)).write(SOON, swept(*new, *old))
    assert set(waits_since(settings).values()) == {NOON}
    assert len(waits_since(settings)) == 200
    ReportWriter(settings, clock(NOON + 2 * HOUR)).write(SOON, swept(old[-1], new[-1]))
    assert waits_since(settings) == {old[-1]: NOON, new[-1]: NOON + HOUR}


def failing(*names: str) -> InboxStatus:
    faults = (PassedOverEntry(f"/in/maps/{name}", "it could not be taken") for name in names)
    return InboxStatus(faults=tuple(faults))


def fails_since(settings: Settings) -> dict[str, datetime | None]:
    found = read_inbox_report(settings)
    assert found is not None
    return {Path(fault.path).name: fault.since for fault in found.faults}


def test_a_fault_lasts_since_it_was_first_reported_also_after_a_restart_and_while_it_is_tried_again(
    settings: Settings,
):
    moment = NOON
    publisher = ReportWriter(settings, lambda: moment)
    publisher.write(SOON, failing("a", "b"))
    # Nobody has looked at it since the restart, as at first at a bucket.
    moment = NOON + HOUR
    publisher = ReportWriter(settings, lambda: moment)
    publisher.write(SOON, swept())
    moment += MINUTE
    publisher.write(SOON, failing("a"))
    assert fails_since(settings) == {"a": NOON}
    # As long as it is tried again it waits, for however long that takes.
    for _ in range(3):
        moment += 8 * MINUTE
        publisher.write(SOON, swept("a"))
    publisher.write(SOON, failing("a", "b"))
    assert fails_since(settings) == {"a": NOON, "b": moment}
    # Well for a while, it is another one.
    for _ in range(2):
        publisher.write(SOON, swept())
        moment += 11 * MINUTE
    publisher.write(SOON, swept())
    publisher.write(SOON, failing("a"))
    assert fails_since(settings) == {"a": moment}


def test_a_fault_reported_by_a_clock_that_was_ahead_does_not_last_from_the_future_on(settings: Settings):
    ReportWriter(settings, clock(NOON + 9000 * HOUR)).write(SOON, failing("a"))
    ReportWriter(settings, clock(NOON)).write(SOON, failing("a"))
    assert fails_since(settings) == {"a": NOON}


def test_a_clock_that_was_ahead_makes_nothing_wait_in_the_future(settings: Settings):
    ReportWriter(settings, clock(NOON + 9000 * HOUR)).write(SOON, swept("a"))
    ReportWriter(settings, clock(NOON)).write(SOON, swept("a"))
    assert waits_since(settings) == {"a": NOON}
    assert not watcher_fault(settings, NOON)


def test_it_beats_at_most_once_a_minute_and_what_is_as_before_is_not_written_again(settings: Settings):
    moment = NOON
    publisher = ReportWriter(settings, lambda: moment)
    files = [settings.state / name for name in ("inboxes.json", "watching.json")]
    written = []
    for seconds in (0, 5, 59, 61, 100):
        moment = NOON + timedelta(seconds=seconds)
        publisher.write(SOON, swept("a"))
        written.append(tuple(file.stat().st_ino for file in files))
    assert len({inboxes for inboxes, _ in written}) == 1
    beat = read_heartbeat(settings)
    assert beat is not None
    assert beat.at == NOON + timedelta(seconds=61)


def test_a_report_that_is_gone_or_damaged_is_written_again_and_missed_until_then(settings: Settings):
    at, file = datetime.now(UTC), settings.state / "inboxes.json"
    writer = ReportWriter(settings, clock(at))
    writer.write(SOON, swept("a"))
    for damage in (file.unlink, lambda: file.write_text("{")):
        damage()
        told = invoked("status", "-C", str(settings.directory)).stdout
        assert "What waits in the inboxes is not known" in told
        writer.write(SOON, swept("a"))
        assert waits_since(settings) == {"a": at}


def test_who_is_silent_for_long_after_the_next_sweep_was_due_hangs(settings: Settings):
    assert watcher_fault(settings, NOON).startswith("The inboxes are not watched")
    beat = Heartbeat(NOON, this_process(), NOON + 13 * MINUTE, {})
    file = settings.state / "watching.json"
    file.write_bytes(msgspec.json.encode(beat))
    assert not watcher_fault(settings, NOON + 28 * MINUTE)
    hangs = watcher_fault(settings, NOON + 29 * MINUTE)
    assert "has not looked at the inboxes since 2026-11-21 12:00 UTC: it hangs" in hangs
    # The clock was set back, and the watcher has not written since.
    assert not watcher_fault(settings, NOON - 15 * MINUTE)
    assert "it hangs" in watcher_fault(settings, NOON - 16 * MINUTE)
    dead = msgspec.structs.replace(beat, by=msgspec.structs.replace(this_process(), born="long ago"))
    file.write_bytes(msgspec.json.encode(dead))
    assert watcher_fault(settings, NOON).startswith("The inboxes are not watched")
    file.write_text("{")
    assert watcher_fault(settings, NOON).startswith("The inboxes are not watched")


def test_the_health_check_of_a_container_reports_a_watcher_that_hangs(settings: Settings, project: Path):
    asked = [sys.executable, project / "docker" / "healthy.py", "muniment", "watch"]
    surroundings = {**os.environ, "MUNIMENT_HOME": str(settings.directory)}
    for at, code, said in ((datetime.now(UTC), 0, ""), (NOON - 9000 * HOUR, 1, "it hangs")):
        ReportWriter(settings, clock(at)).write(SOON, swept())
        told = subprocess.run(asked, env=surroundings, capture_output=True, text=True, check=False)
        assert told.returncode == code, told.stderr
        assert said in told.stderr


def test_status_says_since_when_a_drop_waits_and_that_the_watcher_hangs(settings: Settings):
    ReportWriter(settings, clock(NOON - 9000 * HOUR)).write(SOON, swept("sheet"))
    told = invoked("status", "-C", str(settings.directory)).stdout
    assert "it hangs" in told
    assert "/in/maps/sheet  since 11 Nov 2025, 12:00" in told
    assert "waiting: it grows" in told
    json = invoked("status", "--json", "-C", str(settings.directory)).stdout
    assert '"watched":false' in json
    assert '"since":"2025-11-11T12:00:00Z"' in json
