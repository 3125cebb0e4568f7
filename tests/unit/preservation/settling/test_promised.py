"""What the manifests in a drop promise, and whether it is there."""

from __future__ import annotations

import shutil
from hashlib import md5, sha256
from pathlib import Path

import pytest
from support.surveys import drop

from preservation.settling.promised import what_is_lacking

PAGES = {"page-1.tif": b"one", "sub/page 2.tif": b"two", "sub/Blatt-ä.tif": b"three"}


def md5sums(files: dict[str, bytes]) -> bytes:
    lines = [
        f"{md5(content, usedforsecurity=False).hexdigest()}  {name}\n" for name, content in files.items()
    ]
    return "".join(lines).encode()


def a_bag(root: Path, payload: dict[str, bytes], *, oxum: str | None = None) -> Path:
    lines = "".join(f"{sha256(content).hexdigest()}  data/{name}\n" for name, content in payload.items())
    size = sum(map(len, payload.values()))
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "manifest-sha256.txt": lines.encode(),
        "bag-info.txt": f"Payload-Oxum: {oxum or f'{size}.{len(payload)}'}\n".encode(),
    }
    return drop(root, {**tags, **{f"data/{name}": content for name, content in payload.items()}})


def test_nothing_lacks_where_every_file_of_every_manifest_is_there(tmp_path: Path):
    drop(
        tmp_path,
        {**PAGES, "checksums.md5": md5sums(PAGES), "page-1.tif.md5": md5sums({"page-1.tif": b"one"})},
    )
    assert what_is_lacking(tmp_path) == ""


def test_a_digest_is_not_computed_here(tmp_path: Path):
    drop(tmp_path, {"a.tif": b"other", "checksums.md5": md5sums({"a.tif": b"this"})})
    assert what_is_lacking(tmp_path) == ""


def test_without_a_manifest_one_is_waited_for(tmp_path: Path):
    drop(
        tmp_path,
        {**PAGES, "checksums.jpg": b"\xff\xd8\xff\0a picture", "manifest-of-goods.txt": b"5 boxes\n"},
    )
    assert what_is_lacking(tmp_path) == "for a manifest"


def test_one_missing_file_is_named(tmp_path: Path):
    drop(tmp_path, {**PAGES, "checksums.md5": md5sums(PAGES)})
    (tmp_path / "sub/page 2.tif").unlink()
    assert what_is_lacking(tmp_path) == "for sub/page 2.tif, which checksums.md5 names"


def test_several_missing_files_are_counted(tmp_path: Path):
    drop(tmp_path, {"page-1.tif": b"one", "checksums.md5": md5sums(PAGES)})
    assert what_is_lacking(tmp_path) == "for 2 files that checksums.md5 names, first sub/page 2.tif"


def test_a_file_that_a_sidecar_is_named_for_is_waited_for(tmp_path: Path):
    drop(tmp_path, {"page-1.tif.md5": b"f97c5d29941bfb1b2fdab0874906ab82\n"})
    assert what_is_lacking(tmp_path) == "for page-1.tif, which page-1.tif.md5 names"
    (tmp_path / "page-1.tif").touch()
    assert what_is_lacking(tmp_path) == ""


def test_a_file_that_is_shorter_than_its_manifest_says_is_waited_for(tmp_path: Path):
    digest = md5(b"one", usedforsecurity=False).hexdigest()
    heading = "%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n## made by hand\n"
    drop(tmp_path, {"a.tif": b"on", "hashes.md5": f"{heading}3,{digest},a.tif\n".encode()})
    assert what_is_lacking(tmp_path) == "for the rest of a.tif: 2 of 3 bytes are there"
    (tmp_path / "a.tif").write_bytes(b"one")
    assert what_is_lacking(tmp_path) == ""
    (tmp_path / "a.tif").write_bytes(b"too long to become right")
    assert what_is_lacking(tmp_path) == ""


def test_a_manifest_that_lists_nothing_yet_is_waited_for(tmp_path: Path):
    drop(tmp_path, {**PAGES, "checksums.md5": b""})
    assert what_is_lacking(tmp_path) == "until checksums.md5 names a file"


def test_a_manifest_that_cannot_be_read_is_waited_for(tmp_path: Path):
    drop(tmp_path, {**PAGES, "checksums.md5": b"\0\0\0\0"})
    assert what_is_lacking(tmp_path) == "until checksums.md5 can be read (it is not text)"


def test_a_bag_is_there_when_its_whole_payload_is(tmp_path: Path):
    bag = a_bag(tmp_path / "bag", {"a.tif": b"one", "sub/50%.tif": b"two"})
    manifest = bag / "manifest-sha256.txt"
    manifest.write_bytes(manifest.read_bytes().replace(b"%", b"%25"))
    assert what_is_lacking(bag) == ""
    shutil.rmtree(bag / "data/sub")
    assert what_is_lacking(bag) == "for data/sub/50%25.tif, which manifest-sha256.txt names"


def test_a_bag_whose_payload_is_smaller_than_it_says_is_waited_for(tmp_path: Path):
    bag = a_bag(tmp_path / "bag", {"a.tif": b"one", "b.tif": b"two"})
    (bag / "data/b.tif").write_bytes(b"t")
    assert what_is_lacking(bag) == "for the rest of the payload: 2 of 2 files, 4 bytes of 6 bytes are there"


@pytest.mark.parametrize("oxum", ["nonsense", "1.1"])
def test_figures_of_a_bag_that_no_waiting_can_make_right_are_left_to_intake(tmp_path: Path, oxum: str):
    assert what_is_lacking(a_bag(tmp_path / "bag", {"a.tif": b"one"}, oxum=oxum)) == ""


def test_names_in_manifests_lead_nowhere_else(tmp_path: Path):
    (tmp_path / "outside").touch()
    drop(tmp_path / "d", {"a.tif": b"", "x.md5": b"f97c5d29941bfb1b2fdab0874906ab82  ../outside\n"})
    assert what_is_lacking(tmp_path / "d") == "for ../outside, which x.md5 names"
