from __future__ import annotations

import csv
import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path

import bagit
import msgspec
import pytest
from support.packages import POLICY, Drop, a_map_sheet, policy_from, surveyed

from preservation.errors import IntegrityError
from preservation.files.spreadsheet import from_cell
from preservation.fixity.digesting import digest_file
from preservation.model.digests import Algorithm
from preservation.model.files import EntryKind
from preservation.model.packages import BagEntry, BagPlan
from preservation.model.submissions import DropKind
from preservation.packaging.planned import PlannedBag
from preservation.packaging.planning import plan_package


def planned(drop: Drop) -> PlannedBag:
    return plan_package(drop.contents(), drop.workspace)


def laid_out(plan: BagPlan, target: Path) -> Path:
    """Write the plan as a store would."""
    for entry in plan.entries:
        place = target / entry.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(entry.source, place)
    return target


def by_path(plan: BagPlan) -> dict[str, BagEntry]:
    return {entry.path: entry for entry in plan.entries}


def test_every_entry_carries_the_size_and_digests_of_the_bytes_it_points_to(tmp_path: Path):
    for entry in planned(a_map_sheet(tmp_path)).entries:
        size, digests = digest_file(entry.source, tuple(entry.digests))
        assert (size, digests) == (entry.size, entry.digests), entry.path


