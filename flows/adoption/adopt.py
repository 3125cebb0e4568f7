"""Adopting what a plan has: in runs, the way of every drop, within a budget."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from flows.adoption.plan import AdoptionPlan, PlannedObject
from flows.adoption.postponed import Postponed
from flows.adoption.record import AdoptedObject, record_adoption
from flows.adoption.request import AdoptionRequest
from flows.archive.fill_request import Budget
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.submission.answer import FOR_GOOD, RunResult, SubmissionResult, interrupted
from flows.submission.drop import DropRequest
from flows.submission.stages.stage import interrupted_by
from preservation.errors import PreservationError, reason_of
from preservation.model.amounts import byte_size, count
from preservation.model.verdicts import Verdict

MOST_IN_A_ROW = 3
"""After so many that the system stopped, one after the other, it is the system that needs a look."""

RunsOf: TypeAlias = Callable[[Iterable[DropRequest]], Iterator[tuple[list[DropRequest], RunResult]]]
"""Preserves drops in runs, taking them as it goes; yields each run's drops and result."""


@dataclass(frozen=True, slots=True)
class AdoptionResult:
    """How one object ended."""

    planned: PlannedObject
    result: SubmissionResult


@dataclass(frozen=True, slots=True)
class RunFault:
    """A fault of a run that is of no drop, with its exit code."""

    sentence: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class LeftToAdopt:
    """What is left for the next run: for the budget, or since the system stopped one after the other."""

    objects: int
    bytes: int
    stopped: bool

    @property
    def sentence(self) -> str:
        """How much is left, why, and what to do."""
        why = f"{MOST_IN_A_ROW} in a row were interrupted" if self.stopped else "the budget is used"
        left = f"{count(self.objects, 'object')}, {byte_size(self.bytes)} are left: {why}"
        mend = "; mend what the last ones say" if self.stopped else ""
        return f"{left}{mend}; run the same command again and it goes on"


AdoptionOutcome: TypeAlias = AdoptionResult | RunFault | LeftToAdopt


def adopt(
    plan: AdoptionPlan, request: AdoptionRequest, settings: Settings, runs: RunsOf
) -> Iterator[AdoptionOutcome]:
    """Preserve what the plan takes up now, and yield how each ended; last what is left, if anything is.

    Each is a drop like any other, and its receipt, its PREMIS and the journal say that it was adopted.
    Killed, it goes on where it was. Raises nothing of a single object.
    """
    taking = _Taking(plan, request, Postponed(settings.state))
    stopped = 0
    for drops, outcome in runs(taking.drops()):
        yield from taking.unfetched()
        if outcome.fault:
            yield RunFault(outcome.fault, outcome.exit_code)
        by_object = {one.object: one for one in outcome.results}
        for drop in drops:
            planned, result = taking.taken.pop(str(drop)), by_object[str(drop)]
            _record(settings, plan, planned, result)
            taking.end(planned, result)
            yield AdoptionResult(planned, result)
        verdicts = {one.ending.verdict for one in outcome.results}
        stopped = stopped + 1 if verdicts == {Verdict.INTERRUPTED} else 0
        taking.is_stopped |= stopped >= MOST_IN_A_ROW
    yield from taking.unfetched()
    if taking.budget.left:
        yield LeftToAdopt(taking.budget.left, taking.budget.left_bytes, taking.is_stopped)


def let_go_ended(plan: AdoptionPlan, request: AdoptionRequest) -> None:
    """Remove what was fetched of objects that ended for good since: a person may have refused what waited."""
    for planned in plan.objects():
        if planned.before is not None and planned.before.verdict in FOR_GOOD:
            _let_go(planned, request)


def _let_go(planned: PlannedObject, request: AdoptionRequest) -> None:
    try:
        request.holding.let_go(planned.candidate)
    except OSError as error:
        LOG.warning("%s: what was fetched of it is still there (%s)", planned.object_id, error)


class _Taking:
    """Takes objects of a plan as drops, as long as the budget lasts."""

    def __init__(self, plan: AdoptionPlan, request: AdoptionRequest, postponed: Postponed) -> None:
        self._plan = plan
        self._postponed = postponed
        self._request = request
        self._unfetched: list[AdoptionResult] = []
        self._failed = 0
        self.budget = Budget(request.budget)
        self.taken: dict[str, PlannedObject] = {}
        self.is_stopped = False

    def drops(self) -> Iterator[DropRequest]:
        """Yield the drops, each once it was fetched."""
        waiting = ((one.object_id, one) for one in self._plan.objects() if one.before is None)
        for planned in self._postponed.in_turn(waiting):
            candidate = planned.candidate
            if self.is_stopped:
                self.budget.leave(candidate.bytes)
            elif self.budget.allows(candidate.bytes):
                self.budget.spend(candidate.bytes)
                name, place = candidate.object_name, candidate.place
                drop = DropRequest(candidate.path, self._request.collection, name, adopted=place)
                if self._is_fetched(planned):
                    self.taken[str(drop)] = planned
                    yield drop

    def unfetched(self) -> Iterator[AdoptionResult]:
        """Yield the results of those that could not be fetched, once."""
        while self._unfetched:
            yield self._unfetched.pop(0)

    def end(self, planned: PlannedObject, result: SubmissionResult) -> None:
        """Postpone an object that the system stopped; remove what was fetched of one that ended for good.

        What cannot be removed stays, and costs room.
        """
        is_stopped = result.ending.verdict is Verdict.INTERRUPTED
        self._postponed.record(planned.object_id, is_stopped=is_stopped)
        if result.ending.verdict in FOR_GOOD:
            _let_go(planned, self._request)

    def _is_fetched(self, planned: PlannedObject) -> bool:
        try:
            self._request.holding.fetch(planned.candidate)
        except (PreservationError, OSError) as error:
            self._unfetched.append(
                AdoptionResult(planned, interrupted(planned.object_id, interrupted_by(reason_of(error))))
            )
            self._postponed.record(planned.object_id, is_stopped=True)
            self._failed += 1
            self.is_stopped |= self._failed >= MOST_IN_A_ROW
            return False
        self._failed = 0
        return True


def _record(settings: Settings, plan: AdoptionPlan, planned: PlannedObject, result: SubmissionResult) -> None:
    """Record what ended, or waits. Where that cannot be written, the next run looks at it once more."""
    ending = result.ending
    if ending.verdict is Verdict.INTERRUPTED:
        return
    adopted = AdoptedObject(
        planned.candidate.place,
        planned.candidate.signature,
        plan.policy,
        ending.verdict,
        ending.sentence,
        ending.at,
        ending.package,
    )
    try:
        record_adoption(settings.state, planned.object_id, adopted)
    except OSError as error:
        LOG.warning("%s: that it was adopted could not be recorded (%s)", planned.object_id, error)
