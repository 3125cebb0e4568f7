"""What is registered of the flows: the deployment, its form, and what a run is asked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Cancelling, Completed, Paused, Running, Scheduled
from services.failing_prefect import Door, FailingPrefect
from support.archives import Archive
from support.flow_runs import installed

from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.orchestration.deployments import PRESERVE_DROPS, WORK_POOL, register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.parameters import parameters_of, parse_drops
from flows.orchestration.run_requests import open_runs
from flows.submission.drop import DropRequest
from preservation.errors import ConfigurationError

pytestmark = pytest.mark.in_prefect

ALL = ("preserve drops", *Job)
FULL_NAMES = (PRESERVE_DROPS, *(job.full_name for job in Job))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Archive:
    """An installation that these tests share: of another one, everything is registered anew."""
    return installed(tmp_path_factory.mktemp("deployments") / "archive", prefect_url)


@pytest.fixture
def new(tmp_path: Path, prefect_url: str) -> Archive:
    """An installation of which nothing is registered yet."""
    return installed(tmp_path / "new", prefect_url)


def register(archive: Archive) -> tuple[str, ...]:
    return register_deployments(load_settings(archive.directory), PrefectApi(archive.api_url))


def once_free(ask: Callable[[], UUID]) -> UUID:
    """Ask until Prefect answers, which other tests keep busy too; pytest limits how long."""
    while True:
        try:
            return ask()
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise
        time.sleep(0.1)


def test_registering_twice_changes_nothing_and_leaves_what_an_operator_set(
    new: Archive, client: SyncPrefectClient
):
    assert register(new) == ALL
    there = client.read_deployment_by_name(PRESERVE_DROPS)
    client.update_deployment(there.id, DeploymentUpdate(paused=True, tags=["muniment", "night shift"]))
    before = client.read_deployment_by_name(PRESERVE_DROPS)

    assert register(new) == ()
    after = client.read_deployment_by_name(PRESERVE_DROPS)
    assert after == before
    assert after.paused

    client.update_deployment(there.id, DeploymentUpdate(paused=False))


def test_a_deployment_of_another_version_is_brought_up_to_date(
    installation: Archive, client: SyncPrefectClient
):
    register(installation)
    there = client.read_deployment_by_name(PRESERVE_DROPS)
    client.update_deployment(there.id, DeploymentUpdate(version="0.0.1", description="as it was once"))

    assert register(installation) == ("preserve drops",)
    again = client.read_deployment_by_name(PRESERVE_DROPS)
    assert again.id == there.id
    assert again.version == there.version
    assert again.description == there.description
    assert again.work_pool_name == WORK_POOL
    assert client.read_work_pool(WORK_POOL).type == "muniment"


def test_the_pool_of_an_earlier_version_is_replaced_and_its_runs_are_asked_for_again(
    installation: Archive, ledger: Path, client: SyncPrefectClient
):
    register(installation)
    deployments = [client.read_deployment_by_name(name) for name in FULL_NAMES]
    client.delete_work_pool(WORK_POOL)
    # What Muniment 0.1.0 made, and an operator set.
    client.create_work_pool(
        WorkPoolCreate(name=WORK_POOL, type="process", is_paused=True, concurrency_limit=3)
    )
    for there in deployments:
        command = {"command": "python -m flows.hand"}
        client.update_deployment(
            there.id, DeploymentUpdate(version="0.1.0", work_pool_name=WORK_POOL, job_variables=command)
        )
    waiting = client.create_flow_run_from_deployment(
        deployments[0].id,
        parameters=parameters_of(installation.directory, [DropRequest(ledger, "files", "ledger")]),
    )
    lost = client.create_flow_run_from_deployment(deployments[0].id, parameters=waiting.parameters)
    client.set_flow_run_state(lost.id, Running(), force=True)

    assert set(register(installation)) == set(ALL)
    pool = client.read_work_pool(WORK_POOL)
    assert (pool.type, pool.is_paused, pool.concurrency_limit) == ("muniment", True, 3)
    for there in map(client.read_deployment_by_name, FULL_NAMES):
        assert (there.work_pool_name, there.job_variables) == (WORK_POOL, {})
        assert there.id in {before.id for before in deployments}
    for run in (waiting, lost):
        ended = client.read_flow_run(run.id).state
        assert ended is not None
        assert (ended.name, "ask for it again" in (ended.message or "")) == ("Cancelled", True)
    settings, api = load_settings(installation.directory), PrefectApi(installation.api_url)
    with open_runs(settings, api) as runs:
        assert runs.under_way() == []
    assert register(installation) == ()
    client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=False, concurrency_limit=None))


def test_deployments_are_given_the_pool_again_where_it_was_removed(
    installation: Archive, client: SyncPrefectClient
):
    register(installation)
    client.delete_work_pool(WORK_POOL)
    assert set(register(installation)) == set(ALL)
    assert {client.read_deployment_by_name(name).work_pool_name for name in FULL_NAMES} == {WORK_POOL}


def test_every_field_of_the_form_has_a_title_and_a_description(
    installation: Archive, client: SyncPrefectClient
):
    register(installation)
    deployment = client.read_deployment_by_name(PRESERVE_DROPS)
    schema = deployment.parameter_openapi_schema
    drop = schema["definitions"]["DropParameters"]
    fields = [*schema["properties"].items(), *drop["properties"].items()]
    assert [name for name, _ in fields] == [
        "directory", "drops", "path", "collection", "object_name", "approved_by", "because", "taken",
    ]  # fmt: skip
    for name, field in fields:
        assert field["title"] != name, name
        assert len(field["description"].split()) > 4, name
    assert drop["required"] == ["path", "collection"]
    assert deployment.parameters == {"directory": str(installation.directory)}


FORMS = (
    (Job.CLEAR, ["directory", "dry_run"], ["directory"]),
    (Job.SEAL_JOURNAL, ["directory"], ["directory"]),
    (Job.VERIFY_JOURNAL, ["directory", "copy_at"], ["directory"]),
    (Job.REPAIR_DAMAGE, ["directory", "approve", "by", "because", "dry_run"], ["directory"]),
    (
        Job.RESTORE,
        ["directory", "object_name", "target", "object_version", "files", "whole", "store", "dry_run"],
        ["directory", "object_name", "target"],
    ),
)
"""Of a job, the fields of its form, and those that must be filled in."""


def test_every_field_of_a_jobs_form_is_reported_and_what_can_has_a_default(
    installation: Archive, client: SyncPrefectClient
):
    register(installation)
    for deployment, names, required in FORMS:
        there = client.read_deployment_by_name(deployment.full_name)
        schema = there.parameter_openapi_schema
        assert list(schema["properties"]) == names, deployment
        assert schema["required"] == required, deployment
        for name, field in schema["properties"].items():
            assert field["title"] != name, name
            assert len(field["description"].split()) > 4, name
            assert name in required or "default" in field or field["type"] == "array", name
        assert there.parameters == {"directory": str(installation.directory)}, deployment


def schedules(client: SyncPrefectClient) -> dict[tuple[str, str], bool]:
    """The schedules of what clears, and whether each is active."""
    found = client.read_deployment_by_name(Job.CLEAR.full_name).schedules
    return {(one.schedule.cron, one.schedule.timezone or ""): one.active for one in found}


def scheduled(archive: Archive, clear: str) -> tuple[str, ...]:
    """Register with that schedule in the settings."""
    file = archive.directory / "muniment.toml"
    lines = [
        f'clear = "{clear}"' if line.startswith("clear = ") else line
        for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines))
    return register(archive)


def test_the_schedule_of_the_settings_is_registered_once_and_what_operators_did_stays(
    new: Archive, client: SyncPrefectClient
):
    register(new)
    nightly, at_five = ("30 2 * * *", "UTC"), ("0 5 * * *", "UTC")
    assert schedules(client) == {nightly: True}
    assert register(new) == ()

    deployment = client.read_deployment_by_name(Job.CLEAR.full_name)
    [ours] = deployment.schedules
    client.update_deployment_schedule(deployment.id, ours.id, active=False)
    theirs = CronSchedule(cron="0 5 * * *", timezone="UTC")
    client.create_deployment_schedules(deployment.id, [(theirs, True)])
    assert register(new) == ()
    assert schedules(client) == {nightly: False, at_five: True}

    assert scheduled(new, "0 6 * * 0") == (Job.CLEAR,)
    assert schedules(client) == {("0 6 * * 0", "UTC"): False, at_five: True}
    client.update_deployment(deployment.id, DeploymentUpdate(version="0.0.1", paused=True))
    assert register(new) == (Job.CLEAR,)
    assert schedules(client) == {("0 6 * * 0", "UTC"): False, at_five: True}
    assert client.read_deployment_by_name(Job.CLEAR.full_name).paused
    assert scheduled(new, "") == (Job.CLEAR,)
    assert schedules(client) == {at_five: True}
    assert scheduled(new, "") == ()

    client.delete_deployment(deployment.id)


@pytest.mark.parametrize("name", ["box\u00a01__sheet", "box\u30001__sheet", "f\u00fchrer"])
def test_an_objects_name_goes_to_the_run_whatever_text_it_is(name: str, tmp_path: Path):
    drop = DropRequest(tmp_path / "sheet", "maps", name, taken="20261121-1")
    assert parse_drops(parameters_of(tmp_path, [drop])["drops"]) == [drop]


@pytest.mark.parametrize("name", [b"sheet 012", b"f\xfchrer", b"new\nline", b"file:"])
def test_a_drop_comes_out_of_a_runs_parameters_as_it_went_in(name: bytes, tmp_path: Path):
    path = tmp_path / os.fsdecode(name)
    drop = DropRequest(path, "maps", path.name, approved_by="Ada", because="seen", taken="20261121-1")

    parameters = parameters_of(tmp_path, [drop])

    assert parse_drops(parameters["drops"]) == [drop]


def test_the_runs_under_way_are_those_of_the_installation_that_have_not_ended(
    installation: Archive, ledger: Path, client: SyncPrefectClient
):
    settings, api = load_settings(installation.directory), PrefectApi(installation.api_url)
    drop = DropRequest(ledger, "files", "ledger", taken="20261121-1")
    with open_runs(settings, api) as runs:
        first = once_free(lambda: runs.ask([drop]))
        second = once_free(lambda: runs.ask([drop, drop]))
        strange = client.create_flow_run_from_deployment(
            client.read_deployment_by_name(PRESERVE_DROPS).id,
            parameters=parameters_of(ledger, [drop]),
        )
        assert [(run.identifier, run.drops) for run in runs.under_way()] == [
            (first, (drop,)),
            (second, (drop, drop)),
        ]
        client.set_flow_run_state(first, Completed(), force=True)
        assert [run.identifier for run in runs.under_way()] == [second]
        for away in (Paused(), Scheduled(scheduled_time=datetime.now(UTC) + timedelta(hours=1))):
            client.set_flow_run_state(second, away, force=True)
            assert runs.under_way() == [], "it holds its place for as long as nobody goes on with it"
        for state in (Running(), Cancelling()):
            client.set_flow_run_state(second, state, force=True)
        assert [run.identifier for run in runs.under_way()] == [second]
    for run in (second, strange.id):
        client.delete_flow_run(run)


def test_a_deployment_that_was_replaced_is_found_again(
    installation: Archive, ledger: Path, client: SyncPrefectClient
):
    settings, api = load_settings(installation.directory), PrefectApi(installation.api_url)
    drop = DropRequest(ledger, "files", "ledger", taken="20261121-1")
    with open_runs(settings, api) as runs:
        first = once_free(lambda: runs.ask([drop]))
        client.delete_flow_run(first)
        client.delete_deployment(client.read_deployment_by_name(PRESERVE_DROPS).id)
        second = once_free(lambda: runs.ask([drop]))
        assert [run.identifier for run in runs.under_way()] == [second]
    client.delete_flow_run(second)


def test_a_busy_prefect_is_asked_again_at_once_and_gets_one_run(
    installation: Archive, ledger: Path, client: SyncPrefectClient
):
    settings, prefect = load_settings(installation.directory), FailingPrefect(installation.api_url)
    drop = DropRequest(ledger, "files", "ledger", taken="20261121-1")
    with open_runs(settings, PrefectApi(prefect.url)) as runs:
        client.delete_flow_run(once_free(lambda: runs.ask([drop])))
        prefect.shut(Door.BUSY)
        free = threading.Timer(0.4, prefect.shut, [Door.OPEN])
        free.start()
        asked = runs.ask([drop])
        assert free.finished.is_set(), "it was not busy"
        assert [run.identifier for run in runs.under_way()] == [asked]
        prefect.shut(Door.BUSY)
        with pytest.raises(httpx.HTTPStatusError, match="503"):
            runs.ask([drop])
    client.delete_flow_run(asked)


def test_what_is_no_drop_is_reported_with_what_is_wrong_with_it():
    with pytest.raises(ConfigurationError, match=r"collection: Field required.*colection: Extra inputs"):
        parse_drops([{"path": "/drop", "colection": "maps"}])
