"""Asking Prefect for runs of the deployment ``preserve/drops``, and which of them have not ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployments import PRESERVE_DROPS, register_deployments
from flows.drops import Drop, label_of
from flows.parameters import drops_asked, parameters_of
from flows.serving import PrefectApi
from flows.settings import Settings
from preservation.errors import ConfigurationError

_PAGE = 200
_NOT_ENDED = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
]


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run that has not ended: asked for, waiting for a worker, or running."""

    identifier: UUID
    state: str
    drops: tuple[Drop, ...]


class Runs:
    """The runs of one installation. What is raised by Prefect's being away is ``httpx.HTTPError``."""

    def __init__(self, settings: Settings, api: PrefectApi, client: SyncPrefectClient) -> None:
        self._settings = settings
        self._api = api
        self._client = client
        self._deployment: UUID | None = None

    def ask(self, drops: Sequence[Drop]) -> UUID:
        """Ask for a run for ``drops``, as soon as a worker is free; return the run's identifier."""
        asked = list(drops)
        run = self._client.create_flow_run_from_deployment(
            self._deployment_id(),
            name=f"preserve {label_of(asked)}",
            parameters=parameters_of(self._settings.directory, asked),
            tags=sorted({drop.collection for drop in asked}),
        )
        return run.id

    def under_way(self) -> list[AskedRun]:
        """Return the runs of this installation that have not ended, first those asked for first."""
        return [
            AskedRun(run.id, run.state_name or "", tuple(drops))
            for run in self._not_ended()
            for drops in self._drops_of(run)
        ]

    def _drops_of(self, run: FlowRun) -> Iterator[list[Drop]]:
        """Give the drops of a run; nothing where it is another installation's, or asks for nonsense."""
        if Path(run.parameters.get("directory", "")) != self._settings.directory:
            return
        try:
            yield drops_asked(run.parameters.get("drops", []))
        except ConfigurationError:
            # Started by hand, with parameters that the run itself will refuse.
            return

    def _not_ended(self) -> Iterator[FlowRun]:
        state = FlowRunFilterState(type=FlowRunFilterStateType(any_=_NOT_ENDED))
        deployment = DeploymentFilter(id=DeploymentFilterId(any_=[self._deployment_id()]))
        offset = 0
        while True:
            page = self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=state),
                deployment_filter=deployment,
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
                limit=_PAGE,
                offset=offset,
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


@contextmanager
def open_runs(settings: Settings, api: PrefectApi) -> Iterator[Runs]:
    """Give the runs of the installation, over one connection to Prefect, for as long as the context lasts."""
    with temporary_settings({PREFECT_API_URL: api.url}), get_client(sync_client=True) as client:
        yield Runs(settings, api, client)
