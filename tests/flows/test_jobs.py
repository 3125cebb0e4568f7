"""Jobs as operators have them: run by a real worker, from a form or by a schedule, or missed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, State, StateDetails, StateType
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectHTTPStatusError
from services.alarm_receivers import WEBHOOK_SECRET
from services.time_stamping import Certifier, time_stamping
from services.workers import Service, ended_run, service, wake
from support.archives import Archive
from support.flow_runs import installed, preserved_together, surroundings
from support.takes import found_complete
from support.waiting import until

from flows.alarms.alarm import Alarm, AlarmKind
from flows.alarms.alarms import outbox_of
from flows.inboxes.answer import place
from flows.inboxes.folder.take import take
from flows.inboxes.queue.takes import Take
from flows.installation.job_records import JobRecord, record_of
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.orchestration.deployments import register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.jobs import missed
from flows.orchestration.jobs.missed import MissedJobs
from flows.orchestration.schedules import given
from preservation.model.identifiers import CollectionName

pytestmark = pytest.mark.in_prefect

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOLD = """
[[alarms.webhook]]
url = "http://127.0.0.1:9/nobody-listens"
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Archive:
    """An installation that delivers alarms, in which what is accepted is due at once."""
    made = installed(tmp_path_factory.mktemp("jobs") / "archive", prefect_url)
    file = made.directory / "muniment.toml"
    file.write_text(file.read_text() + TOLD)
    bit_level = made.directory / "policies" / "bit-level.toml"
    bit_level.write_text(bit_level.read_text() + "\n[retention]\naccepted_days = 0\n")
    return made


@pytest.fixture(scope="module", autouse=True)
def worker(archive: Archive) -> Iterator[Service]:
    """A worker, running."""
    os.environ["MUNIMENT_WEBHOOK_SECRET"] = WEBHOOK_SECRET
    with service(archive, "worker") as running:
        yield running
        assert running.process.poll() is None, running.lines
    assert "Traceback" not in running.lines, running.lines
    del os.environ["MUNIMENT_WEBHOOK_SECRET"]


@pytest.fixture
def settings(archive: Archive) -> Settings:
    with surroundings(archive):
        return load_settings(archive.directory)


def ran(archive: Archive, client: SyncPrefectClient, deployment: Job, **parameters: object) -> FlowRun:
    """Start a run as the form in the UI does, and wait for its end."""
    return ended_run(archive, begun(archive, client, deployment, **parameters))


def begun(archive: Archive, client: SyncPrefectClient, deployment: Job, **parameters: object) -> UUID:
    """Start a run as the form in the UI does; the worker, which would look in a few seconds, looks now."""
    there = client.read_deployment_by_name(deployment.full_name)
    run = client.create_flow_run_from_deployment(there.id, parameters=parameters)
    wake(archive)
    return run.id


def table(client: SyncPrefectClient, run: FlowRun) -> list[dict[str, Any]]:
    """The table that the run published."""
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    body = {"artifacts": of_run.model_dump(mode="json")}
    [found] = client.request("POST", "/artifacts/filter", json=body).json()
    assert found["type"] == "table"
    rows = found["data"]
    return json.loads(rows) if isinstance(rows, str) else rows


def logged(client: SyncPrefectClient, run: FlowRun) -> str:
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
    return "\n".join(line.message for line in client.read_logs(of_run, limit=200, offset=0))


def accepted(archive: Archive, settings: Settings, name: str, *more: str) -> Path:
    """Drop something, let it be taken, preserved and answered by one run; return where the first is then."""
    area = settings.areas[0]
    area.make_folders()
    takes = []
    for each in (name, *more):
        drop = area.inbox / "files" / each
        drop.mkdir(parents=True)
        (drop / "page 1.txt").write_text(f"Dear {each}")
        taken = take(found_complete(area, drop, collection=CollectionName("files")), now())
        assert isinstance(taken, Take)
        takes.append(taken)
    results = preserved_together(archive, *(taken.path for taken in takes))
    places = [place(result, taken) for result, taken in zip(results, takes, strict=True)]
    assert None not in places
    [placed, *_] = places
    assert placed is not None
    return placed


def alarms(settings: Settings, kind: AlarmKind) -> list[Alarm]:
    return [queued.alarm for queued in outbox_of(settings).waiting() if queued.alarm.kind is kind]


