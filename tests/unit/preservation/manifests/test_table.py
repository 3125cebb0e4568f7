"""Supplied manifests that are tables: ``checksums.csv`` and its kin."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.surveys import compared, drop, md5, sha256

from preservation.model.digests import Algorithm
from preservation.model.supplied import ManifestLayout, SuppliedManifest

SCANS = {"a.tif": b"one", "sub/b c, d.tif": b"two"}
A, B = md5(SCANS["a.tif"]), md5(SCANS["sub/b c, d.tif"])


def only(manifests: tuple[SuppliedManifest, ...]) -> SuppliedManifest:
    (manifest,) = manifests
    return manifest


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("checksums.csv", 'name,md5\na.tif,{a}\n"sub/b c, d.tif",{b}\n'),
        ("checksums.csv", 'a.tif,{a}\n"sub/b c, d.tif",{b}\n'),
        ("checksum.csv", '\ufeffMD5;Filename\r\n{A};a.tif\r\n{b};"sub/b c, d.tif"\r\n'),
        ("Checksums.CSV", '{a}, a.tif\n{b}, "sub\\b c, d.tif"\n'),
        ("checksums.tsv", "file name\tsize\tchecksum\na.tif\t3\t{a}\nsub/b c, d.tif\t3\t{b}\n"),
        ("checksums.csv", '"size","path","MD5"\n"3","a.tif","{a}"\n\n"3","sub/b c, d.tif","{b}"\n'),
        ("checksums.tsv", "{a}\ta.tif\n{b}\tsub/b c, d.tif\n"),
    ],
)
def test_a_table_of_files_and_digests_is_confirmed(tmp_path: Path, name: str, text: str):
    drop(tmp_path, {**SCANS, name: text.format(a=A, b=B, A=A.upper()).encode()})

    manifest = only(compared(tmp_path))

    assert manifest.layout is ManifestLayout.CSV
    assert manifest.algorithms == (Algorithm.MD5,)
    assert (manifest.entries, manifest.confirmed, manifest.issues) == (2, 2, ())


def test_a_wrong_digest_in_a_table_is_an_error_that_names_the_file(tmp_path: Path):
    text = f"name,md5\na.tif,{md5(b'another')}\n"
    drop(tmp_path, {"a.tif": b"one", "checksums.csv": text.encode()})

    (issue,) = only(compared(tmp_path)).issues

    assert (issue.code, issue.path) == ("FIX-001", "a.tif")


def test_every_column_of_digests_is_held_against_the_file(tmp_path: Path):
    text = f"name,md5,sha256\na.tif,{A},{sha256(b'another')}\n"
    drop(tmp_path, {"a.tif": b"one", "checksums.csv": text.encode()})

    manifest = only(compared(tmp_path))

    assert manifest.algorithms == (Algorithm.MD5, Algorithm.SHA256)
    assert [issue.code for issue in manifest.issues] == ["FIX-001"]


def test_lines_of_md5sum_are_read_in_a_file_that_is_named_as_a_table(tmp_path: Path):
    drop(tmp_path, {**SCANS, "checksums.csv": f"{A}  a.tif\n{B} *sub/b c, d.tif\n".encode()})

    manifest = only(compared(tmp_path))

    assert (manifest.layout, manifest.confirmed, manifest.issues) == (ManifestLayout.MD5SUM, 2, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,size\na.tif,3\n",
        "a.tif,3,{a}\n",
        '"a.tif,{a}\n',
        "name,md5\na.tif,0123\n",
        "{a},{b}\n",
    ],
)
def test_a_table_that_cannot_be_understood_is_a_warning(tmp_path: Path, text: str):
    drop(tmp_path, {"a.tif": b"one", "checksums.csv": text.format(a=A, b=B).encode()})

    (issue,) = only(compared(tmp_path)).issues

    assert issue.code == "FIX-004"
    assert "No file was checked against it" in issue.message


def test_rows_that_cannot_be_understood_are_told_by_their_lines(tmp_path: Path):
    text = f"name,md5\na.tif,{A}\nsub/b c, d.tif,{B}\nmore.tif,none\n"
    drop(tmp_path, {**SCANS, "checksums.csv": text.encode()})

    manifest = only(compared(tmp_path))

    assert manifest.confirmed == 1
    assert "line 3, 4" in manifest.issues[0].message


def test_metadata_is_no_manifest_whatever_its_columns_hold(tmp_path: Path):
    drop(tmp_path, {"a.tif": b"one", "metadata.csv": f"name,md5\na.tif,{md5(b'another')}\n".encode()})

    assert compared(tmp_path) == ()
