"""What raises an alarm, its sentences, and what an installation does with it."""

from __future__ import annotations

import json
import logging
import threading
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from services.alarm_receivers import WEBHOOK_SECRET, Receiver, receiver
from services.small_disks import small_disk
from support.commands import invoked
from support.takes import NOON, a_take, an_area, told_of
from support.waiting import until

from flows.alarms.alarm import Alarm, AlarmKind
from flows.alarms.alarms import channels_of, outbox_of, raise_alarm
from flows.alarms.occasions import integrity_alarm, integrity_alarms
from flows.inboxes.alarms import given_up, unsettled_too_long, waiting_too_long
from flows.inboxes.queue import dispatch
from flows.inboxes.queue.attempts import Attempts, record_end, record_run, set_attempts
from flows.inboxes.queue.backlog import Pending
from flows.inboxes.report import InboxStatus, PassedOverEntry, ReportWriter, WaitingDrop
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.orchestration.run_requests import AskedRun, Runs
from flows.service.alarm_watch import AlarmWatch
from flows.service.dispatch_loop import _DispatchLoop
from flows.service.doctor import Checkup, State, examine_installation
from flows.submission.answer import infected_among
from flows.submission.claim import claim
from flows.submission.drop import DropRequest
from flows.submission.stages.stage import Stage
from flows.submission.steps import _run_one
from preservation.errors import ConfigurationError, IntegrityError, SourceChangedError, UnavailableError
from preservation.model.issues import Issue, Severity
from preservation.model.verdicts import Verdict
from preservation.settling.settle import Moment
from preservation.virus.codes import INFECTED

HOURS = timedelta(hours=1)
INFECTION = Issue(INFECTED, Severity.ERROR, "It is infected.", None, "Clean it.")


