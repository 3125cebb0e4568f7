"""Manifests beside a drop of one file: what is copied of them, and what cannot be."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from support.policies import a_policy
from support.surveys import drop, md5
from support.takes import NOON

from flows.submission.drop import outline_of
from flows.submission.stages.sidecars import check_sidecars, copied_sidecars, copy_sidecars
from flows.submission.workspace import Workspace
from preservation.errors import StoreFullError
from preservation.manifests import lines
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.model.submissions import DropKind, Received
from preservation.policy.schema import Policy

LISTED = f"{md5(b'one')}  plate.tif\n".encode()


def a_workspace(tmp_path: Path, contents: dict[str, bytes], policy: Policy | None = None) -> Workspace:
    plate = drop(tmp_path / "scans", {"plate.tif": b"one", **contents}) / "plate.tif"
    workspace = Workspace(tmp_path / "work")
    owner = ObjectId(CollectionName("images"), ObjectName("plate.tif"))
    workspace.start(owner, plate, outline_of(plate), policy or a_policy(), NOON)
    return workspace


def received(workspace: Workspace, kind: DropKind = DropKind.FILE) -> Received:
    return Received(kind, workspace.submission.drop.parent, RelativePath("plate.tif"))


def test_only_the_manifests_of_the_file_are_copied_and_only_for_a_file(tmp_path: Path):
    others = {"other.tif.md5": LISTED, "checksums.md5": LISTED}
    own = ("plate.tif.SHA1", "plate.tif.Sha256", "plate.tif.md5")
    workspace = a_workspace(tmp_path, {**dict.fromkeys(own, LISTED), **others})

    found = copy_sidecars(workspace, received(workspace))

    assert tuple(one.path for one in found) == own
    assert tuple(copy.name for copy in copied_sidecars(workspace)) == own
    assert copy_sidecars(workspace, received(workspace, DropKind.FOLDER)) == ()
    assert copied_sidecars(workspace) == ()


def test_a_policy_that_ignores_manifests_keeps_them_and_reads_nothing_in_them(tmp_path: Path):
    policy = a_policy('[intake]\nsupplied_manifests = "ignore"')
    workspace = a_workspace(tmp_path, {"plate.tif.md5": LISTED}, policy)

    assert copy_sidecars(workspace, received(workspace)) == ()
    assert [copy.name for copy in copied_sidecars(workspace)] == ["plate.tif.md5"]


@pytest.mark.parametrize("kind", [DropKind.SERIALIZED_BAG, DropKind.ARCHIVE])
def test_an_archive_is_compared_itself_and_not_what_was_unpacked(tmp_path: Path, kind: DropKind):
    wrong = f"{md5(b'two')}  plate.tif\n".encode()
    workspace = a_workspace(tmp_path, {"plate.tif.md5": LISTED, "plate.tif.MD5": wrong})
    unpacked = Received(kind, tmp_path / "work/unpacked")
    workspace.survey.write([])

    found = copy_sidecars(workspace, unpacked)

    compared = check_sidecars(workspace, unpacked, found, Severity.QUESTION)
    assert {one.path: (one.confirmed, one.differing) for one in compared} == {
        "plate.tif.MD5": (0, 1),
        "plate.tif.md5": (1, 0),
    }


def test_what_cannot_be_read_or_is_too_large_to_be_is_asked_about_and_the_latter_is_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    workspace = a_workspace(tmp_path, {"plate.tif.md5": LISTED * 10})
    (workspace.submission.drop.with_name("plate.tif.sha256")).symlink_to("/etc/passwd")
    monkeypatch.setattr(lines, "MANIFEST_BYTES", 100)
    found = copy_sidecars(workspace, received(workspace))
    workspace.survey.write([])

    checked = list(check_sidecars(workspace, received(workspace), found, Severity.QUESTION))

    codes = [(one.path, issue.code, issue.severity) for one in checked for issue in one.issues]
    assert codes == [
        ("plate.tif.md5", "FIX-008", Severity.QUESTION),
        ("plate.tif.sha256", "FIX-004", Severity.QUESTION),
    ]
    [copy] = copied_sidecars(workspace)
    assert (copy.name, copy.read_bytes()) == ("plate.tif.md5", LISTED * 10)


def test_a_sidecar_larger_than_our_disk_is_not_begun(tmp_path: Path):
    workspace = a_workspace(tmp_path, {"plate.tif.md5": b""})
    # It is all hole: nothing has that much room.
    os.truncate(workspace.submission.drop.with_name("plate.tif.md5"), 1 << 42)
    with pytest.raises(StoreFullError, match=r"it needs 4\.4 TB"):
        copy_sidecars(workspace, received(workspace))
    assert copied_sidecars(workspace)[0].stat().st_size == 0


def test_a_disk_of_ours_that_takes_no_more_is_no_fault_of_a_sidecar(tmp_path: Path):
    workspace = a_workspace(tmp_path, {"plate.tif.md5": LISTED})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            copy_sidecars(workspace, received(workspace))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
