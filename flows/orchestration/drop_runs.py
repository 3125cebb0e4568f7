"""Runs of the flow ``preserve`` for the drops of a command, in turn with those of other commands."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.turns import Turns, turns
from flows.orchestration.child_process import run_in_children
from flows.orchestration.environment import PrefectApi
from flows.orchestration.in_process import import_prefect, in_runs, run_preserve
from flows.orchestration.server import prefect_api
from flows.submission.answer import RunResult
from flows.submission.drop import DropRequest


class DropRuns:
    """Preserves drops in runs, small ones many to a run, against a Prefect that answers."""

    def __init__(self, settings: Settings, api: PrefectApi, turn: Turns) -> None:
        self._settings = settings
        self._api = api
        self._turn = turn

    def of(
        self,
        drops: Iterable[DropRequest],
        *,
        apart: bool = True,
        watched: Callable[[list[DropRequest]], AbstractContextManager[None]] = lambda _drops: nullcontext(),
    ) -> Iterator[tuple[list[DropRequest], RunResult]]:
        """Yield the drops of each run, and its result.

        ``apart`` has each run in a child process, so that what ends one ends no other. ``watched`` is entered
        for as long as a run lasts, where it runs.
        """

        def run(these: list[DropRequest]) -> RunResult:
            with watched(these):
                return run_preserve(self._settings, self._api, these)

        if apart:
            # Once, and not in each of the children.
            import_prefect(self._settings, self._api)
        for number, these in enumerate(in_runs(drops, self._settings)):
            if number:
                self._turn.pass_on()
            yield these, run_in_children(run, these) if apart else run(these)


@contextmanager
def drop_runs(settings: Settings) -> Iterator[DropRuns]:
    """Yield what runs the flow, once it is this command's turn; where there is no Prefect, one is started."""
    most = settings.service.runs

    def waits(ahead: int) -> None:
        LOG.info("waits for other runs of muniment preserve (%d ahead of it, %d work at a time)", ahead, most)

    with (
        prefect_api(settings, partial(import_prefect, settings)) as api,
        turns(settings.state, most, waits) as turn,
    ):
        yield DropRuns(settings, api, turn)
