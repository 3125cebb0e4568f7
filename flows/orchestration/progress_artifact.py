"""The progress bar in Prefect's UI of a run that takes long. A short run has none, and costs nothing."""

from collections.abc import Sequence
from contextvars import copy_context
from pathlib import Path
from threading import Event, Thread
from typing import Final, Self
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.runtime import flow_run

from flows.installation.log import LOG
from flows.installation.wiring import now
from flows.orchestration.artifacts import slug_of
from flows.submission.progress.progress import ProgressView, progress_view
from flows.submission.workspace import Workspace
from preservation.errors import IntegrityError

_FIRST_SECONDS: Final = 2.0
_EVERY_SECONDS: Final = 4.0
_PATIENCE_SECONDS: Final = 5.0
"""How long a run that has ended waits for Prefect to accept the last update."""


class MovingArtifact:
    """Shows the progress of the run called ``label`` while its context lasts. For use within a flow run.

    A thread reads what the stages leave in the workspaces. That Prefect does not accept an update does not
    fail the run.
    """

    def __init__(self, label: str, workspaces: Sequence[Path]) -> None:
        self._label = label
        self._workspaces = [Workspace(root) for root in workspaces]
        self._over = Event()
        self._end: str | None = None
        self._artifact: UUID | None = None
        self._last = ProgressView(0.0, label)
        # The context holds the run and the timeouts for Prefect's client.
        self._thread = Thread(target=copy_context().run, args=(self._run,), name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(_PATIENCE_SECONDS)

    def ends_as(self, sentence: str) -> None:
        """Show how the run ended; the percentage of drops that ended for now stays as it was."""
        self._end = sentence

    def _run(self) -> None:
        if self._over.wait(_FIRST_SECONDS):
            return
        # One client for all updates: making one takes longer than an update.
        with get_client(sync_client=True) as client:
            while not self._over.is_set():
                self._show(client, self._view())
                self._over.wait(_EVERY_SECONDS)
            if self._end is not None:
                self._show(client, ProgressView(self._view().percent, self._end))

    def _view(self) -> ProgressView:
        """Return the progress; the last one where the run is just writing or removing the workspaces."""
        try:
            self._last = progress_view(self._label, self._workspaces, now())
        except (OSError, IntegrityError) as error:
            LOG.debug("%s: the progress cannot be read now: %s", self._label, error)
        return self._last

    def _show(self, client: SyncPrefectClient, view: ProgressView) -> None:
        try:
            if self._artifact is None:
                new = ArtifactCreate(
                    type="progress",
                    key=f"progress-{slug_of(self._label)}",
                    description=view.words,
                    data=view.percent,
                    flow_run_id=UUID(flow_run.id),
                )
                self._artifact = client.create_artifact(new).id
            else:
                update = ArtifactUpdate(data=view.percent, description=view.words)
                client.update_artifact(self._artifact, update)
        except Exception as error:  # noqa: BLE001  a lost API raises many kinds of errors, and may come back
            LOG.debug("%s: Prefect does not accept the progress: %s", self._label, error)
