"""The outbox, and what is delivered from it: at least once, by every channel, whatever is killed."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from services.alarm_receivers import (
    NOON,
    SILENT,
    WEBHOOK_SECRET,
    Receiver,
    an_alarm,
    closed_port,
    mail_server,
    receiver,
)
from support.waiting import until

from flows.alarms.alarm import CLOSED_BY_PEOPLE, Alarm, AlarmKind
from flows.alarms.channels import Channel, ChannelName, Undelivered
from flows.alarms.delivery import Delivery
from flows.alarms.mail import Mail
from flows.alarms.outbox import Outbox
from flows.installation.alarm_settings import MailSettings

FIRST, SECOND = ChannelName("first"), ChannelName("second")


class Clock:
    """A clock and a timer that are set by hand."""

    def __init__(self) -> None:
        self.at = NOON
        self.seconds = 0.0

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


class Scripted:
    """A channel that takes everything but what it refuses, and nothing while it is away."""

    def __init__(self, name: ChannelName = FIRST, refuses: str = "") -> None:
        self.name = name
        self.description = f"channel {name}"
        self.refuses = refuses
        self.away = False
        self.tried: list[str] = []
        self.taken: list[str] = []

    def send(self, alarm: Alarm) -> Undelivered | None:
        self.tried.append(alarm.about)
        if self.away or alarm.about == self.refuses:
            return Undelivered("it is away")
        self.taken.append(alarm.about)
        return None

    def probe(self) -> Undelivered | None:
        return None


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "alarms")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_WEBHOOK_SECRET", WEBHOOK_SECRET)


def delivery(outbox: Outbox, clock: Clock, *channels: Channel) -> Delivery:
    return Delivery(outbox, channels, lambda: clock.at, lambda: clock.seconds)


def named(*channels: Channel) -> tuple[ChannelName, ...]:
    return tuple(channel.name for channel in channels)


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "alarms").glob("*.json"))


def test_an_alarm_is_one_readable_file_until_every_channel_has_it(
    tmp_path: Path, outbox: Outbox, clock: Clock
):
    first, second = Scripted(FIRST), Scripted(SECOND)
    second.away = True
    alarm = an_alarm()
    assert outbox.add(alarm, (FIRST, SECOND))
    [file] = files(tmp_path)
    assert json.loads(file.read_text())["alarm"]["about"] == "maps/sheet-012"

    sending = delivery(outbox, clock, first, second)
    sending.deliver()
    assert first.taken == ["maps/sheet-012"]
    [queued] = outbox.waiting()
    assert queued.channels == (SECOND,)

    second.away = False
    clock.pass_by(60)
    sending.deliver()
    assert (first.taken, second.taken) == (["maps/sheet-012"], ["maps/sheet-012"])
    assert not files(tmp_path)


def test_the_same_thing_is_told_once_and_again_after_a_week_where_it_is_still_so(
    outbox: Outbox, clock: Clock
):
    channel = Scripted()
    sending = delivery(outbox, clock, channel)
    for _ in range(3):
        outbox.add(an_alarm(), (FIRST,))
    sending.deliver()
    assert not outbox.add(an_alarm(), (FIRST,))
    assert outbox.add(an_alarm(kind=AlarmKind.INFECTED), (FIRST,))
    sending.deliver()
    assert len(channel.taken) == 2

    outbox.forget(NOON + timedelta(days=6))
    assert not outbox.add(an_alarm(), (FIRST,))
    week_after = NOON + timedelta(days=8)
    outbox.forget(week_after)
    assert outbox.add(msgspec.structs.replace(an_alarm(), at=week_after), (FIRST,))
    [is_open, _] = outbox.open_alarms()
    assert (is_open.raised_at, is_open.told, is_open.channels) == (NOON, {FIRST: NOON}, (FIRST,))


def test_a_clock_that_is_set_back_silences_no_alarm(outbox: Outbox, clock: Clock):
    clock.at = NOON + timedelta(days=400)
    outbox.add(an_alarm(), (FIRST,))
    delivery(outbox, clock, Scripted()).deliver()
    outbox.forget(NOON)
    assert outbox.add(an_alarm(), (FIRST,))


def test_too_many_are_counted_in_one_and_each_only_once(tmp_path: Path, outbox: Outbox, clock: Clock):
    for _ in range(2):
        for number in range(60):
            outbox.add(an_alarm(f"maps/{number}"), (FIRST,))
    outbox.add(an_alarm("maps/60", AlarmKind.INFECTED), (FIRST,))
    assert len(files(tmp_path)) == 51

    channel = Scripted()
    delivery(outbox, clock, channel).deliver()
    assert len(channel.taken) == 51
    assert channel.taken.count("11 alarms") == 1
    assert not files(tmp_path)
    assert outbox.add(an_alarm("maps/61"), (FIRST,))


def test_the_summary_names_the_kinds_and_grows_until_it_is_sent(outbox: Outbox):
    for number in range(53):
        outbox.add(an_alarm(f"maps/{number}"), (FIRST,))
    outbox.add(an_alarm("maps/53", AlarmKind.INFECTED), (FIRST,))
    [summary] = [queued.alarm for queued in outbox.waiting() if queued.further]
    assert summary.kind is AlarmKind.TOO_MANY
    assert "3 given-up, 1 infected" in summary.happened


def test_what_is_counted_while_the_summary_is_sent_is_told_as_well(outbox: Outbox):
    for number in range(51):
        outbox.add(an_alarm(f"maps/{number}"), (FIRST,))
    [sent] = [queued for queued in outbox.waiting() if queued.further]
    outbox.add(an_alarm("maps/51"), (FIRST,))
    outbox.record_delivery(sent, FIRST, NOON)
    assert any(queued.further for queued in outbox.waiting())


def test_a_channel_that_is_away_is_asked_ever_less_often_and_no_more_than_once_a_time(
    outbox: Outbox, clock: Clock
):
    channel = Scripted()
    channel.away = True
    for number in range(5):
        outbox.add(an_alarm(f"maps/{number}"), (FIRST,))
    sending = delivery(outbox, clock, channel)
    asked_at = []
    for _ in range(3600):
        before = len(channel.tried)
        sending.deliver()
        assert len(channel.tried) - before <= 1
        if len(channel.tried) > before:
            asked_at.append(clock.seconds)
        clock.pass_by(1)
    waits = [later - earlier for earlier, later in pairwise(asked_at)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]

    channel.away = False
    clock.pass_by(900)
    sending.deliver()
    assert sorted(channel.taken) == [f"maps/{number}" for number in range(5)]


def test_one_alarm_that_a_channel_never_takes_holds_up_no_other(outbox: Outbox, clock: Clock):
    channel = Scripted(refuses="maps/0")
    for number in range(3):
        outbox.add(an_alarm(f"maps/{number}"), (FIRST,))
    sending = delivery(outbox, clock, channel)
    for _ in range(3):
        sending.deliver()
        clock.pass_by(900)
    assert sorted(channel.taken) == ["maps/1", "maps/2"]


def test_a_channel_that_is_no_longer_configured_is_not_waited_for(
    tmp_path: Path, outbox: Outbox, clock: Clock
):
    outbox.add(an_alarm(), (FIRST, SECOND))
    delivery(outbox, clock, Scripted()).deliver()
    assert not files(tmp_path)


def test_operators_are_told_once_that_a_channel_is_away_and_once_that_it_is_back(
    outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, logger="muniment")
    channel = Scripted()
    channel.away = True
    outbox.add(an_alarm(), (FIRST,))
    sending = delivery(outbox, clock, channel)
    for _ in range(4):
        sending.deliver()
        clock.pass_by(900)
    channel.away = False
    sending.deliver()
    assert [record.getMessage() for record in caplog.records] == [
        "an alarm was not delivered and is tried again: it is away",
        "alarms are delivered again: channel first",
    ]


def test_a_damaged_file_is_put_aside_and_the_others_are_sent(tmp_path: Path, outbox: Outbox, clock: Clock):
    outbox.add(an_alarm("maps/1"), (FIRST,))
    [file] = files(tmp_path)
    file.write_text("{")
    outbox.add(an_alarm("maps/2"), (FIRST,))
    channel = Scripted()
    delivery(outbox, clock, channel).deliver()
    assert channel.taken == ["maps/2"]
    assert file.with_suffix(".damaged").exists()
    assert {one.alarm.about for one in outbox.open_alarms()} == {"the alarms", "maps/2"}


def test_an_open_alarm_whose_file_was_damaged_does_not_pass_for_closed(tmp_path: Path, outbox: Outbox):
    outbox.add(an_alarm("maps/1"), ())
    for _ in range(2):
        [file] = (file for file in (tmp_path / "alarms" / "told").iterdir() if not file.suffix)
        file.write_bytes(b"\0" * 40)
        [found] = outbox.open_alarms()
        assert found.alarm.kind in CLOSED_BY_PEOPLE
        assert str(file.with_suffix(".damaged")) in found.alarm.happened
        assert outbox.open_alarms() == [found]
        outbox.forget(NOON + timedelta(days=365))
        assert outbox.open_alarms() == [found]
    assert outbox.close(lambda _: True)
    assert outbox.open_alarms() == []


def test_a_receiver_that_fails_is_silent_and_answers_500_gets_it_in_the_end_with_one_id(
    outbox: Outbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.alarms.webhook.TIMEOUT_SECONDS", 0.2)
    alarm = an_alarm()
    with receiver(SILENT, 500, 503, 200) as there, mail_server() as server:
        away = MailSettings.model_validate(
            {
                "host": "localhost",
                "port": closed_port(),
                "from": "a@b.org",
                "to": ["c@d.org"],
                "security": "none",
            }
        )
        mail, webhook = Mail(away, "/srv/archive"), there.channel
        outbox.add(alarm, named(mail, webhook))
        sending = delivery(outbox, clock, mail, webhook)
        for _ in range(4):
            sending.deliver()
            clock.pass_by(3600)
        assert [request.headers["webhook-id"] for request in there.received] == [alarm.id] * 4
        assert [queued.channels for queued in outbox.waiting()] == [named(mail)]
        # The mail server is back.
        delivery(outbox, clock, server.channel(), webhook).deliver()
        assert [message["Message-ID"] for message in server.received] == [f"<{alarm.id}@example.org>"]
    assert not outbox.waiting()


_RAISES_AND_DIES = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from services.alarm_receivers import an_alarm
from flows.alarms.outbox import Outbox
Outbox(Path(sys.argv[1])).add(an_alarm(), (sys.argv[3],))
os.kill(os.getpid(), signal.SIGKILL)
"""

