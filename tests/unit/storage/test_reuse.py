"""Versions: a later one holds what is new, names the rest where it lies, and builds on nothing unsure."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import ending, flipping
from support.memory_store import MemoryStore
from support.records import package_named, sha256_of
from support.store_peers import folder_store, memory_store
from support.versions import Room

from preservation.bagit import codes
from preservation.bagit.validation import validate
from preservation.model.identifiers import StoreName
from preservation.model.issues import Severity
from storage.ports.stores import SiteName
from storage.replication.outcomes import EARLIER_FILE_LOST, Failed, Short, Stored
from storage.reuse import Reusable, reusable

FIRST = {"cover.tif": b"the cover", "page 1.tif": b"one", "100%.tif": b"a percent sign", "li\nne.tif": b"two"}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "room")


@pytest.fixture
def on_disk(tmp_path: Path) -> Room:
    stores = (
        folder_store(tmp_path / "first", StoreName("first"), SiteName("here")),
        folder_store(tmp_path / "second", StoreName("second"), SiteName("there")),
    )
    return Room(tmp_path / "room", stores)


def version_folder(tmp_path: Path, number: int, store: str = "first") -> Path:
    return tmp_path / store / "maps" / "sheet-012" / f"v{number}"


def content_of(store: MemoryStore) -> dict[str, bytes]:
    return dict(store.shelf.kept)


def test_only_what_is_new_is_written_and_the_rest_is_named_where_it_lies(room: Room):
    room.keep(FIRST, 1)
    room.keep({**FIRST, "page 2.tif": b"new"}, 2)
    assert room.written(2) == ["page 2.tif"]
    fetch = content_of(room.stores[0])[f"{room.package(2)}/fetch.txt"].decode()
    assert "muniment://maps/sheet-012/v1/data/originals/page%201.tif 3 data/originals/page 1.tif\n" in fetch
    assert "muniment://maps/sheet-012/v1/data/originals/100%25.tif 14 data/originals/100%25.tif\n" in fetch
    assert len(fetch.splitlines()) == 4


def test_the_stores_hold_the_same_bytes_for_a_later_version_too(room: Room):
    room.keep(FIRST, 1)
    room.keep({**FIRST, "page 2.tif": b"new"}, 2)
    assert content_of(room.stores[0]) == content_of(room.stores[1])


def test_the_manifests_and_the_premis_record_of_a_later_version_tell_the_whole(room: Room):
    room.keep(FIRST, 1)
    room.keep({**FIRST, "page 2.tif": b"new"}, 2)
    kept = content_of(room.stores[0])
    assert len(kept[f"{room.package(2)}/manifest-sha256.txt"].splitlines()) == 5
    premis = kept[f"{room.package(2)}/metadata/premis.xml"].decode()
    assert premis.count('xsi:type="file"') == 5
    assert "these lie in earlier versions: 4 in v1" in premis
    info = kept[f"{room.package(2)}/bag-info.txt"].decode()
    assert "Payload-Oxum: 32.5\n" in info
    assert "Muniment-Files-In-Earlier-Versions: 4 in v1\n" in info


def test_the_same_bytes_under_another_name_are_found(room: Room):
    room.keep(FIRST, 1)
    room.keep({"renamed.tif": b"one", "copy/of cover.tif": b"the cover", "new.tif": b"new"}, 2)
    assert room.written(2) == ["new.tif"]


def test_what_lies_in_two_earlier_versions_is_named_where_it_was_written(room: Room):
    room.keep({"a.tif": b"a", "b.tif": b"b"}, 1)
    room.keep({"a.tif": b"a", "c.tif": b"c"}, 2)
    room.keep({"a.tif": b"a", "c.tif": b"c", "d.tif": b"d"}, 3)
    fetch = content_of(room.stores[0])[f"{room.package(3)}/fetch.txt"].decode()
    assert "/v1/data/originals/a.tif" in fetch
    assert "/v2/data/originals/c.tif" in fetch
    assert "/v2/data/originals/a.tif" not in fetch


def test_a_first_version_has_no_fetch_file(room: Room):
    room.keep(FIRST, 1)
    assert not [key for key in content_of(room.stores[0]) if key.endswith("fetch.txt")]


def test_for_a_first_version_not_even_the_digests_of_its_files_are_gone_through(room: Room):
    digests = iter([sha256_of("never asked for")])
    reused = reusable(
        room.catalogue, room.journal, package_named("maps/sheet-012/v1"), digests, room.stores, threads=1
    )
    assert reused == Reusable({}, 0, ())
    assert len(list(digests)) == 1


def test_where_nothing_is_new_the_smallest_file_is_written_for_a_bag_has_a_payload(room: Room):
    room.keep(FIRST, 1)
    room.keep({"cover.tif": b"the cover", "page 1.tif": b"one"}, 2)
    assert room.written(2) == ["page 1.tif"]


def test_a_version_that_is_not_registered_is_never_built_upon(room: Room):
    room.keep({"a.tif": b"a", "b.tif": b"bb"}, 1)
    planned, _, _ = room.plan({"a.tif": b"a", "c.tif": b"ccc"}, 2)
    assert isinstance(room.replicate(planned), Stored)
    room.keep({"a.tif": b"a", "c.tif": b"ccc", "d.tif": b"dddd"}, 3)
    assert room.written(3) == ["c.tif", "d.tif"]


def test_a_version_of_a_higher_number_is_never_built_upon(room: Room):
    room.keep({"a.tif": b"a"}, 1)
    room.keep({"a.tif": b"a", "c.tif": b"ccc"}, 3)
    room.keep({"a.tif": b"a", "c.tif": b"ccc", "d.tif": b"dddd"}, 2)
    assert room.written(2) == ["c.tif", "d.tif"]


def test_a_version_that_is_not_in_every_store_is_never_built_upon(room: Room):
    room.keep(FIRST, 1)
    room.stores = (*room.stores, memory_store(StoreName("third"), SiteName("far")))
    room.keep({**FIRST, "page 2.tif": b"new"}, 2)
    assert len(room.written(2)) == 5
    room.keep({**FIRST, "page 3.tif": b"newer"}, 3)
    assert room.written(3) == ["page 3.tif"]


@pytest.mark.parametrize("fault", ["flipped", "lost"])
def test_bytes_that_one_store_no_longer_has_are_written_again_and_told(room: Room, fault: str):
    room.keep(FIRST, 1)
    second = room.stores[1]
    key = f"{room.package(1)}/data/originals/cover.tif"
    if fault == "flipped":
        second.shelf.kept[key] = b"The cover"
    else:
        del second.shelf.kept[key]
    reused = room.keep({**FIRST, "page 2.tif": b"new"}, 2)
    assert room.written(2) == ["cover.tif", "page 2.tif"]
    [issue] = reused.unsound
    assert (issue.code, issue.severity, issue.path) == ("VER-001", Severity.WARNING, key)
    assert "second" in issue.message


def test_what_goes_between_the_plan_and_the_commit_keeps_the_version_from_being_committed(room: Room):
    room.keep(FIRST, 1)
    planned, _, _ = room.plan({**FIRST, "page 2.tif": b"new"}, 2)
    del room.stores[1].shelf.kept[f"{room.package(1)}/data/originals/cover.tif"]
    outcome = room.replicate(planned)
    assert isinstance(outcome, Short)
    assert [replica.store for replica in outcome.replicas] == ["first"]
    [failure] = outcome.failures
    assert isinstance(failure, Failed)
    assert [issue.code for issue in failure.issues] == [EARLIER_FILE_LOST]
    assert f"{room.package(2)}/tagmanifest-sha256.txt" not in room.stores[1].shelf.kept


def test_a_file_that_is_only_shorter_is_seen_before_the_commit_too(room: Room):
    room.keep(FIRST, 1)
    planned, _, _ = room.plan({**FIRST, "page 2.tif": b"new"}, 2)
    room.stores[1].shelf.kept[f"{room.package(1)}/data/originals/cover.tif"] = b"the cove"
    assert isinstance(room.replicate(planned), Short)


def test_every_earlier_byte_is_read_in_every_store_before_it_is_built_upon(room: Room):
    room.keep(FIRST, 1)
    spoilt = flipping(room.stores[1], ending("page 1.tif"))
    room.stores = (room.stores[0], spoilt)
    _, reused, _ = room.plan({**FIRST, "page 2.tif": b"new"}, 2)
    payload = [key for key in spoilt.opened if "/data/" in key]
    assert sorted(payload) == sorted(f"{room.package(1)}/data/originals/{path}" for path in FIRST)
    assert len(reused.files) == 3


def test_a_later_version_among_its_siblings_is_valid_and_says_where_its_files_lie(
    on_disk: Room, tmp_path: Path
):
    on_disk.keep(FIRST, 1)
    on_disk.keep({**FIRST, "page 2.tif": b"new"}, 2)
    verdict = validate(version_folder(tmp_path, 2))
    assert (verdict.valid, verdict.complete) == (True, True)
    [told] = [issue for issue in verdict.issues if issue.code == codes.FILES_IN_EARLIER_VERSIONS]
    assert told.severity is Severity.INFO
    assert "4 files" in told.message
    assert "v1" in told.message
    assert (verdict.payload.files, verdict.payload.octets) == (5, 32)


def test_a_later_version_taken_away_alone_is_incomplete_and_says_which_version_has_the_file(
    on_disk: Room, tmp_path: Path
):
    on_disk.keep(FIRST, 1)
    on_disk.keep({**FIRST, "page 2.tif": b"new"}, 2)
    alone = shutil.copytree(version_folder(tmp_path, 2), tmp_path / "alone" / "v2")
    verdict = validate(alone)
    assert (verdict.valid, verdict.complete) == (False, False)
    told = {issue.path: issue.message for issue in verdict.issues if issue.code == codes.FILE_NOT_FETCHED}
    assert len(told) == 4
    assert "maps/sheet-012/v1" in told["data/originals/page 1.tif"]


def test_a_damaged_earlier_file_makes_the_later_version_invalid(on_disk: Room, tmp_path: Path):
    on_disk.keep(FIRST, 1)
    on_disk.keep({**FIRST, "page 2.tif": b"new"}, 2)
    damaged = version_folder(tmp_path, 1) / "data/originals/page 1.tif"
    damaged.chmod(0o644)
    damaged.write_bytes(b"0ne")
    verdict = validate(version_folder(tmp_path, 2))
    assert not verdict.valid
    [error] = [issue for issue in verdict.issues if issue.severity is Severity.ERROR]
    assert (error.code, error.path) == (codes.DIGEST_MISMATCH, "data/originals/page 1.tif")


def test_a_link_in_an_earlier_version_is_never_followed(on_disk: Room, tmp_path: Path):
    on_disk.keep(FIRST, 1)
    on_disk.keep({**FIRST, "page 2.tif": b"new"}, 2)
    moved = tmp_path / "moved"
    originals = version_folder(tmp_path, 1) / "data/originals"
    originals.rename(moved)
    originals.symlink_to(moved)
    assert not validate(version_folder(tmp_path, 2)).complete


def readme_script(bag: Path) -> str:
    """The lines between the rulers of the package's own README."""
    [script] = re.findall(
        r"^-{60,}\n(.*?)^-{60,}\n", (bag / "README.txt").read_text(), re.DOTALL | re.MULTILINE
    )
    return script