def test_what_was_dropped_lies_in_originals_under_its_own_name(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    bag = laid_out(planned(drop), tmp_path / "bag")

    kept = {path.relative_to(drop.drop): path for path in drop.drop.rglob("*") if path.is_file()}
    del kept[Path(".DS_Store")]
    stored = {
        path.relative_to(bag / "data/originals")
        for path in (bag / "data/originals").rglob("*")
        if path.is_file()
    }
    assert stored == set(kept)
    assert all((bag / "data/originals" / name).read_bytes() == kept[name].read_bytes() for name in stored)


def test_the_payload_comes_first_and_the_committing_tag_manifest_last(tmp_path: Path):
    paths = [entry.path for entry in planned(a_map_sheet(tmp_path)).entries]

    first_tag = next(at for at, path in enumerate(paths) if not path.startswith("data/"))
    assert not any(path.startswith("data/") for path in paths[first_tag:])
    assert paths[-2:] == ["manifest-sha256.txt", "tagmanifest-sha256.txt"]


def test_only_preservation_derivatives_are_packaged(tmp_path: Path):
    paths = by_path(planned(a_map_sheet(tmp_path)))

    assert "data/preservation/sheet 2.tif" in paths
    assert "data/preservation/sheet 1.tif" not in paths


def test_the_policy_is_kept_byte_for_byte(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    entry = by_path(planned(drop))["metadata/policy.toml"]

    assert entry.source.read_bytes() == drop.policy.source


def test_supplied_metadata_and_manifests_are_copied_and_stay_in_the_payload(tmp_path: Path):
    entries = by_path(planned(a_map_sheet(tmp_path)))

    for copy, original in (
        ("metadata/descriptive/supplied/metadata.csv", "data/originals/metadata.csv"),
        ("metadata/submission/manifests/checksums.md5", "data/originals/checksums.md5"),
    ):
        assert entries[copy].digests == entries[original].digests
        assert entries[copy].source == entries[original].source


def test_what_is_not_kept_is_listed_with_its_reason(tmp_path: Path):
    listed = by_path(planned(a_map_sheet(tmp_path)))["metadata/submission/not-kept.csv"].source.read_text()

    assert listed.splitlines()[0] == "path,kind,bytes,sha256,reason"
    assert "link,symbolic link,,,points to /etc/passwd" in listed
    assert f".DS_Store,file,4,{hashlib.sha256(b'junk').hexdigest()},So that it lasts" in listed


def test_a_dropped_name_is_no_formula_in_what_people_open_and_can_be_had_back(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one")
    names = ['=HYPERLINK("http://evil")', "+1", "-1", "@sum", "\tx", "\rx", "'=1", "plain", "a=1"]
    for name in names:
        drop.add_irregular(name, EntryKind.SYMLINK, "=1")

    listed = by_path(planned(drop))["metadata/submission/not-kept.csv"].source.read_bytes().decode()
    cells = [row[0] for row in csv.reader(io.StringIO(listed, newline=""))][1:]

    assert sorted(map(from_cell, cells)) == sorted(names)
    assert [cell for cell in cells if not cell.startswith("'")] == ["a=1", "plain"]
    assert listed.count("'=1") == len(names) + 1


def test_a_drop_that_is_kept_whole_has_no_list_of_what_is_missing(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one")

    assert "metadata/submission/not-kept.csv" not in by_path(planned(drop))


def test_planning_again_gives_the_same_bytes(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    first = {entry.path: entry.digests for entry in planned(drop).entries}

    assert {entry.path: entry.digests for entry in planned(drop).entries} == first


def test_a_finished_plan_is_found_again_and_an_unfinished_one_is_not(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    contents = drop.contents()
    assert PlannedBag.open(drop.workspace) is None

    plan = plan_package(contents, drop.workspace)
    again = PlannedBag.open(drop.workspace)
    assert again == plan
    assert again is not None
    assert list(again.entries) == list(plan.entries)

    with pytest.raises(IntegrityError):
        plan_package(replace(contents, decisions=[*contents.decisions][::-1]), drop.workspace)
    assert PlannedBag.open(drop.workspace) is None


def test_a_damaged_plan_is_named_and_not_guessed_at(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    planned(drop)
    (drop.workspace / "planned.json").write_bytes(b'{"package":')

    with pytest.raises(IntegrityError, match=r"planned\.json.*preserve the drop again"):
        PlannedBag.open(drop.workspace)


def test_the_summary_counts_what_the_entries_are(tmp_path: Path):
    plan = planned(a_map_sheet(tmp_path))
    entries = list(plan.entries)
    payload = [entry for entry in entries if entry.path.startswith("data/")]

    assert (plan.summary.files, plan.summary.bytes) == (len(entries), sum(entry.size for entry in entries))
    assert (plan.summary.payload_files, plan.summary.payload_bytes) == (
        len(payload),
        sum(entry.size for entry in payload),
    )


def test_bag_info_names_the_object_the_submission_the_policy_and_the_payload(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    info = bagit.Bag(str(laid_out(planned(drop), tmp_path / "bag"))).info

    assert info["Source-Organization"] == "The Map Library"
    assert info["External-Identifier"] == "maps/sheet-012"
    assert info["Internal-Sender-Identifier"] == drop.submission().identifier
    assert info["Bagging-Date"] == "2026-11-20"
    assert info["Bag-Software-Agent"] == "Muniment 0.1.0"
    assert info["Muniment-Object-Version"] == "v1"
    assert info["Muniment-Policy"].startswith("test-images revision 3 (sha256 ")


def test_a_submitted_bag_keeps_its_payload_as_originals_and_its_tag_files_as_metadata(tmp_path: Path):
    drop = Drop(tmp_path, kind=DropKind.BAG)
    drop.add("scan.tif", b"one")
    (drop.drop / "tags" / "deep").mkdir(parents=True)
    (drop.drop / "bagit.txt").write_bytes(b"BagIt-Version: 1.0\n")
    (drop.drop / "tags" / "deep" / "notes.txt").write_bytes(b"notes")
    (drop.drop / "tags" / "passwd").symlink_to("/etc/passwd")
    plan = planned(drop)
    entries = by_path(plan)

    assert "data/originals/scan.tif" in entries
    assert entries["metadata/submission/bag/tags/deep/notes.txt"].source.read_bytes() == b"notes"
    assert "metadata/submission/bag/bagit.txt" in entries
    assert "metadata/submission/bag/tags/passwd" not in entries
    assert "tags/passwd,symbolic link" in entries["metadata/submission/not-kept.csv"].source.read_text()
    assert bagit.Bag(str(laid_out(plan, tmp_path / "bag"))).validate()


def test_more_algorithms_make_more_manifests_and_the_policys_own_commits_last(tmp_path: Path):
    text = POLICY.replace(
        "[packaging.bag_info]",
        '[packaging]\nalgorithm = "sha512"\nadditional_algorithms = ["sha256"]\n\n[packaging.bag_info]',
    )
    drop = Drop(tmp_path, policy=policy_from(text))
    drop.add("page.tif", b"one")
    plan = planned(drop)

    assert plan.algorithm is Algorithm.SHA512
    assert [entry.path for entry in plan.entries][-4:] == [
        "manifest-sha256.txt",
        "manifest-sha512.txt",
        "tagmanifest-sha256.txt",
        "tagmanifest-sha512.txt",
    ]
    assert bagit.Bag(str(laid_out(plan, tmp_path / "bag"))).validate()


def test_a_file_without_the_digest_that_the_policy_wants_is_named(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"one")
    file = surveyed("page.tif", b"one")
    drop.found = [msgspec.structs.replace(file, digests={Algorithm.MD5: file.digests[Algorithm.MD5]})]

    with pytest.raises(IntegrityError, match=r"page\.tif was not digested with sha256"):
        planned(drop)