_DELIVERS = """
import sys
from pathlib import Path
from flows.alarms.delivery import Delivery
from flows.alarms.outbox import Outbox
from flows.installation.alarm_settings import WebhookSettings
from flows.alarms.webhook import Webhook
Delivery(Outbox(Path(sys.argv[1])), [Webhook(WebhookSettings(url=sys.argv[2]), "/srv/archive")]).deliver()
"""


def run(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)])


def test_killed_between_raising_and_sending_and_in_the_midst_of_sending_it_is_sent_later(
    tmp_path: Path, outbox: Outbox, clock: Clock
):
    with receiver(SILENT, 200) as there:
        dies = run(_RAISES_AND_DIES, tmp_path / "alarms", Path(__file__).parents[3], there.channel.name)
        assert dies.wait(30) == -signal.SIGKILL

        sends = run(_DELIVERS, tmp_path / "alarms", there.url)
        until_asked(there, 1)
        # While another process sends, we do not.
        delivery(outbox, clock, there.channel).deliver()
        assert len(there.received) == 1
        os.kill(sends.pid, signal.SIGKILL)
        sends.wait(30)

        delivery(outbox, clock, there.channel).deliver()
        assert len({request.headers["webhook-id"] for request in there.received}) == 1
        assert len(there.received) == 2
    assert not outbox.waiting()