def test_a_stranger_completes_a_version_by_its_readme_and_sha256sum_accepts_it(on_disk: Room, tmp_path: Path):
    plain = {path: content for path, content in FIRST.items() if "%" not in path and "\n" not in path}
    on_disk.keep(plain, 1)
    on_disk.keep({"renamed ü.tif": b"one", "cover.tif": b"the cover", "page 2.tif": b"new"}, 2)
    copied = shutil.copytree(tmp_path / "first" / "maps" / "sheet-012", tmp_path / "stranger")
    script = readme_script(copied / "v2")
    assert len([line for line in script.splitlines() if line]) <= 6
    (copied / "fetch.py").write_text(script)
    subprocess.run([sys.executable, "../fetch.py"], cwd=copied / "v2", check=True)
    for listing in ("tagmanifest-sha256.txt", "manifest-sha256.txt"):
        subprocess.run(
            ["sha256sum", "--check", "--strict", listing], cwd=copied / "v2", check=True, capture_output=True
        )
    subprocess.run(
        [sys.executable, "-m", "bagit", "--validate", copied / "v2"], check=True, capture_output=True
    )
    assert (copied / "v2/data/originals/renamed ü.tif").read_bytes() == b"one"
    # Complete now, it needs no sibling any more.
    shutil.move(copied / "v2", tmp_path / "complete")
    assert validate(tmp_path / "complete").valid


def test_the_readme_brings_back_names_with_percent_signs_and_line_breaks_too(on_disk: Room, tmp_path: Path):
    on_disk.keep(FIRST, 1)
    on_disk.keep({**FIRST, "page 2.tif": b"new"}, 2)
    copied = shutil.copytree(tmp_path / "first" / "maps" / "sheet-012", tmp_path / "stranger")
    subprocess.run([sys.executable, "-c", readme_script(copied / "v2")], cwd=copied / "v2", check=True)
    assert validate(shutil.move(copied / "v2", tmp_path / "complete")).valid
