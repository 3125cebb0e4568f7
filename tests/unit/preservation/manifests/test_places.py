"""What the names in a supplied manifest stand for, wherever it was made, and what it says of no file."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.surveys import compared, drop, md5, sha256

from preservation.model.events import EventOutcome
from preservation.model.issues import Severity
from preservation.model.supplied import ManifestLayout, SuppliedManifest, comparison
from preservation.survey.finding import algorithms_needed, find_supplied
from preservation.survey.supplied import check_supplied

SCANS = {"sub1/disc 02.E01": b"one", "sub2/sub2 1/disc 03.E01": b"two"}
A, B = (md5(content) for content in SCANS.values())


def only(manifests: tuple[SuppliedManifest, ...]) -> SuppliedManifest:
    (manifest,) = manifests
    return manifest


def codes_of(manifest: SuppliedManifest) -> list[str]:
    return [issue.code for issue in manifest.issues]


FCIV = "//\r\n// File Checksum Integrity Verifier version 2.05.\r\n//\r\n"
POWERSHELL = "Algorithm Hash     Path\n--------- ----     ----\n"
ITS_LIST = """Algorithm : MD5
Hash      : {a}
Path      : E:\\b\\sub1\\disc 02.E01

Algorithm : MD5
Hash      : {b}
Path      : E:\\b\\sub2\\sub2 1\\disc 03.E01
"""
CERTUTIL = "MD5 hash of file sub1\\disc 02.E01:\n{a}\nMD5-Hash von sub2\\sub2 1\\disc 03.E01:\n{spaced}\n"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("{a} *SUB1\\DISC 02.E01\r\n{b} *Sub2\\SUB2 1\\Disc 03.e01\r\n", ["FIX-007"]),
        ("{a}  sub1/disc 02.E01\r{b}  sub2/sub2 1/disc 03.E01\r", []),
        (FCIV + "{a} sub1\\disc 02.e01\r\n{b} sub2\\sub2 1\\disc 03.e01\r\n", ["FIX-007"]),
        ("{a} \\\\nas\\s\\sub1\\disc 02.E01\n{b} \\\\nas\\s\\sub2\\sub2 1\\disc 03.E01\n", ["FIX-006"]),
        ("{a}  c:\\s\\sub1\\DISC 02.E01\n{b}  c:\\s\\sub2\\sub2 1\\disc 03.E01\n", ["FIX-006", "FIX-007"]),
        ("{a}  sub1/disc 02.E01\n{b}  box 7/sub2/sub2 1/disc 03.E01\n", ["FIX-006"]),
        (
            POWERSHELL
            + "MD5  {a}  E:\\b\\sub1\\disc 02.E01   \nMD5  {b}  E:\\b\\sub2\\sub2 1\\disc 03.E01\n",
            ["FIX-006"],
        ),
        (ITS_LIST, ["FIX-006"]),
        ("sub1/disc 02.E01\t{a}\nsub2/sub2 1/disc 03.E01: {b}\n", []),
        (CERTUTIL + "CertUtil: -hashfile-Befehl wurde erfolgreich ausgeführt.\n", []),
    ],
    ids=[
        "case",
        "old mac",
        "fciv",
        "share",
        "drive and case",
        "two roots",
        "powershell",
        "its list",
        "name first",
        "certutil",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_what_programs_of_other_systems_write_is_confirmed(
    tmp_path: Path, text: str, codes: list[str], encoding: str
):
    spaced = " ".join(B[place : place + 2] for place in range(0, len(B), 2))
    drop(tmp_path, {**SCANS, "checksums.md5": text.format(a=A, b=B, spaced=spaced).encode(encoding)})

    manifest = only(compared(tmp_path))

    assert (manifest.entries, manifest.confirmed, codes_of(manifest)) == (2, 2, codes)
    assert manifest.outcome is EventOutcome.SUCCESS


def test_both_digests_of_fciv_are_compared(tmp_path: Path):
    sha1 = "fe05bcdcdc4928012781a5f1a2a77cbb5398e106"
    text = f"//\n\t\tMD5\t\t\t\tSHA-1\n-------\n{A} {sha1} sub1\\disc 02.e01\n"
    drop(tmp_path, {"sub1/disc 02.e01": b"one", "checksums.txt": text.encode()})

    manifest = only(compared(tmp_path))

    assert (len(manifest.algorithms), manifest.entries, manifest.confirmed, manifest.issues) == (2, 1, 1, ())


def test_names_that_differ_in_case_only_are_not_taken_for_each_other(tmp_path: Path):
    drop(tmp_path, {"a.tif": b"one", "A.tif": b"two", "x.md5": f"{A}  a.TIF\n".encode()})

    assert codes_of(only(compared(tmp_path)))[0] == "FIX-002"


@pytest.mark.parametrize("name", ["p1.tif", "objects/p1.tif", "../objects/p1.tif", "P1.TIF"])
def test_a_list_in_a_folder_of_metadata_is_about_the_objects_beside_it(tmp_path: Path, name: str):
    others = {"objects/p2.tif": b"two", "logs/x.log": b""}
    drop(tmp_path, {"objects/p1.tif": b"one", "metadata/checksum.md5": f"{A}  {name}\n".encode(), **others})

    manifest = only(compared(tmp_path))

    assert (manifest.entries, manifest.confirmed, manifest.unlisted) == (1, 1, 2)
    assert "'objects/p2.tif'" in next(found for found in manifest.issues if found.code == "FIX-003").message
    assert manifest.outcome is EventOutcome.WARNING


def test_a_wrong_digest_in_such_a_list_names_the_file(tmp_path: Path):
    listed = f"{md5(b'another')}  p1.tif\n{B}  gone.tif\n"
    drop(tmp_path, {"objects/p1.tif": b"one", "metadata/checksum.md5": listed.encode()})

    manifest = only(compared(tmp_path))

    found = {issue.code: issue.path for issue in manifest.issues}
    assert found == {"FIX-001": "objects/p1.tif", "FIX-002": "objects/gone.tif"}
    assert (manifest.differing, manifest.missing, manifest.outcome) == (1, 1, EventOutcome.FAIL)
    assert manifest.sentence == "0 of 2 listed files confirmed, 1 differ, 1 missing"


def test_a_manifest_that_lists_itself_is_compared_but_for_that(tmp_path: Path):
    listed = f"{A}  ./a.tif\n{md5(b'')}  ./checksums.md5\n"
    drop(tmp_path, {"a.tif": b"one", "checksums.md5": listed.encode()})

    manifest = only(compared(tmp_path))

    assert (manifest.entries, manifest.confirmed, codes_of(manifest)) == (1, 1, ["FIX-010"])
    assert (manifest.issues[0].severity, manifest.outcome) == (Severity.INFO, EventOutcome.SUCCESS)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("checksums.md5", "____f55e21df65197e11ca7db187e3a1  a.tif\n", "FIX-004"),
        ("checksums.md5", "MD5 (a.tif) = 0dfef55e21df65197e11ca7db187e3a\n", "FIX-004"),
        ("checksums.csv", "name,md5\na.tif,O123\n", "FIX-004"),
        ("checksums.md5", "MD5 hash of a.tif:\n\n", "FIX-004"),
        ("checksums.md5", "{a}  checksums.md5\n", "FIX-011"),
        ("md5sum.txt", "{a}\n", "FIX-004"),
    ],
)
@pytest.mark.parametrize("severity", [Severity.QUESTION, Severity.ERROR])
def test_a_manifest_that_compares_no_file_is_never_passed_over(
    tmp_path: Path, name: str, text: str, code: str, severity: Severity
):
    drop(tmp_path, {"a.tif": b"one", name: text.format(a=A).encode()})
    found = find_supplied(tmp_path)
    assert algorithms_needed(found) <= {"md5"}
    (manifest,) = check_supplied(found, tmp_path, (), unchecked=severity)

    assert (manifest.issues[0].code, manifest.issues[0].severity) == (code, severity)
    assert (manifest.entries, manifest.outcome) == (0, EventOutcome.WARNING)
    assert "no file was compared" in manifest.sentence


def test_a_digest_of_one_file_that_is_none_is_asked_about_and_the_others_are_compared(tmp_path: Path):
    listed = f"{A[:-1]}t  a.tif\n{B}  b.tif\nwhat is this\n"
    drop(tmp_path, {"a.tif": b"one", "b.tif": b"two", "checksums.md5": listed.encode()})

    manifest = only(compared(tmp_path))

    assert (manifest.entries, manifest.confirmed, manifest.unusable, manifest.unlisted) == (2, 1, 1, 0)
    question, lines = manifest.issues
    assert (question.code, question.severity, question.path) == ("FIX-009", Severity.QUESTION, "a.tif")
    assert (lines.code, "line 3" in lines.message) == ("FIX-004", True)
    assert manifest.outcome is EventOutcome.WARNING


def test_what_a_mac_leaves_beside_a_manifest_is_none(tmp_path: Path):
    drop(
        tmp_path, {"a.tif": b"one", "checksums.md5": f"{A}  a.tif\n".encode(), "._checksums.md5": b"\0\5\x16"}
    )

    assert only(compared(tmp_path)).layout is ManifestLayout.MD5SUM


def test_a_file_with_two_digests_is_one_file(tmp_path: Path):
    text = f"MD5 (a.tif) = {A}\nSHA256 (a.tif) = {sha256(b'one')}\n"
    drop(tmp_path, {"a.tif": b"one", "checksums.txt": text.encode()})

    assert (only(compared(tmp_path)).sentence) == "1 of 1 listed file confirmed"


def test_the_comparison_with_all_manifests_is_their_sum(tmp_path: Path):
    drop(tmp_path, {f"{number}.tif": b"one" for number in range(5)})
    drop(tmp_path, {f"{number}.tif.md5": A.encode() for number in range(5)})

    total = comparison(compared(tmp_path))

    assert total.sentence == "5 of 5 checksums confirmed (0.tif.md5, 1.tif.md5, 2.tif.md5 and 2 more)"
    assert comparison(()).sentence == ""


def test_a_sidecar_may_take_the_place_of_the_extension(tmp_path: Path):
    contents = {"sub/a.tif": b"one", "sub/a.md5": A.encode(), "sub/a.sha1": b"", "b.tif": b"", "b.jpg": b""}
    drop(tmp_path, {**contents, "b.md5": A.encode()})

    first, second, third = compared(tmp_path)

    assert (first.path, first.missing, codes_of(first)) == ("b.md5", 1, ["FIX-002"])
    assert (second.path, second.confirmed, second.issues) == ("sub/a.md5", 1, ())
    assert codes_of(third) == ["FIX-004"]