def until_asked(there: Receiver, times: int) -> None:
    until(lambda: len(there.received) >= times, "it is asked")


def test_many_that_raise_and_send_at_once_lose_nothing(outbox: Outbox, clock: Clock):
    told = [f"maps/{number}" for number in range(40)]
    channels = [Scripted() for _ in range(3)]

    def raise_all() -> None:
        for about in told:
            outbox.add(an_alarm(about), (FIRST,))

    def send(channel: Scripted) -> None:
        sending = delivery(outbox, clock, channel)
        while any(thread.is_alive() for thread in raising) or outbox.waiting():
            sending.deliver()

    raising = [threading.Thread(target=raise_all) for _ in range(2)]
    sending = [threading.Thread(target=send, args=(channel,)) for channel in channels]
    for thread in (*raising, *sending):
        thread.start()
    for thread in (*raising, *sending):
        thread.join(60)
    assert Counter(about for channel in channels for about in channel.taken) == Counter(told)


def test_a_time_is_kept_to_the_second_and_in_utc(tmp_path: Path, outbox: Outbox):
    outbox.add(an_alarm(), (FIRST,))
    [file] = files(tmp_path)
    assert datetime.fromisoformat(json.loads(file.read_text())["alarm"]["at"]) == NOON


def abouts(outbox: Outbox) -> list[str]:
    return [one.alarm.about for one in outbox.open_alarms()]


def test_an_alarm_is_open_until_it_is_closed_whoever_was_told_of_it(outbox: Outbox, clock: Clock):
    first, second = Scripted(FIRST), Scripted(SECOND)
    second.away = True
    outbox.add(an_alarm(), (FIRST, SECOND))
    sending = delivery(outbox, clock, first, second)
    sending.deliver()
    [one] = outbox.open_alarms()
    assert (one.told, one.channels) == ({FIRST: NOON}, (SECOND,))
    second.away = False
    clock.pass_by(60)
    sending.deliver()
    [one] = outbox.open_alarms()
    assert (one.told, one.channels) == ({FIRST: NOON, SECOND: NOON + timedelta(seconds=60)}, ())
    for days in (6, 8, 400):
        outbox.forget(NOON + timedelta(days=days))
        assert abouts(outbox) == ["maps/sheet-012"]
    assert [alarm.about for alarm in outbox.close(lambda _: True)] == ["maps/sheet-012"]
    assert not abouts(outbox)
    assert not outbox.close(lambda _: True)


