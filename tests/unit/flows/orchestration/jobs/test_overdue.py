"""When jobs run by themselves: what a cron text may be, and which of its times went by without the job."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from prefect.server.schemas.schedules import CronSchedule

from flows.alarms.alarm import AlarmKind
from flows.installation.job_records import (
    JobRecord,
    forget_schedule,
    record_of,
    recorded_run,
    scheduled_since,
    schedules_of,
)
from flows.installation.jobs import Job
from flows.installation.schedule import Schedule, require_cron, require_timezone
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now
from flows.orchestration.jobs.overdue import (
    GRACE,
    LONGEST_RUN,
    ScheduledJob,
    did_not_run,
    missed_jobs,
    overdue,
)
from preservation.errors import ConfigurationError, UnavailableError

NIGHTLY = Schedule("30 2 * * *", "UTC")
NIGHT = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "cron",
    ["30 4 * * *", "15 * * * *", "*/20 1-4 * * *", "0 3 1 * *", "0 0 * * mon", "0 5 * jan-mar/2 fri,7"],
)
def test_a_cron_text_names_the_times_at_which_prefect_runs(cron: str, timezone: str):
    began = datetime(2026, 1, 1, tzinfo=UTC)
    prefect = CronSchedule(cron=require_cron(cron), timezone=require_timezone(timezone))
    times = [moment.astimezone(UTC) for moment in asyncio.run(prefect.get_dates(n=60, start=began))]
    schedule = Schedule(cron, timezone)
    for moment in times:
        assert schedule.latest(moment) == moment
        assert schedule.latest(moment - timedelta(seconds=1)) < moment
    for before, moment in pairwise(times):
        assert schedule.latest(moment - timedelta(seconds=1)) == before


def test_in_the_night_in_which_clocks_are_put_forward_prefect_is_early_by_an_hour_at_most():
    began = datetime(2026, 3, 28, 12, tzinfo=UTC)
    prefect = CronSchedule(cron="30 2 * * *", timezone="Europe/Berlin")
    [ran] = asyncio.run(prefect.get_dates(n=1, start=began))
    job = a_job(Schedule("30 2 * * *", "Europe/Berlin"), JobRecord(ran, ran + MINUTE))
    for hours in range(20):
        assert overdue(job, ran + hours * HOUR) is None


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("nightly", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "minute is invalid"),
        ("0 0 30 2 *", "day of the month is invalid"),
        ("0 2 1 * 1", "not both"),
        ("0 0 L * *", "'L' names no day of the month"),
        ("0 0 * * sunday", "'sunday' names no day of the week"),
        ("0 0 0 * * *", "five fields"),
    ],
)
def test_what_names_no_times_is_reported_with_its_line_in_a_sentence(
    settings: Settings, cron: str, said: str
):
    file = settings.directory / "muniment.toml"
    file.write_text(file.read_text().replace('clear = "30 2 * * *"', f'clear = "{cron}"'))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(settings.directory)
    [fault] = caught.value.faults
    assert fault.startswith("line ")
    assert "schedules.clear: " in fault
    assert said in fault


def test_a_timezone_that_is_none_is_reported(settings: Settings):
    file = settings.directory / "muniment.toml"
    file.write_text(file.read_text().replace('timezone = "UTC"', 'timezone = "Berlin"'))
    with pytest.raises(ConfigurationError, match="no timezone 'Berlin'"):
        load_settings(settings.directory)


def test_an_empty_text_is_never_also_from_the_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    jobs = {job for job in Job if job.cron is not None}
    assert set(schedules_of(settings)) == jobs
    monkeypatch.setenv("MUNIMENT_SCHEDULES__CLEAR", "")
    assert set(schedules_of(load_settings(settings.directory))) == jobs - {Job.CLEAR}


def a_job(schedule: Schedule = NIGHTLY, record: JobRecord | None = None) -> ScheduledJob:
    return ScheduledJob(Job.CLEAR, schedule, NIGHT - 10 * DAY, record or JobRecord())


@pytest.mark.parametrize(
    ("record", "at", "due"),
    [
        pytest.param(JobRecord(), NIGHT + GRACE - MINUTE, NIGHT - DAY, id="the one before was missed"),
        pytest.param(JobRecord(), NIGHT + GRACE, NIGHT, id="never ran"),
        pytest.param(JobRecord(NIGHT, NIGHT + MINUTE), NIGHT + 24 * HOUR, None, id="ran"),
        pytest.param(
            JobRecord(NIGHT, NIGHT + MINUTE), NIGHT + DAY + GRACE, NIGHT + DAY, id="ran the night before"
        ),
        pytest.param(JobRecord(NIGHT, NIGHT + MINUTE), NIGHT + 30 * DAY, NIGHT + 29 * DAY, id="was down"),
        pytest.param(JobRecord(NIGHT, None), NIGHT + 5 * HOUR, None, id="goes on"),
        pytest.param(JobRecord(NIGHT, None), NIGHT + LONGEST_RUN + MINUTE, NIGHT, id="was killed"),
        pytest.param(JobRecord(NIGHT, None, "away"), NIGHT + GRACE, NIGHT, id="failed"),
        pytest.param(JobRecord(NIGHT, NIGHT + 3 * HOUR), NIGHT + 4 * HOUR, None, id="took long"),
    ],
)
def test_a_job_is_overdue_when_its_time_and_its_grace_are_over(
    record: JobRecord, at: datetime, due: datetime | None
):
    assert overdue(a_job(record=record), at) == due


def test_a_job_that_was_scheduled_after_its_time_has_not_missed_it():
    job = ScheduledJob(Job.CLEAR, NIGHTLY, NIGHT + MINUTE, JobRecord())
    assert overdue(job, NIGHT + 20 * HOUR) is None
    assert overdue(job, NIGHT + DAY + GRACE) == NIGHT + DAY


def test_each_time_that_a_job_did_not_run_is_an_alarm_of_its_own():
    alarm = did_not_run(a_job(), NIGHT, "It is paused in the Prefect UI.", NIGHT)
    assert (alarm.about, alarm.kind) == ("clear accepted", AlarmKind.DID_NOT_RUN)
    assert alarm.happened == (
        "It should have run at 2026-11-21 02:30 UTC, and did not. It is paused in the Prefect UI. "
        "It never ran successfully."
    )
    assert did_not_run(a_job(), NIGHT, "", NIGHT + HOUR).key == alarm.key
    assert did_not_run(a_job(), NIGHT + DAY, "", NIGHT).key != alarm.key


def test_the_alarm_says_whether_a_run_failed_or_does_not_end():
    failed = JobRecord(NIGHT, NIGHT - DAY, "the database is away")
    told = did_not_run(a_job(record=failed), NIGHT, "", NIGHT).happened
    assert "Its run of 2026-11-21 02:30 UTC failed: the database is away." in told
    assert told.endswith("It last ran successfully at 2026-11-20 02:30 UTC.")
    goes_on = JobRecord(NIGHT, None)
    assert "has not ended" in did_not_run(a_job(record=goes_on), NIGHT, "", NIGHT).happened


def test_a_run_is_recorded_when_it_begins_and_how_it_ended(settings: Settings):
    with recorded_run(Job.CLEAR, settings):
        first = record_of(Job.CLEAR, settings)
        assert first.began is not None
        assert first.ended is None
    done = record_of(Job.CLEAR, settings)
    assert done.ended is not None
    with pytest.raises(UnavailableError), recorded_run(Job.CLEAR, settings):
        raise UnavailableError("the store is away")
    failed = record_of(Job.CLEAR, settings)
    assert (failed.ended, failed.fault) == (done.ended, "the store is away")
    assert record_of(Job.VERIFY_JOURNAL, settings) == JobRecord()


def test_a_note_that_is_damaged_or_cannot_be_written_stops_no_job(settings: Settings):
    (settings.state / "jobs").write_text("no folder")
    with recorded_run(Job.CLEAR, settings):
        pass
    (settings.state / "jobs").unlink()
    (settings.state / "jobs").mkdir()
    (settings.state / "jobs" / "clear-accepted.json").write_text("{")
    assert record_of(Job.CLEAR, settings) == JobRecord()


def test_a_schedule_counts_from_when_it_was_first_seen_and_anew_when_it_changes(settings: Settings):
    assert scheduled_since(Job.CLEAR, NIGHTLY, NIGHT, settings) == NIGHT
    assert scheduled_since(Job.CLEAR, NIGHTLY, NIGHT + DAY, settings) == NIGHT
    weekly = Schedule("30 2 * * 0", "UTC")
    assert scheduled_since(Job.CLEAR, weekly, NIGHT + 2 * DAY, settings) == NIGHT + 2 * DAY
    forget_schedule(Job.CLEAR, settings)
    assert scheduled_since(Job.CLEAR, weekly, NIGHT + 3 * DAY, settings) == NIGHT + 3 * DAY


def test_what_was_recorded_by_a_clock_that_was_ahead_is_forgotten(settings: Settings):
    long_ago = now() - 400 * DAY
    with recorded_run(Job.CLEAR, settings):
        pass
    assert scheduled_since(Job.CLEAR, NIGHTLY, long_ago, settings) == long_ago
    assert record_of(Job.CLEAR, settings) == JobRecord()
    # From then on it is told as ever.
    since = scheduled_since(Job.CLEAR, NIGHTLY, long_ago + 2 * DAY, settings)
    assert since == long_ago
    assert overdue(ScheduledJob(Job.CLEAR, NIGHTLY, since, JobRecord()), long_ago + 2 * DAY) is not None


def test_what_did_not_run_is_known_without_a_service_and_after_the_clock_was_set_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    job, at = Job.VERIFY_JOURNAL, now()
    schedule = schedules_of(settings)[job]
    assert not list(missed_jobs(settings, at))
    scheduled_since(job, schedule, at - 3 * DAY, settings)
    [alarm] = missed_jobs(settings, at)
    assert (alarm.about, alarm.kind) == (job, AlarmKind.DID_NOT_RUN)
    for ran_at, missed in ((at, 0), (at + 9 * DAY, 1)):
        monkeypatch.setattr("flows.installation.job_records.now", lambda ran_at=ran_at: ran_at)
        with recorded_run(job, settings):
            pass
        assert len(list(missed_jobs(settings, at))) == missed