def tell(settings: Settings, there: Receiver, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Configure a webhook for alarms."""
    monkeypatch.setenv("MUNIMENT_WEBHOOK_SECRET", WEBHOOK_SECRET)
    file = settings.directory / "muniment.toml"
    file.write_text(f'{file.read_text()}\n[[alarms.webhook]]\nurl = "{there.url}"\n')
    return load_settings(settings.directory)


def told(there: Receiver) -> list[dict[str, str]]:
    return [json.loads(request.body) for request in there.received]


def waiting(settings: Settings) -> list[Alarm]:
    return [queued.alarm for queued in outbox_of(settings).waiting()]


def opened(settings: Settings) -> list[AlarmKind]:
    return [one.alarm.kind for one in outbox_of(settings).open_alarms()]


def test_a_take_that_is_given_up_says_why_and_where_it_lies(tmp_path: Path):
    take = a_take(an_area(tmp_path))
    alarm = given_up(take, f"{take.object_id}: given up after 5 runs. The store is away.", NOON, NOON)
    assert (alarm.kind, alarm.about) == (AlarmKind.GIVEN_UP, "maps/sheet-012")
    assert alarm.happened == "Given up after 5 runs. The store is away."
    assert "muniment retry maps/sheet-012" in alarm.next_step
    assert str(take.path) in alarm.next_step


def test_an_infected_drop_names_its_receipt_and_others_raise_nothing(tmp_path: Path):
    take = a_take(an_area(tmp_path))
    infected = told_of(take, Verdict.REJECTED, tmp_path / "receipts", issues=(INFECTION,))
    [alarm] = infected_among([told_of(take, Verdict.REJECTED), told_of(take, Verdict.STORED), infected])
    assert alarm.kind is AlarmKind.INFECTED
    assert alarm.receipt == str(infected.receipt)


def test_only_kept_bytes_that_changed_are_an_integrity_error():
    [alarm] = integrity_alarms("the journal", IntegrityError("entry 7 was changed; restore it"), NOON)
    assert "entry 7" in alarm.happened
    for other in (SourceChangedError("the drop changed"), UnavailableError("away"), ValueError("no")):
        assert not list(integrity_alarms("the journal", other, NOON))


def test_what_waits_for_a_person_or_for_its_first_run_is_reported_after_its_time(tmp_path: Path):
    take = a_take(an_area(tmp_path))
    asked = Attempts(1, NOON, Verdict.WAITING, "Page 3 is missing.")
    for pending, said in (
        (Pending(take, asked), "a person's decision since 2026-11-21 12:00 UTC. Page 3 is missing."),
        (Pending(take), "for a run since 2026-11-21 12:00 UTC."),
    ):
        assert not list(waiting_too_long([pending], 72 * HOURS, NOON + 72 * HOURS))
        [alarm] = waiting_too_long([pending], 72 * HOURS, NOON + 73 * HOURS)
        assert alarm.happened.endswith(said)
        # The clock was set back since: for how long it has waited is not known.
        assert not list(waiting_too_long([pending], 72 * HOURS, NOON - HOURS))
        [alarm] = waiting_too_long([pending], 72 * HOURS, NOON - 2 * HOURS)
        assert "since 2026-11-21 12:00 UTC, which is yet to come: a clock was set back." in alarm.happened
    for tries in (replace_tries(asked, None), replace_tries(asked, Verdict.INTERRUPTED)):
        assert not list(waiting_too_long([Pending(take, tries)], 72 * HOURS, NOON + 1000 * HOURS))


def replace_tries(tries: Attempts, verdict: Verdict | None) -> Attempts:
    return Attempts(tries.runs, tries.at, verdict, tries.sentence)


def test_a_drop_that_never_settles_is_reported_after_its_time():
    waits = WaitingDrop("maps", "/in/maps/sheet", 3, 100, "temporary", "waiting: a.part is there", NOON)
    assert not list(unsettled_too_long([waits], 72 * HOURS, NOON + 72 * HOURS))
    [alarm] = unsettled_too_long([waits], 72 * HOURS, NOON + 73 * HOURS)
    assert (alarm.kind, alarm.about) == (AlarmKind.WAITING_TOO_LONG, "/in/maps/sheet")
    assert "since 2026-11-21 12:00 UTC" in alarm.happened
    assert alarm.happened.endswith("Waiting: a.part is there.")


def test_without_a_channel_an_alarm_is_one_line_in_the_log_and_open(
    settings: Settings, caplog: pytest.LogCaptureFixture
):
    for _ in range(2):
        [alarm] = integrity_alarms("the journal", IntegrityError("entry 7 was changed"), NOON)
        assert raise_alarm(settings, alarm)
    [record] = caplog.records
    assert record.getMessage().startswith("ALARM: the journal: bytes are not what was promised. entry 7")
    assert not waiting(settings)
    assert opened(settings) == [AlarmKind.INTEGRITY]


def test_the_service_raises_an_alarm_for_what_waits_too_long_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    take = a_take(an_area(settings.directory), at=now() - 100 * HOURS)
    record_end(take, Verdict.WAITING, "Page 3 is missing.", now() - 98 * HOURS)
    with receiver(200) as there:
        alarming = AlarmWatch(tell(settings, there, monkeypatch))
        for _ in range(3):
            alarming.check()
            alarming._delivery.deliver()
        [document] = told(there)
    assert document["type"] == "muniment.waiting-too-long"
    assert "muniment approve maps/sheet-012" in document["next_step"]
    assert document["installation"] == str(settings.directory)


def test_the_service_raises_an_alarm_for_a_drop_that_never_settles_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    began = now() - 100 * HOURS
    path = f"{settings.directory}/inbox/maps/sheet"
    status = InboxStatus((WaitingDrop("maps", path, 3, 100, "renaming", "waiting: a.part is there"),))
    ReportWriter(settings, lambda: began).write(Moment(0), status)
    # The watcher was restarted since, and knows all the same.
    ReportWriter(settings, now).write(Moment(0), status)
    with receiver(200) as there:
        alarming = AlarmWatch(tell(settings, there, monkeypatch))
        for _ in range(3):
            alarming.check()
            alarming._delivery.deliver()
        [document] = told(there)
    assert document["type"] == "muniment.waiting-too-long"
    assert document["object"].endswith("inbox/maps/sheet")
    assert f"{began:%Y-%m-%d %H:%M}" in document["happened"]


def test_the_service_raises_an_alarm_for_an_inbox_that_fails_for_long_once_whatever_its_message(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    began = now() - 100 * HOURS
    away = settings.directory / "inbox/maps"
    with receiver(200) as there:
        alarming = AlarmWatch(tell(settings, there, monkeypatch))
        for at, sentence in ((began, "it is away"), (now(), "it does not answer"), (now(), "it is away")):
            status = InboxStatus(faults=(PassedOverEntry(str(away), sentence),))
            ReportWriter(settings, lambda at=at: at).write(Moment(0), status)
            alarming.check()
            alarming._delivery.deliver()
        [document] = told(there)
    assert document["type"] == "muniment.waiting-too-long"
    assert document["object"] == str(away)
    assert document["happened"] == f"It has failed since {began:%Y-%m-%d %H:%M} UTC. It is away."


def test_the_service_goes_on_telling_whatever_ails_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("flows.service.alarm_watch._DELIVER_SECONDS", 0.02)
    stopped = threading.Event()
    with receiver(200) as there:
        settings = tell(settings, there, monkeypatch)
        alarming = AlarmWatch(settings)
        monkeypatch.setattr(alarming, "check", lambda: 1 / 0)
        service = threading.Thread(target=alarming.run, args=(stopped,))
        service.start()
        raise_alarm(settings, given_up(a_take(an_area(settings.directory)), "It is so.", now(), now()))
        until(lambda: not waiting(settings), "it is sent")
        stopped.set()
        service.join()
        assert len(there.received) == 1
    assert "alarms are raised and sent later: ZeroDivisionError" in caplog.text


def test_without_a_channel_what_waits_is_logged_once(settings: Settings, caplog: pytest.LogCaptureFixture):
    a_take(an_area(settings.directory), at=now() - 100 * HOURS)
    alarming = AlarmWatch(settings)
    for _ in range(3):
        alarming.check()
    assert len(caplog.records) == 1


def test_what_the_watcher_gives_up_is_an_alarm_each_time_that_it_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    take = a_take(an_area(settings.directory))
    with receiver(200) as there:
        settings = tell(settings, there, monkeypatch)
        said: list[str] = []
        attendance = _DispatchLoop(settings, cast("Runs", None), said.append)
        for since in (NOON, NOON, NOON + timedelta(hours=2)):
            sentence = f"{take.object_id}: given up after 5 runs. Away."
            attendance._alarm_of(dispatch.GivenUp(take, sentence, since))
    assert [alarm.kind for alarm in waiting(settings)] == [AlarmKind.GIVEN_UP] * 2
    assert said == ["ALARM: maps/sheet-012: given up after 5 runs. Away."] * 2


def test_what_waited_too_long_is_closed_when_it_waits_no_more(settings: Settings):
    take = a_take(an_area(settings.directory), at=now() - 100 * HOURS)
    record_end(take, Verdict.WAITING, "Page 3 is missing.", now() - 98 * HOURS)
    began = now() - 100 * HOURS
    away = PassedOverEntry(str(settings.directory / "inbox/maps"), "it is away")
    ReportWriter(settings, lambda: began).write(Moment(0), InboxStatus(faults=(away,)))
    watch = AlarmWatch(settings)
    watch.check()
    assert opened(settings) == [AlarmKind.WAITING_TOO_LONG] * 2
    ReportWriter(settings, now).write(Moment(0), InboxStatus())
    watch.check()
    assert opened(settings) == [AlarmKind.WAITING_TOO_LONG]
    set_attempts(take, None)
    record_run(take, now(), None)
    watch.check()
    assert not opened(settings)


def test_what_was_given_up_is_open_until_it_is_tried_again(settings: Settings):
    take = a_take(an_area(settings.directory))
    ReportWriter(settings, now).write(Moment(0), InboxStatus())
    at = now() - HOURS
    record_end(take, Verdict.INTERRUPTED, "The store is away.", at)
    raise_alarm(settings, given_up(take, "The store is away.", now(), at))
    watch = AlarmWatch(settings)
    watch.check()
    assert opened(settings) == [AlarmKind.GIVEN_UP]
    record_run(take, now(), None)
    watch.check()
    assert not opened(settings)


def test_what_cannot_be_seen_now_stays_open(settings: Settings):
    take = a_take(an_area(settings.directory), at=now() - 100 * HOURS)
    watch = AlarmWatch(settings)
    # No watcher has reported, so it is not known what waits in the inboxes.
    watch.check()
    set_attempts(take, Attempts(1, now()))
    watch.check()
    assert opened(settings) == [AlarmKind.WAITING_TOO_LONG]


def test_what_is_wrong_with_what_is_kept_is_open_until_a_person_closes_it(settings: Settings):
    ReportWriter(settings, now).write(Moment(0), InboxStatus())
    raise_alarm(settings, integrity_alarm("store first", "page 1 was changed", now()))
    AlarmWatch(settings).check()
    assert opened(settings) == [AlarmKind.INTEGRITY]


def test_a_run_that_does_not_end_is_an_open_alarm_until_it_has_ended(settings: Settings):
    loop = _DispatchLoop(settings, cast("Runs", None), lambda _: None)
    run = AskedRun(uuid4(), "Pending", now() - 100 * HOURS, ())
    loop._alarm_of_late([run])
    a_take(an_area(settings.directory), at=now())
    ReportWriter(settings, now).write(Moment(0), InboxStatus())
    AlarmWatch(settings).check()
    assert opened(settings) == [AlarmKind.WAITING_TOO_LONG]
    # Another service has taken over since.
    _DispatchLoop(settings, cast("Runs", None), lambda _: None)._alarm_of_late([])
    assert not opened(settings)


def test_an_integrity_error_in_a_stage_is_an_alarm_and_a_changed_drop_is_none(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drop = tmp_path / "sheet-012"
    drop.mkdir()
    (drop / "a.txt").write_text("a")

    def fail(error: Exception) -> Stage:
        def work(*_: object) -> tuple[()]:
            raise error

        return Stage("survey", work)

    with receiver(200) as there:
        settings = tell(settings, there, monkeypatch)
        with open_installation(settings) as installation:
            for error in (SourceChangedError("the drop changed"), IntegrityError("the plan is another")):
                with claim(
                    DropRequest(drop, "files", f"sheet-{type(error).__name__}"), installation
                ) as workspace:
                    _run_one(fail(error), workspace, installation)
    [alarm] = waiting(settings)
    assert (alarm.about, alarm.happened) == ("files/sheet-IntegrityError", "the plan is another")


def test_on_a_full_disk_an_alarm_is_sent_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    [alarm] = integrity_alarms("the journal", IntegrityError("entry 7 was changed"), NOON)
    with receiver(200) as there, small_disk(settings.state / "alarms", "64k") as disk:
        settings = tell(settings, there, monkeypatch)
        disk.fill(0)
        assert not raise_alarm(settings, alarm)
        [document] = told(there)
    assert document["id"] == alarm.id
    assert any("No space left" in record.getMessage() for record in caplog.records)


def examined(settings: Settings, *, send: bool = False) -> list[Checkup]:
    findings = examine_installation(settings, send_test_alarm=send)
    return [finding for finding in findings if finding.what.startswith("alarms")]


def test_doctor_says_who_is_notified_of_what_waits_and_sends_a_test_where_it_is_asked_to(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    [nobody] = examined(settings)
    assert (nobody.state, "to the log only" in nobody.detail) == (State.OK, True)
    with receiver(200) as there:
        settings = tell(settings, there, monkeypatch)
        [webhook] = examined(settings)
        assert webhook.state is State.OK
        assert not there.received
        invoked("doctor", "-C", str(settings.directory), "--send-test-alarm")
        [document] = told(there)
        assert document["type"] == "muniment.test"
        there.answers[:] = [500]
        [webhook] = examined(settings, send=True)
        assert (webhook.state, "answered 500" in webhook.detail) == (State.FAILING, True)
    raise_alarm(
        settings, given_up(a_take(an_area(settings.directory)), "It is so.", now() - 2 * HOURS, now())
    )
    late = examined(settings)[-1]
    assert (late.state, "1 wait to be sent" in late.detail) == (State.FAILING, True)
    monkeypatch.delenv("MUNIMENT_WEBHOOK_SECRET")
    assert examined(settings)[0].state is State.FAILING


def test_no_secret_stands_in_any_file_or_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    with receiver(500) as there:
        settings = tell(settings, there, monkeypatch)
        raise_alarm(settings, given_up(a_take(an_area(settings.directory)), "It is so.", now(), now()))
        AlarmWatch(settings)._delivery.deliver()
        assert there.received
    secret = WEBHOOK_SECRET.removeprefix("whsec_")
    written = b"".join(path.read_bytes() for path in settings.directory.rglob("*") if path.is_file())
    assert secret.encode() not in written
    assert secret not in caplog.text
    assert not any(
        "known-to-few" in record.getMessage() for record in caplog.records if record.name == "muniment"
    )


def test_the_documented_settings_are_two_channels(settings: Settings, project: Path):
    section = (project / "docs/alarms.md").read_text()
    documented = section.split("```toml\n")[1].split("```")[0]
    file = settings.directory / "muniment.toml"
    file.write_text(f"{file.read_text()}\n{documented}")
    assert [channel.description for channel in channels_of(load_settings(settings.directory))] == [
        "e-mail by mail.example.org:587 to archive@example.org, it@example.org",
        "webhook https://chat.example.org",
    ]


@pytest.mark.parametrize(
    ("lines", "key", "said"),
    [
        ('[alarms.mail]\nhost = "h"\nfrom = "a@b"\nto = []', "to", "at least one is required"),
        ('[alarms.mail]\nhost = "h"\nfrom = "a@b\\nBcc: x@y"\nto = ["c@d"]', "from", "pattern"),
        (
            '[alarms.mail]\nhost = "h"\nfrom = "a@b"\nto = ["c@d"]\npassword = "p"',
            "password",
            "no such setting",
        ),
        ('[[alarms.webhook]]\nurl = "ftp://h/"', "url", "pattern"),
        ('[[alarms.webhook]]\nurl = "https://user:password@h/"', "url", "pattern"),
        ("[alarms]\nwaiting_hours = 0", "waiting_hours", "greater than 0"),
    ],
)
def test_settings_that_cannot_be_are_reported_with_their_line(
    settings: Settings, lines: str, key: str, said: str
):
    file = settings.directory / "muniment.toml"
    text = file.read_text()
    file.write_text(f"{text}\n{lines}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(settings.directory)
    [fault] = caught.value.faults
    place = next(
        number
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if number > text.count("\n") and line.startswith(key)
    )
    assert fault.startswith(f"line {place}: alarms.")
    assert said in fault
