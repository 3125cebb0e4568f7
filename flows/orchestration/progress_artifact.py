"""The bar in Prefect's UI that moves while a run takes long. A short run has none, and costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import copy_context
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.runtime import flow_run

from flows.installation.log import LOG
from flows.installation.wiring import now
from flows.orchestration.artifacts import slug_of
from flows.submission.progress.progress import Shown, seen
from flows.submission.workspace import Workspace
from preservation.errors import IntegrityError

_FIRST_SECONDS: Final = 2.0
_EVERY_SECONDS: Final = 4.0
_PATIENCE_SECONDS: Final = 5.0
"""How long a run that has ended waits for Prefect to hear of it."""


class MovingArtifact:
    """Shows how far the run called ``label`` is, for as long as its context lasts. For use within a flow run.

    It looks at what the stages leave in the workspaces, from a thread of its own. That Prefect does not
    take it is no fault of the run.
    """

    def __init__(self, label: str, workspaces: Sequence[Path]) -> None:
        self._label = label
        self._workspaces = [Workspace(root) for root in workspaces]
        self._over = Event()
        self._end: str | None = None
        self._artifact: UUID | None = None
        self._last = Shown(0.0, label)
        # Prefect knows by its context which run it is of, and how long it is to be waited for.
        self._thread = Thread(target=copy_context().run, args=(self._run,), name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(_PATIENCE_SECONDS)

    def ends_as(self, sentence: str) -> None:
        """Have it say how the run ended; of drops that did not end for good it stays where it was."""
        self._end = sentence

    def _run(self) -> None:
        if self._over.wait(_FIRST_SECONDS):
            return
        # One client for all that is told: to make one takes longer than to tell.
        with get_client(sync_client=True) as client:
            while not self._over.is_set():
                self._show(client, self._seen())
                self._over.wait(_EVERY_SECONDS)
            if self._end is not None:
                self._show(client, Shown(self._seen().percent, self._end))

    def _seen(self) -> Shown:
        """Look; where the run takes away what is looked at, or writes it just now, nothing has moved."""
        try:
            self._last = seen(self._label, self._workspaces, now())
        except (OSError, IntegrityError) as error:
            LOG.debug("%s: how far it is cannot be seen now: %s", self._label, error)
        return self._last

    def _show(self, client: SyncPrefectClient, shown: Shown) -> None:
        try:
            if self._artifact is None:
                self._artifact = client.create_artifact(self._new(shown)).id
            else:
                told = ArtifactUpdate(data=shown.percent, description=shown.words)
                client.update_artifact(self._artifact, told)
        except Exception as error:  # noqa: BLE001  Prefect's API gone midway has many faces; it may come back
            LOG.debug("%s: Prefect does not take the progress: %s", self._label, error)

    def _new(self, shown: Shown) -> ArtifactCreate:
        return ArtifactCreate(
            type="progress",
            key=f"progress-{slug_of(self._label)}",
            description=shown.words,
            data=shown.percent,
            flow_run_id=UUID(flow_run.id),
        )
