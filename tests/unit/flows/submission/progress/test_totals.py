"""How much a stage has to do, counted where it must be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.submission.drop import outline_of
from flows.submission.progress.meter import to_normalize, to_survey
from flows.submission.workspace import DropClaim, Extent, Workspace, only
from preservation.model.decisions import Action, Decision, Migration, MigrationName, RuleId
from preservation.model.identifiers import parse_object_id
from preservation.model.paths import RelativePath
from preservation.model.submissions import DropKind, Received
from preservation.policy.load import parse


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    payload = tmp_path / "drop" / "data"
    payload.mkdir(parents=True)
    (payload / "a.txt").write_text("four")
    (payload.parent / "bagit.txt").write_text("a tag file")
    return payload.parent


@pytest.fixture
def workspace(tmp_path: Path, drop: Path, project: Path) -> Workspace:
    policy = parse((project / "policies" / "bit-level.toml").read_bytes(), "bit-level.toml")
    made = Workspace(tmp_path / "workspace")
    made.start(parse_object_id("maps/sheet"), drop, outline_of(drop), policy, datetime.now(UTC))
    return made


def test_a_folder_was_counted_when_it_was_taken_in_hand(workspace: Workspace, drop: Path):
    workspace.received.write([Received(DropKind.FOLDER, drop)])
    (drop / "late.txt").write_text("not counted")
    assert to_survey(workspace) == Extent(2, 14)


def test_of_a_bag_only_the_payload_is_surveyed(workspace: Workspace, drop: Path):
    workspace.received.write([Received(DropKind.BAG, drop / "data", None, drop)])
    assert to_survey(workspace) == Extent(1, 4)


def test_a_submission_that_was_begun_before_anything_was_counted_has_no_total(
    workspace: Workspace, drop: Path
):
    claimed = only(workspace.claim)
    workspace.claim.write([DropClaim(claimed.submission, claimed.tree, claimed.policy)])
    workspace.received.write([Received(DropKind.FOLDER, drop)])
    assert to_survey(workspace) is None


def test_every_derivative_that_is_asked_for_counts(workspace: Workspace):
    tiff, jpeg = Migration(MigrationName("image-to-tiff")), Migration(MigrationName("image-to-jpeg"))
    workspace.decisions.write(
        Decision(RelativePath(path), Action.RETAIN, RuleId("r"), "because", master, access=access)
        for path, master, access in (("a", tiff, jpeg), ("b", None, jpeg), ("c", None, None))
    )
    assert to_normalize(workspace) == Extent(3, 0)
