"""Asking Prefect for runs of the deployment ``preserve/drops``, and which of them have not ended."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.installation.bell import run_bell
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.orchestration.client import client_settings
from flows.orchestration.deployments import PRESERVE_DROPS, register_deployments
from flows.orchestration.environment import PrefectApi
from flows.orchestration.parameters import parameters_of, parse_drops
from flows.submission.drop import DropRequest, label_of
from preservation.errors import ConfigurationError

_PAGE = 200
_UNDER_WAY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
"""A paused run is none of them: its process may go on or not, and nobody knows until when it is paused."""

_BUSY_SECONDS = (0.1, 0.2, 0.5, 1.0)
"""A server that is just writing says that it is unavailable; Prefect's own client would wait two seconds."""

_Answer = TypeVar("_Answer")

_SOON = timedelta(minutes=1)
"""Clocks differ: what is due so soon is taken to be due."""


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run that is under way: asked for, waiting for a worker, or running."""

    identifier: UUID
    state: str
    asked_at: datetime
    drops: tuple[DropRequest, ...]


class Runs:
    """The runs of one installation. What is raised by Prefect's being away is ``httpx.HTTPError``."""

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
            # Somebody has replaced the deployment, or all of Prefect's database, since we last asked.
            self._deployment = None
            run = self._asked(self._deployment_id(), asked)
        run_bell(self._settings).ring()
        return run

    def under_way(self) -> list[AskedRun]:
        """Return the runs of this installation that are under way, first those asked for first.

        One that somebody paused, or put off to a later time, is not: its drop is worth another run meanwhile,
        and of two runs of one object the second one finds it in hand, or done.
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
            name=f"preserve {label_of(drops)}",
            parameters=parameters_of(self._settings.directory, drops),
            tags=sorted({drop.collection for drop in drops}),
            # Asked again for the same, whatever was heard of the first time, it is the same run.
            idempotency_key=uuid4().hex,
        )
        return _when_free(asked_for).id

    def _drops_of(self, run: FlowRun) -> Iterator[list[DropRequest]]:
        """Give the drops of a run; nothing where it is another installation's, or asks for nonsense."""
        if Path(run.parameters.get("directory", "")) != self._settings.directory:
            return
        try:
            yield parse_drops(run.parameters.get("drops", []))
        except ConfigurationError:
            # Started by hand, with parameters that the run itself will refuse.
            return

    def _read(self) -> Iterator[FlowRun]:
        state = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNDER_WAY))
        # By its names: its identifier is another one once somebody has replaced it.
        flow, _, deployment = PRESERVE_DROPS.partition("/")
        offset = 0
        while True:
            page = _when_free(
                partial(
                    self._client.read_flow_runs,
                    flow_run_filter=FlowRunFilter(state=state),
                    flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                    deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[deployment])),
                    sort=FlowRunSort.EXPECTED_START_TIME_ASC,
                    limit=_PAGE,
                    offset=offset,
                )
            )
            yield from page
            if len(page) < _PAGE:
                return
            offset += _PAGE

    def _deployment_id(self) -> UUID:
        """Return the deployment's identifier; where somebody has deleted it, it is registered again."""
        if self._deployment is None:
            try:
                self._deployment = self._client.read_deployment_by_name(PRESERVE_DROPS).id
            except ObjectNotFound:
                register_deployments(self._settings, self._api)
                self._deployment = self._client.read_deployment_by_name(PRESERVE_DROPS).id
        return self._deployment


def _when_free(call: Callable[[], _Answer]) -> _Answer:
    """Ask, and soon again where the server is busy. Raises ``httpx.HTTPError`` where it stays so."""
    for pause in _BUSY_SECONDS:
        try:
            return call()
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise
        time.sleep(pause)
    return call()


def _is_put_off(run: FlowRun, soon: datetime) -> bool:
    """Say whether the run is scheduled for a later time than ``soon``."""
    due = run.next_scheduled_start_time
    return run.state_type is StateType.SCHEDULED and due is not None and due > soon


@contextmanager
def open_runs(settings: Settings, api: PrefectApi) -> Iterator[Runs]:
    """Give the runs of the installation, over one connection to Prefect, for as long as the context lasts."""
    told = {**client_settings(api), PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(told), get_client(sync_client=True) as client:
        yield Runs(settings, api, client)
