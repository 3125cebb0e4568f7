"""Asking Prefect for runs of the deployment ``preserve drops``, and which of them have not ended."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.installation.bell import run_bell
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.client import client_settings, runs_in
from flows.orchestration.deployments import PRESERVE_DROPS, register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.parameters import parameters_of, parse_drops
from flows.submission.drop import DropRequest, run_name_of, tags_of
from preservation.errors import ConfigurationError

_PAGE = 200
_UNDER_WAY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
"""Not paused runs: it is not known whether their processes go on, and until when they are paused."""

_BUSY_SECONDS = (0.1, 0.2, 0.5, 1.0)
"""A server answers that it is unavailable while it writes; Prefect's own client would wait two seconds."""

_Answer = TypeVar("_Answer")

_SOON = timedelta(minutes=1)
"""Clocks differ: a run that is due so soon counts as due."""


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run that has not ended: asked for, waiting for a worker, or running."""

    identifier: UUID
    state: str
    asked_at: datetime
    drops: tuple[DropRequest, ...]


class Runs:
    """The runs of one installation. Its methods raise ``httpx.HTTPError`` where Prefect does not answer."""

    def __init__(self, settings: Settings, api: PrefectApi, client: SyncPrefectClient) -> None:
        self._settings = settings
        self._api = api
        self._client = client
        self._deployment: UUID | None = None

    def ask(self, drops: Sequence[DropRequest]) -> UUID:
        """Ask for a run for ``drops``, as soon as a worker is free; return the run's identifier."""
        asked = list(drops)
        try:
            run = self._asked(self._deployment_id(), asked)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
            # The deployment, or all of Prefect's database, was replaced since the last request.
            self._deployment = None
            run = self._asked(self._deployment_id(), asked)
        run_bell(self._settings).ring()
        return run

    def under_way(self) -> list[AskedRun]:
        """Return the runs of this installation that are under way, the oldest request first.

        A run that a user paused, or put off to a later time, is not: its drop gets another run meanwhile, and
        of two runs of one object the second one finds it claimed, or done.
        """
        soon = now() + _SOON
        return [
            AskedRun(run.id, run.state_name or "", run.created or now(), tuple(drops))
            for run in self._read()
            if not _is_put_off(run, soon)
            for drops in self._drops_of(run)
        ]

    def _asked(self, deployment: UUID, drops: list[DropRequest]) -> UUID:
        asked_for = partial(
            self._client.create_flow_run_from_deployment,
            deployment,
            name=run_name_of(drops),
            parameters=parameters_of(self._settings.directory, drops),
            tags=tags_of(drops),
            # A request that is repeated because its answer was lost asks for the same run.
            idempotency_key=uuid4().hex,
        )
        return _when_free(asked_for).id

    def _drops_of(self, run: FlowRun) -> Iterator[list[DropRequest]]:
        """Yield the drops of a run; nothing where it is another installation's, or not valid."""
        if Path(run.parameters.get("directory", "")) != self._settings.directory:
            return
        try:
            yield parse_drops(run.parameters.get("drops", []))
        except ConfigurationError:
            # It was started by hand, and the run itself rejects its parameters.
            return

    def _read(self) -> Iterator[FlowRun]:
        # Of any deployment: one that was replaced or renamed is gone, and the run that it began goes on.
        of_deployments = runs_in(_UNDER_WAY)
        of_deployments.deployment_id = FlowRunFilterDeploymentId(is_null_=False)
        flow, _, _ = PRESERVE_DROPS.partition("/")
        read = partial(
            self._client.read_flow_runs,
            flow_run_filter=of_deployments,
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=_PAGE,
        )
        for offset in count(0, _PAGE):
            page = _when_free(partial(read, offset=offset))
            yield from page
            if len(page) < _PAGE:
                return

    def _deployment_id(self) -> UUID:
        """Return the deployment's identifier; where a user has deleted it, it is registered again."""
        if self._deployment is None:
            try:
                self._deployment = self._client.read_deployment_by_name(PRESERVE_DROPS).id
            except ObjectNotFound:
                register_deployments(self._settings, self._api)
                self._deployment = self._client.read_deployment_by_name(PRESERVE_DROPS).id
        return self._deployment


def _when_free(call: Callable[[], _Answer]) -> _Answer:
    """Ask, and soon again where the server is busy. Raises ``httpx.HTTPError`` where it stays busy."""
    for pause in _BUSY_SECONDS:
        try:
            return call()
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise
        time.sleep(pause)
    return call()


def _is_put_off(run: FlowRun, soon: datetime) -> bool:
    """Return whether the run is scheduled for a later time than ``soon``."""
    due = run.next_scheduled_start_time
    return run.state_type is StateType.SCHEDULED and due is not None and due > soon


@contextmanager
def open_runs(settings: Settings, api: PrefectApi) -> Iterator[Runs]:
    """Yield the runs of the installation, over one connection to Prefect, while the context lasts."""
    ours = {**client_settings(api), PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(ours), get_client(sync_client=True) as client:
        yield Runs(settings, api, client)