def test_a_job_runs_when_its_time_comes_and_what_was_due_is_cleared(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    kept = accepted(archive, settings, "letters")
    deployment = client.read_deployment_by_name(Job.CLEAR.full_name)
    began = now()
    # Prefect may see the schedule only when a time of it has gone by.
    assert given(deployment, IntervalSchedule(interval=timedelta(seconds=5)), client)
    until(lambda: not kept.exists(), "the schedule's run")
    until(lambda: record_of(Job.CLEAR, settings).ended is not None, "its end is noted")
    assert given(client.read_deployment_by_name(Job.CLEAR.full_name), None, client)
    under_way = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}
    left = {"deployments": {"id": {"any_": [str(deployment.id)]}}, "flow_runs": {"state": under_way}}
    # On a busy machine a second time of it came before: that run clears nothing of another test.
    until(lambda: not client.request("POST", "/flow_runs/filter", json=left).json(), "the end of its runs")
    # The deployment is every installation's that this Prefect serves, and other tests have had theirs run.
    of_deployment = {
        "deployments": {"id": {"any_": [str(deployment.id)]}},
        "flow_runs": {"expected_start_time": {"after_": began.isoformat()}},
        "sort": "EXPECTED_START_TIME_ASC",
    }

    def that_cleared() -> list[str]:
        # Either of two runs may have been the one that did it.
        found = client.request("POST", "/flow_runs/filter", json=of_deployment).json()
        return [one["id"] for one in found if one["state_name"] == "Cleared"]

    until(that_cleared, "its run")
    run = ended_run(archive, UUID(that_cleared()[0]))
    assert (run.name, run.state_name, run.state_type) == ("clear accepted", "Cleared", "COMPLETED")
    assert run.auto_scheduled
    [row] = table(client, run)
    assert (row["what"], row["drop"]) == ("removed", str(kept))
    assert "files/letters/v1" in row["why"]
    until(lambda: "files/letters/v1: removed" in logged(client, run), "its log has the object")


