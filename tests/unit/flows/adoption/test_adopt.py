"""Where the system stops one object after the other, the rest is left, and said to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.records import sha256_of
from support.takes import NOON

from flows.adoption.adopt import AdoptionOutcome, AdoptionResult, LeftToAdopt, adopt
from flows.adoption.candidates import AdoptionCandidate, CandidateKind
from flows.adoption.plan import AdoptionPlan, PlannedEntry, PlannedObject, PlanTotals
from flows.adoption.request import AdoptionRequest, FolderHolding
from flows.installation.settings import FolderStoreSettings, Settings
from flows.submission.answer import RunResult, SubmissionResult, interrupted
from flows.submission.drop import DropRequest
from flows.submission.workspace import Ending
from preservation.errors import UnavailableError
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.model.verdicts import Verdict
from preservation.records import Records

FILES = CollectionName("files")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    store = FolderStoreSettings(kind="folder", name="first", path=Path("first"), site="here")
    return Settings(directory=tmp_path, store=(store,))


@pytest.fixture
def plan(tmp_path: Path) -> AdoptionPlan:
    """Seven objects of 10 bytes."""
    entries: Records[PlannedEntry] = Records(tmp_path / "plan.jsonl.gz", PlannedObject)  # type: ignore[arg-type]  # of the two
    entries.write(
        PlannedObject(
            AdoptionCandidate(
                tmp_path / f"box {number}",
                f"box {number}",
                CandidateKind.FOLDER,
                "a folder",
                1,
                10,
                sha256_of(str(number)),
                f"box {number}",
            ),
            ObjectId(FILES, ObjectName(f"box {number}")),
        )
        for number in range(7)
    )
    return AdoptionPlan(entries, sha256_of("policy"), PlanTotals(7, 7, 70, 0, 0, 0, (), None, ""))


def one_by_one(
    result: Callable[[DropRequest], RunResult],
) -> Callable[[Iterable[DropRequest]], Iterator[tuple[list[DropRequest], RunResult]]]:
    return lambda drops: (([drop], result(drop)) for drop in drops)


def away(drop: DropRequest) -> RunResult:
    return RunResult([interrupted(drop, "The store is away.")])


def names_of(outcomes: Iterable[AdoptionOutcome]) -> list[str]:
    return [str(one.planned.object_id) for one in outcomes if isinstance(one, AdoptionResult)]


def test_after_three_interrupted_in_a_row_the_rest_is_left(
    tmp_path: Path, settings: Settings, plan: AdoptionPlan
):
    request = AdoptionRequest(FolderHolding(tmp_path), FILES)
    outcomes = list(adopt(plan, request, settings, one_by_one(away)))
    assert names_of(outcomes) == ["files/box 0", "files/box 1", "files/box 2"]
    assert outcomes[-1] == LeftToAdopt(4, 40, stopped=True)
    assert not (settings.state / "adopted").exists()


def test_what_the_system_stopped_is_in_the_way_of_no_others_in_the_next_run(
    tmp_path: Path, settings: Settings, plan: AdoptionPlan
):
    request = AdoptionRequest(FolderHolding(tmp_path), FILES)
    settings.state.mkdir()
    unreadable = {"files/box 0", "files/box 1", "files/box 2"}

    def run(drop: DropRequest) -> RunResult:
        if str(drop) in unreadable:
            return away(drop)
        return RunResult([SubmissionResult(str(drop), Ending(Verdict.REJECTED, "So.", NOON))])

    assert len(names_of(adopt(plan, request, settings, one_by_one(run)))) == 3
    unreadable.remove("files/box 2")
    second = names_of(adopt(plan, request, settings, one_by_one(run)))
    assert second == [f"files/box {number}" for number in (3, 4, 5, 6, 0, 1, 2)]
    # What went on to its end has its own place again; of the others, the last one to fail comes last.
    third = names_of(adopt(plan, request, settings, one_by_one(run)))
    assert third == [f"files/box {number}" for number in (2, 3, 4, 5, 6, 0, 1)]


@dataclass(frozen=True)
class BrokenHolding(FolderHolding):
    """A bucket that is away for some of what lies in it."""

    without: tuple[str, ...] = ()

    def fetch(self, candidate: AdoptionCandidate) -> None:
        if candidate.object_name in self.without:
            raise UnavailableError("the bucket is away")


def test_what_cannot_be_fetched_is_interrupted_and_others_go_on(
    tmp_path: Path, settings: Settings, plan: AdoptionPlan
):
    holding = BrokenHolding(tmp_path, without=("box 1", "box 3"))
    ran: list[str] = []

    def stop_at_last(drop: DropRequest) -> RunResult:
        ran.append(drop.object_name)
        return away(drop)

    request = AdoptionRequest(holding, FILES, budget=40)
    outcomes = list(adopt(plan, request, settings, one_by_one(stop_at_last)))
    assert ran == ["box 0", "box 2"]
    assert sorted(names_of(outcomes)) == [f"files/box {number}" for number in range(4)]
    assert {one.result.ending.verdict for one in outcomes if isinstance(one, AdoptionResult)} == {
        Verdict.INTERRUPTED
    }
    assert outcomes[-1] == LeftToAdopt(3, 30, stopped=False)


def test_where_nothing_can_be_fetched_the_rest_is_left(
    tmp_path: Path, settings: Settings, plan: AdoptionPlan
):
    holding = BrokenHolding(tmp_path, without=tuple(f"box {number}" for number in range(7)))
    outcomes = list(adopt(plan, AdoptionRequest(holding, FILES), settings, one_by_one(away)))
    assert names_of(outcomes) == ["files/box 0", "files/box 1", "files/box 2"]
    assert outcomes[-1] == LeftToAdopt(4, 40, stopped=True)
