"""An audit while the clock is set: each replica is read once, none is left out, and damage is an alarm."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from support.archives import Archive
from support.audit_runs import age, lines
from support.command_runs import NearArchive

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.archive import audit
from flows.archive.audit import audit_installation
from flows.archive.audit_progress import AuditProgress
from flows.archive.audit_request import AuditRequest, Selection
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from storage.audits.work import AuditResult

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ALL = AuditRequest(Selection.ALL)
JUMPS = {"years back": -400 * DAY, "hours back": -3 * HOUR, "hours ahead": 3 * HOUR, "years ahead": 400 * DAY}


class JumpingClock:
    """The right time until it was asked ``right`` times, and then another."""

    def __init__(self, right: int, jump: timedelta) -> None:
        self.left, self.jump = right, jump

    def __call__(self) -> datetime:
        self.left -= 1
        return datetime.now(UTC) + (self.jump if self.left < 0 else timedelta(0))


def audited(archive: Archive, request: AuditRequest = ALL) -> Counter[tuple[str, str]]:
    """Return how often each replica was read."""
    settings = load_settings(archive.directory)
    found = audit_installation(settings, request, read=lambda _files, _size: None)
    return Counter(
        (str(one.replica.store), str(one.replica.package)) for one in found if isinstance(one, AuditResult)
    )


def replicas(archive: Archive) -> Counter[tuple[str, str]]:
    with open_installation(load_settings(archive.directory)) as opened:
        return Counter(
            (str(one.store), str(kept.package))
            for kept in opened.catalogue.packages()
            for one in kept.replicas
        )


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas are claimed one after the other, as of many."""
    monkeypatch.setattr(audit, "_TOGETHER", 1)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("right", [2, 6, 11])
def test_each_replica_is_read_once_and_damage_raises_its_alarm_whenever_the_clock_is_set(
    keeping_three: NearArchive, monkeypatch: pytest.MonkeyPatch, jump: str, right: int
):
    archive = keeping_three
    page = archive.store("second") / "files/newest/v1/data/originals/page.txt"
    page.chmod(0o640)
    page.write_bytes(b"Another page")
    monkeypatch.setattr(audit, "now", JumpingClock(right, JUMPS[jump]))
    assert audited(archive) == replicas(archive)
    alarms = outbox_of(load_settings(archive.directory)).open_alarms()
    assert len([one for one in alarms if one.alarm.kind is AlarmKind.INTEGRITY]) == 1
    monkeypatch.setattr(audit, "now", lambda: datetime.now(UTC))
    # What was read while the clock was wrong is not left out for years.
    assert audited(archive) == replicas(archive)
    with open_installation(load_settings(archive.directory)) as opened:
        assert opened.audits.claimants() == ()
    assert archive.run("journal", "verify").returncode == 0


@pytest.mark.usefixtures("one_by_one")
def test_what_was_read_while_the_clock_was_ahead_is_due_again_and_within_the_share_of_a_day(
    keeping_three: NearArchive,
):
    archive = keeping_three
    age(archive, -400)
    planned = lines(archive.run("audit", "--dry-run", "--json"))
    for one in planned:
        assert one["overdue_bytes"] == 0
        assert one["bytes"] == -(-one["of_bytes"] // 90)
    assert [one["package"] for one in lines(archive.run("audit", "--json"))] == ["files/ledger/v1"] * 2
    assert lines(archive.run("audit", "--json")) == []


def test_a_clock_that_goes_backwards_gives_no_negative_rate_nor_time_left():
    seconds = iter([100.0, 40.0, 102.0])
    progress = AuditProgress(2, 2000, clock=seconds.__next__)
    progress.read(1, 1000)
    assert "-" not in progress.line()
    assert progress.line() == "audit: 50%, 1 file, 1.0 kB, 500 bytes/s, about 2 s left"