def test_what_has_to_stay_is_reported_in_the_state_and_an_unsound_replica_is_an_alarm(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    kept = accepted(archive, settings, "ledger")
    [page] = archive.store("first").glob("files/ledger/v1/data/**/page 1.txt")
    page.chmod(0o644)
    page.write_text("Dear nobody")
    rehearsed = ran(archive, client, Job.CLEAR, dry_run=True)
    assert rehearsed.name == "clear accepted (dry run)"
    run = ran(archive, client, Job.CLEAR)
    assert (run.state_name, run.state_type) == ("Stays", "FAILED")
    row, unsound = table(client, run)
    assert (row["what"], row["drop"]) == ("stays", str(kept))
    assert unsound["what"] == "unsound replica"
    assert "files/ledger/v1 in store first" in unsound["why"]
    assert kept.exists()
    [alarm] = alarms(settings, AlarmKind.INTEGRITY)
    assert alarm.about == "store first"
    assert "files/ledger" in alarm.happened
    shutil.rmtree(kept)
    assert ran(archive, client, Job.CLEAR).state_name == "Nothing due"


def test_a_drill_from_the_form_names_the_certificate_of_each_version(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, "sheet-013")
    dry = ran(archive, client, Job.DRILL, object_name="files/sheet-013", dry_run=True)
    assert dry.state_name == "Drilled (dry run)"
    run = ran(archive, client, Job.DRILL, object_name="files/sheet-013", store="second")
    assert (run.name, run.state_name) == ("drill restores", "Restored")
    [row] = table(client, run)
    assert (row["package"], row["store"], row["is"]) == ("files/sheet-013/v1", "second", "restored")
    assert Path(row["certificate"]).is_file()


def test_a_report_from_the_form_is_shown_in_the_ui_and_kept(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, "sheet-014")
    run = ran(archive, client, Job.REPORT)
    assert (run.name, run.state_name) == ("report holdings", "Reported")
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    [shown] = client.request(
        "POST", "/artifacts/filter", json={"artifacts": of_run.model_dump(mode="json")}
    ).json()
    assert shown["type"] == "markdown"
    assert "| Collection | Objects |" in shown["data"]
    assert list(settings.reports.glob("*-report.html"))
    refused = ran(archive, client, Job.REPORT, collection="NO")
    assert refused.state_name == "Refused"


def test_a_package_is_restored_from_the_form_into_the_folder_it_names(
    archive: Archive, settings: Settings, client: SyncPrefectClient, tmp_path: Path
):
    accepted(archive, settings, "sheet-012")
    wanted = {"object_name": "files/sheet-012", "target": str(tmp_path / "restored")}
    rehearsed = ran(archive, client, Job.RESTORE, **wanted, dry_run=True)
    assert rehearsed.state_name == "Restored (dry run)"
    assert not (tmp_path / "restored").exists()

    run = ran(archive, client, Job.RESTORE, **wanted)

    assert (run.name, run.state_name) == ("restore files/sheet-012", "Restored")
    assert (tmp_path / "restored" / "page 1.txt").read_text() == "Dear sheet-012"
    assert str(tmp_path / "restored") in [row["is"] for row in table(client, run)]

    (tmp_path / "restored" / "page 1.txt").write_text("mine")
    asked = [
        (begun(archive, client, Job.RESTORE, **wrong), said)
        for wrong, said in (
            (wanted, "page 1.txt"),
            ({**wanted, "object_name": "files/unheard-of"}, "files/unheard-of"),
            ({**wanted, "target": str(archive.store("first") / "files" / "new")}, "only Muniment writes"),
            ({**wanted, "target": str(tmp_path / "new"), "whole": True, "files": ["a"]}, "exclude"),
        )
    ]
    for identifier, said in asked:
        refused = ended_run(archive, identifier)
        assert (refused.state_name, refused.state_type) == ("Refused", "FAILED")
        assert refused.state is not None
        assert said in (refused.state.message or "")
    assert not (archive.store("first") / "files" / "new").exists()


@pytest.mark.parametrize(
    ("deployment", "parameters"),
    [
        (Job.RESTORE, {"object_name": "files/sheet", "target": "relative/path"}),
        (Job.RESTORE, {"object_name": "sheet", "target": "/srv/x"}),
        (Job.RESTORE, {"object_name": "files/sheet"}),
        (Job.RESTORE, {"object_name": "files/sheet", "target": "/x", "object_version": -1}),
        (Job.CLEAR, {"dry_run": "perhaps"}),
        (Job.CLEAR, {"dry-run": True}),
        (Job.VERIFY_JOURNAL, {"copy_at": "_journal"}),
    ],
)
def test_prefect_itself_refuses_what_the_form_does_not_have(
    client: SyncPrefectClient, deployment: Job, parameters: dict[str, object]
):
    there = client.read_deployment_by_name(deployment.full_name)
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        client.create_flow_run_from_deployment(there.id, parameters=parameters)


def test_what_a_store_lost_of_the_journal_is_given_again_by_the_job_and_is_an_alarm(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, "accounts")
    for file in (archive.store("second") / "_journal").glob("*.jsonl"):
        file.unlink()
    run = ran(archive, client, Job.SEAL_JOURNAL)
    assert (run.name, run.state_name, run.state_type) == ("seal the journal", "Repaired", "FAILED")
    assert any("store second lacked" in row["what was found"] for row in table(client, run))
    assert any("store second lacked" in one.happened for one in alarms(settings, AlarmKind.INTEGRITY))
    assert record_of(Job.SEAL_JOURNAL, settings).ended is not None
    again = ran(archive, client, Job.SEAL_JOURNAL)
    assert (again.state_name, again.state_type) == ("Sealed", "COMPLETED")


def test_the_job_has_the_journal_time_stamped_and_fails_where_an_authority_does_not(
    archive: Archive, settings: Settings, client: SyncPrefectClient, tmp_path: Path
):
    certifier = Certifier.made(tmp_path / "tsa")
    certifier.certify("tsa")
    file = archive.directory / "muniment.toml"
    before = file.read_text()
    accepted(archive, settings, "ledgers")
    with time_stamping(certifier) as tsa:
        file.write_text(f'{before}\n[[witness.authority]]\nurl = "{tsa.url}"\nroots = "{certifier.roots}"\n')
        tsa.fault = lambda _: (503, [])
        run = ran(archive, client, Job.SEAL_JOURNAL)
        assert (run.state_name, run.state_type) == ("Not everywhere", "FAILED")
        assert any("it answered 503" in row["what was found"] for row in table(client, run))
        assert "it answered 503" in record_of(Job.SEAL_JOURNAL, settings).fault
        tsa.fault = None
        run = ran(archive, client, Job.SEAL_JOURNAL)
        assert (run.state_name, run.state_type) == ("Sealed", "COMPLETED")
        assert list((archive.store("second") / "_journal").glob("*.tsr"))
        assert ran(archive, client, Job.VERIFY_JOURNAL).state_name == "Intact"
    file.write_text(before)


def test_the_journal_is_intact_until_it_is_altered_and_then_it_is_an_alarm(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, "minutes")
    run = ran(archive, client, Job.VERIFY_JOURNAL)
    assert (run.name, run.state_name, run.state_type) == ("verify the journal", "Intact", "COMPLETED")
    assert record_of(Job.VERIFY_JOURNAL, settings).ended is not None
    copy = ran(archive, client, Job.VERIFY_JOURNAL, copy_at=str(archive.store("second") / "_journal"))
    assert copy.state_name == "Intact"
    assert copy.name.startswith("verify the journal in /")

    database = archive.directory / "state" / "muniment.db"
    backup = database.read_bytes()
    with sqlite3.connect(database) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE journal SET line = replace(line, 'success', 'failure') WHERE seq = 2")
    connection.close()
    broken = ran(archive, client, Job.VERIFY_JOURNAL)
    database.write_bytes(backup)

    assert (broken.state_name, broken.state_type) == ("Broken", "FAILED")
    assert any("entry 2" in row["what was found"] for row in table(client, broken))
    assert any(
        "entry 2" in one.happened
        for one in alarms(settings, AlarmKind.INTEGRITY)
        if one.about == "the journal"
    )


def test_upcoming_runs_have_the_names_of_their_jobs(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    deployment = client.read_deployment_by_name(Job.CLEAR.full_name)
    body = {
        "deployments": {"id": {"any_": [str(deployment.id)]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }

    def names() -> set[str]:
        return {run["name"] for run in client.request("POST", "/flow_runs/filter", json=body).json()}

    assert given(deployment, IntervalSchedule(interval=timedelta(hours=5)), client)
    until(names, "the scheduler has seen it")
    assert names() != {"clear accepted"}
    MissedJobs(settings, PrefectApi(archive.api_url))._check_and_name()
    assert names() == {"clear accepted"}
    # Where Prefect is away, jobs are checked all the same.
    MissedJobs(settings, PrefectApi("http://127.0.0.1:9/api"))._check_and_name()
    assert given(client.read_deployment_by_name(Job.CLEAR.full_name), None, client)


@pytest.mark.soak
def test_a_job_that_did_not_run_is_reported_once_and_whether_it_was_paused(
    settings: Settings, client: SyncPrefectClient, archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    settings = load_settings(settings.directory)
    began = datetime.fromisoformat("2026-11-21T12:00:00Z")
    moment = began
    monkeypatch.setattr(missed, "now", lambda: moment)
    shutil.rmtree(settings.state / "jobs", ignore_errors=True)
    api = PrefectApi(archive.api_url)
    register_deployments(settings, api)

    def looked() -> list[str]:
        looking = MissedJobs(settings, api)
        for _ in range(2):
            looking.check()
        return [
            alarm.happened for alarm in alarms(settings, AlarmKind.DID_NOT_RUN) if alarm.about == Job.CLEAR
        ]

    assert looked() == [], "it was only just configured"
    moment = began + 15 * HOUR
    assert looked() == [], "it may be late by an hour"
    moment = began + 16 * HOUR
    [first] = looked()
    assert first == "It should have run at 2026-11-22 02:30 UTC, and did not. It never ran successfully."

    deployment = client.read_deployment_by_name(Job.CLEAR.full_name)
    client.update_deployment(deployment.id, DeploymentUpdate(paused=True))
    moment = began + 16 * HOUR + DAY
    assert len(looked()) == 2
    assert "It is paused in the Prefect UI." in looked()[-1]
    client.update_deployment(deployment.id, DeploymentUpdate(paused=False))

    api = PrefectApi("http://127.0.0.1:9/api")
    moment = began + 16 * HOUR + 2 * DAY
    assert "does not answer" in looked()[-1]
    # Set back, it is told of nothing; and the job's time that comes then is told as ever.
    moment = began - 30 * DAY
    assert len(looked()) == 3
    moment = began - 29 * DAY
    assert "2026-10-23 02:30" in looked()[-1] or "2026-10-23 02:30" in looked()[0]
    assert record_of(Job.CLEAR, settings) == JobRecord()


def test_an_audit_is_started_from_its_form_and_shows_what_is_not_as_it_was_kept(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, "audited")
    page = archive.store("second") / "files/audited/v1/data/originals/page 1.txt"
    before = page.read_bytes()
    page.chmod(0o600)
    page.write_bytes(b"Dear somebody else")
    try:
        run = ran(archive, client, Job.AUDIT, object_name="files/audited")
        assert (run.name, run.state_name) == ("audit files/audited", "Damaged")
        [row] = table(client, run)
        assert (row["store"], row["package"], row["is"]) == ("second", "files/audited/v1", "1 not as kept")
        assert any("files/audited" in one.happened for one in alarms(settings, AlarmKind.INTEGRITY))
    finally:
        page.write_bytes(before)
    assert ran(archive, client, Job.AUDIT, object_name="files/audited").state_name == "As kept"


def test_damage_is_approved_in_the_form_and_repaired_by_that_run(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, "repaired")
    page = archive.store("second") / "files/repaired/v1/data/originals/page 1.txt"
    before = page.read_bytes()
    page.chmod(0o600)
    page.write_bytes(b"Dear somebody else")
    assert ran(archive, client, Job.AUDIT, object_name="files/repaired").state_name == "Damaged"
    run = ran(archive, client, Job.REPAIR_DAMAGE)
    assert (run.name, run.state_name) == ("repair damage", "Waiting"), logged(client, run)
    [row] = table(client, run)
    assert (row["store"], row["package"], row["is"]) == ("second", "files/repaired/v1", "waiting")
    run = ran(archive, client, Job.REPAIR_DAMAGE, approve=row["damage"], by="A. Turner", because="bit rot")
    assert run.state_name == "Repaired", logged(client, run)
    assert page.read_bytes() == before
    assert ran(archive, client, Job.REPAIR_DAMAGE).state_name == "Nothing to repair"


def assert_each_replica_was_read_once(settings: Settings, after: int) -> None:
    """Look for the readings behind that entry of the journal."""
    with open_installation(settings) as opened:
        read = [
            (entry.object, entry.detail)
            for entry in opened.journal.about()
            if entry.seq > after and "read from where they rest" in entry.detail
        ]
        kept = sum(len(one.replicas) for one in opened.catalogue.packages())
    assert len(read) == len(set(read)) == kept


def test_an_audit_is_shared_by_several_runs_and_reads_nothing_twice(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, *(f"shared {number}" for number in range(4)))
    with open_installation(settings) as opened:
        before = opened.journal.head().seq
    first = ran(archive, client, Job.AUDIT, everything=True, runs=2)
    there = client.read_deployment_by_name(Job.AUDIT.full_name)
    of_audit = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[there.id]))

    def other() -> FlowRun:
        newest = FlowRunSort.EXPECTED_START_TIME_DESC
        runs = client.read_flow_runs(flow_run_filter=of_audit, sort=newest, limit=2)
        [run] = [run for run in runs if run.id != first.id]
        return run

    until(lambda: other().state is not None and other().state.is_final(), "the end of the other run")
    # Other tests leave damage in the archive.
    assert {first.state_name, other().state_name} <= {"As kept", "Damaged", "Nothing read"}
    assert_each_replica_was_read_once(settings, before)


@pytest.mark.soak
def test_an_audit_that_is_paused_stops_and_goes_on_there_when_it_is_resumed(
    archive: Archive, settings: Settings, client: SyncPrefectClient
):
    accepted(archive, settings, "paused")
    policy = archive.directory / "policies" / "bit-level.toml"
    as_before = policy.read_text()
    with open_installation(settings) as opened:
        before = opened.journal.head().seq
    there = client.read_deployment_by_name(Job.AUDIT.full_name)
    try:
        # So slow that it would take minutes.
        policy.write_text(f'{as_before}\n[fixity]\nrate = "1 kB"\n')
        run = client.create_flow_run_from_deployment(there.id, parameters={"everything": True})
        wake(archive)
        with open_installation(settings) as opened:
            until(opened.audits.claimants, "it has begun to read")
            # As the UI does it.
            details = StateDetails(pause_timeout=now() + HOUR, pause_reschedule=True)
            paused: State[None] = State(type=StateType.PAUSED, name="Suspended", state_details=details)
            client.set_flow_run_state(run.id, paused)
            until(lambda: not opened.audits.claimants(), "it gives back what it had claimed")
        until(
            lambda: "is paused" in logged(client, run) or "paused: what was" in logged(client, run), "its end"
        )
        state = client.read_flow_run(run.id).state
        assert state is not None
        assert state.is_paused()
    finally:
        policy.write_text(as_before)
    client.resume_flow_run(run.id)
    wake(archive)
    ended = ended_run(archive, run.id)
    # Other tests leave damage in the archive.
    assert ended.state_name in {"As kept", "Damaged"}, logged(client, ended)
    assert_each_replica_was_read_once(settings, before)
