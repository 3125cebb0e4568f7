"""How a run of several drops is called, found and shown in Prefect."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType
from support.takes import NOON

from flows.orchestration import artifacts
from flows.orchestration.preserve import _state_of
from flows.submission.answer import RunResult, SubmissionResult
from flows.submission.drop import DropRequest, run_name_of, tags_of
from flows.submission.workspace import Ending
from preservation.model.identifiers import PackageId, StoreName, VersionNumber, parse_object_id
from preservation.model.packages import Replica
from preservation.model.verdicts import Verdict

STORED, KEPT, REJECTED = Verdict.STORED, Verdict.ALREADY_KEPT, Verdict.REJECTED
WAITING, INTERRUPTED = Verdict.WAITING, Verdict.INTERRUPTED


def a_result(verdict: Verdict) -> SubmissionResult:
    replica = Replica(StoreName("vault"), "/srv/vault/maps/a/v1", NOON, 22, 52_022_568)
    package = PackageId(parse_object_id("maps/a"), VersionNumber(1))
    ending = Ending(verdict, "So.", NOON, package=package, replicas=(replica,))
    return SubmissionResult("maps/a", ending, digest="sha256 ab12")


@pytest.mark.parametrize(
    ("verdicts", "kind", "name"),
    [
        ([STORED], StateType.COMPLETED, "Stored"),
        ([REJECTED], StateType.FAILED, "Rejected"),
        ([REJECTED, REJECTED], StateType.FAILED, "Rejected"),
        ([STORED, REJECTED, STORED, KEPT], StateType.COMPLETED, "1 rejected, 2 stored, 1 already-kept"),
        ([WAITING, STORED], StateType.COMPLETED, "1 waiting, 1 stored"),
        ([INTERRUPTED, STORED], StateType.CRASHED, "1 interrupted, 1 stored"),
    ],
)
def test_a_run_is_red_only_where_something_failed(verdicts: list[Verdict], kind: StateType, name: str):
    state = _state_of(RunResult([a_result(verdict) for verdict in verdicts]))

    assert (state.type, state.name) == (kind, name)


def test_a_run_is_named_and_tagged_by_its_drops():
    drops = [
        DropRequest(Path("/d") / f"sheet-{number:03}", "maps", f"sheet-{number:03}") for number in range(60)
    ]

    assert run_name_of(drops[:1]) == "preserve maps/sheet-000"
    assert run_name_of(drops[:3]) == "preserve 3 drops of maps: sheet-000, sheet-001, sheet-002"
    assert run_name_of(drops).endswith(" …")
    assert len(run_name_of(drops)) <= 252
    assert tags_of(drops) == ["maps", *(f"maps/sheet-{number:03}" for number in range(60))]


def test_replicas_are_a_table_of_what_the_run_wrote_itself():
    assert artifacts._replicas([a_result(STORED), a_result(KEPT)]) == [
        {
            "package": "maps/a/v1",
            "store": "vault",
            "location": "/srv/vault/maps/a/v1",
            "read back": "2026-11-21 12:00 UTC",
            "files": 22,
            "size": "52.0 MB",
            "tag manifest": "sha256 ab12",
        }
    ]
