"""A flow run that a user pauses in Prefect's UI: it ends there, and goes on in a new process once resumed.

The UI sets a running run to *Suspended* (of the type ``PAUSED``) and leaves its process alone. So long work
asks, now and then, in which state its run is. Resumed, the run is scheduled anew, by the same identifier.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Pause
from prefect.runtime import flow_run

from flows.installation.log import LOG

Answer = TypeVar("Answer")

_EVERY = 5.0
_GOES_ON = {StateType.RUNNING, StateType.PENDING, StateType.PAUSED, StateType.SCHEDULED}


class RunPause:
    """Asks Prefect every few seconds whether the run of this process was paused; without a run, never."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = UUID(flow_run.id) if flow_run.id else None
        self._clock = clock
        self._asked = clock()
        self._paused: State[object] | None = None

    def goes_on(self) -> bool:
        """Return whether the run may go on. That Prefect does not answer is no pause."""
        if self._run is None or self._paused is not None:
            return self._paused is None
        if self._clock() - self._asked >= _EVERY:
            self._asked = self._clock()
            self._paused = _pause_of(self._run)
        return self._paused is None

    def end(self) -> None:
        """End the run, where it was found paused, and leave its state as it is. Raises ``Pause``."""
        if self._paused is not None:
            LOG.info("paused: what was being read is given back; resumed, the run goes on there")
            raise Pause(state=self._paused)

    def begun_at(self) -> datetime | None:
        """Return when the run began that was paused since and resumed; ``None``: it is not known."""
        if self._run is None:
            return None
        states = _asked(self._run, lambda client, run: client.read_flow_run_states(run)) or []
        began, is_resumed = None, False
        for state in sorted(states, key=lambda one: one.timestamp, reverse=True):
            if state.type not in _GOES_ON or (state.type is StateType.SCHEDULED and state.name != "Resuming"):
                break
            is_resumed |= state.type is StateType.PAUSED
            if state.type is StateType.RUNNING:
                began = state.timestamp
        return began if is_resumed else None


def _pause_of(run: UUID) -> State[object] | None:
    """Return the state of the run where it is a pause that ends its process."""
    found = _asked(run, lambda client, of: client.read_flow_run(of))
    state = None if found is None else found.state
    # A pause without a new schedule would be resumed in this very process, which nothing here asks for.
    is_pause = state is not None and state.is_paused() and state.state_details.pause_reschedule
    return state if is_pause else None


def _asked(run: UUID, what: Callable[[SyncPrefectClient, UUID], Answer]) -> Answer | None:
    """Return what Prefect answers about a run; ``None`` where it does not."""
    try:
        with get_client(sync_client=True) as client:
            return what(client, run)
    except Exception as error:  # noqa: BLE001  a lost API raises many kinds of errors
        LOG.warning("Prefect does not say whether the run was paused (%s)", type(error).__name__)
        return None
