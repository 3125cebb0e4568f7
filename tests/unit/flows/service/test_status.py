"""The status of an archive: what waits for a person is named, however many there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.takes import NOON

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, open_installation
from flows.service.status import archive_status
from flows.submission.drop import outline_of
from flows.submission.workspace import Workspace, workspace_root
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Conclusion


def concluded(installation: Installation, drop: Path, verdict: Verdict, *, left: bool) -> None:
    """Conclude a submission of the drop, with its folder in processing/ or without."""
    object_id = ObjectId(CollectionName("files"), ObjectName(drop.name))
    workspace = Workspace(workspace_root(installation.settings.processing, object_id))
    drop.write_text("A page")
    workspace.start(object_id, drop, outline_of(drop), installation.policy_of(object_id.collection), NOON)
    installation.catalogue.conclude(Conclusion(workspace.submission, verdict, NOON, "It waits."))
    if not left:
        workspace.discard()


@pytest.mark.parametrize("verdict", [Verdict.WAITING, Verdict.INTERRUPTED])
def test_all_that_stopped_is_named_and_nothing_newer_that_is_settled_hides_it(
    tmp_path: Path, verdict: Verdict
):
    make_installation(tmp_path / "archive")
    with open_installation(load_settings(tmp_path / "archive")) as installation:
        for number in range(12):
            concluded(installation, tmp_path / f"open-{number}", verdict, left=True)
        for number in range(12):
            concluded(installation, tmp_path / f"settled-{number}", verdict, left=False)
        named = {end.submission.object.name for end in archive_status(installation).latest}
    assert named == {f"open-{number}" for number in range(12)}


def test_a_submission_whose_records_are_damaged_is_not_passed_over(tmp_path: Path):
    make_installation(tmp_path / "archive")
    with open_installation(load_settings(tmp_path / "archive")) as installation:
        for number, content in enumerate((b"", b"\0" * 20)):
            concluded(installation, tmp_path / f"page-{number}", Verdict.WAITING, left=True)
            claim = installation.settings.processing / "files" / f"page-{number}" / "claim.jsonl"
            claim.write_bytes(content)
        found = archive_status(installation)
    assert not found.on_its_way
    assert [f"page-{number}" in trouble for number, trouble in enumerate(found.troubles)] == [True, True]
