"""How far an adoption is: objects, percent, rate, time left; and within a run, how far that is."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from flows.adoption.adopt import AdoptionResult
from flows.adoption.plan import PlanTotals
from flows.archive.progress_line import in_words, shown
from flows.installation.settings import Settings
from flows.installation.wiring import now
from flows.submission.drop import DropRequest, label_of
from flows.submission.progress.progress import progress_view
from flows.submission.workspace import Workspace, workspace_root
from preservation.errors import ConfigurationError
from preservation.model.amounts import byte_size, count
from preservation.model.verdicts import Verdict

_EVERY_SECONDS = 10.0
_TOLD_FROM = 0.01
"""So large a share of the bytes says how long the others take; a few small objects do not."""


class AdoptionProgress:
    """Counts what has ended of a plan. ``say`` gets a line now and then."""

    def __init__(
        self,
        totals: PlanTotals,
        say: Callable[[str], object],
        budget: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._of = totals
        self._bytes = totals.bytes if budget is None else min(budget, totals.bytes)
        self._say = say
        self._clock = clock
        self._began = self._said = clock()
        self._done = 0
        self.ended = Counter[Verdict]()

    def add(self, one: AdoptionResult) -> None:
        """Count how one object ended."""
        self.ended[one.result.ending.verdict] += 1
        self._done += one.planned.candidate.bytes
        if self._clock() - self._said >= _EVERY_SECONDS:
            self._said = self._clock()
            self._say(self.line())

    def line(self) -> str:
        """Return one line for people."""
        seconds = max(self._clock() - self._began, 0.001)
        share = min(1.0, self._done / self._bytes) if self._bytes else 0.0
        said = [f"{share:.0%}", f"{self.ended.total():,} of {count(self._of.objects, 'object')}"]
        said += [byte_size(self._done), f"{byte_size(round(self._done / seconds))}/s"]
        if _TOLD_FROM <= share < 1:
            said.append(f"about {in_words(seconds / share - seconds)} left")
        return f"adopting: {', '.join(said)}"


def run_shown(
    settings: Settings, say: Callable[[str], None], drops: Sequence[DropRequest]
) -> AbstractContextManager[None]:
    """Say now and then how far the run of ``drops`` is, while the context lasts."""
    label = label_of(list(drops))
    workspaces = []
    for drop in drops:
        try:
            workspaces.append(Workspace(workspace_root(settings.processing, drop.object_id)))
        except ConfigurationError:
            # What is wrong with its name is said by its run.
            continue
    return shown(lambda: progress_view(label, workspaces, now()).words, say)