def test_without_a_channel_an_alarm_is_open_as_well_and_new_once(outbox: Outbox):
    assert outbox.add(an_alarm(), ())
    assert not outbox.add(an_alarm(), ())
    [one] = outbox.open_alarms()
    assert (one.told, one.channels) == ({}, ())
    assert not outbox.waiting()


def test_a_channel_that_is_no_longer_configured_was_told_of_nothing(outbox: Outbox, clock: Clock):
    outbox.add(an_alarm(), (FIRST, SECOND))
    delivery(outbox, clock, Scripted()).deliver()
    [one] = outbox.open_alarms()
    assert one.told == {FIRST: NOON}


def test_those_that_are_only_counted_are_open_and_the_summary_is_none_of_them(outbox: Outbox, clock: Clock):
    for number in range(60):
        outbox.add(an_alarm(f"maps/{number}"), (FIRST,))
    delivery(outbox, clock, Scripted()).deliver()
    assert sorted(abouts(outbox)) == sorted(f"maps/{number}" for number in range(60))


@pytest.mark.parametrize("kind", [AlarmKind.TEST, AlarmKind.JOURNAL_HEAD])
def test_a_notice_is_no_open_alarm(outbox: Outbox, clock: Clock, kind: AlarmKind):
    outbox.add(an_alarm(kind=kind), (FIRST,))
    assert not abouts(outbox)
    delivery(outbox, clock, Scripted()).deliver()
    assert not abouts(outbox)


def test_what_a_person_closed_and_is_found_again_is_told_again(outbox: Outbox, clock: Clock):
    channel = Scripted()
    sending = delivery(outbox, clock, channel)
    for _ in range(2):
        assert outbox.add(an_alarm(kind=AlarmKind.INTEGRITY), (FIRST,))
        sending.deliver()
        assert abouts(outbox) == ["maps/sheet-012"]
        outbox.close(lambda _: True)
    assert len(channel.taken) == 2


def test_what_is_over_and_so_again_within_a_week_is_open_again_and_told_once(outbox: Outbox, clock: Clock):
    channel = Scripted()
    sending = delivery(outbox, clock, channel)
    for _ in range(3):
        outbox.add(an_alarm(kind=AlarmKind.DID_NOT_RUN), (FIRST,))
        sending.deliver()
        assert abouts(outbox) == ["maps/sheet-012"]
        outbox.close(lambda _: True)
        assert not abouts(outbox)
    assert len(channel.taken) == 1
    outbox.forget(NOON + timedelta(days=8))
    assert outbox.add(an_alarm(kind=AlarmKind.DID_NOT_RUN), (FIRST,))


def test_what_is_closed_before_it_is_sent_is_sent_and_open_again_where_it_is_found_again(
    outbox: Outbox, clock: Clock
):
    outbox.add(an_alarm(kind=AlarmKind.INTEGRITY), (FIRST,))
    outbox.close(lambda _: True)
    assert not abouts(outbox)
    assert len(outbox.waiting()) == 1
    outbox.add(an_alarm(kind=AlarmKind.INTEGRITY), (FIRST,))
    assert abouts(outbox) == ["maps/sheet-012"]
    outbox.close(lambda _: True)
    channel = Scripted()
    delivery(outbox, clock, channel).deliver()
    assert channel.taken == ["maps/sheet-012"]
    assert not abouts(outbox)


def test_what_an_older_release_recorded_as_sent_is_not_told_again(
    tmp_path: Path, outbox: Outbox, clock: Clock
):
    outbox.add(an_alarm(), (FIRST,))
    delivery(outbox, clock, Scripted()).deliver()
    [marker] = (tmp_path / "alarms" / "told").iterdir()
    marker.write_bytes(b"")
    os.utime(marker, (NOON.timestamp(), NOON.timestamp()))
    assert not outbox.add(an_alarm(), (FIRST,))
    assert not abouts(outbox)
    outbox.forget(NOON + timedelta(days=8))
    assert not marker.exists()


def test_killed_at_any_write_an_alarm_that_was_added_is_open(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    class KilledError(Exception):
        """Stands for a kill: what follows is not done."""

    replace = Path.replace
    for allowed in range(1, 4):
        outbox = Outbox(tmp_path / str(allowed))
        outbox.add(an_alarm(), (FIRST, SECOND))
        left = [allowed]

        def counted(path: Path, target: Path, left: list[int] = left) -> Path:
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
            return replace(path, target)

        with monkeypatch.context() as patched, suppress(KilledError):
            patched.setattr(Path, "replace", counted)
            delivery(outbox, clock, Scripted(FIRST), Scripted(SECOND)).deliver()
        assert abouts(outbox) == ["maps/sheet-012"], allowed
