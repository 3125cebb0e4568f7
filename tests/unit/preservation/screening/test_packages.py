"""Documents that are zip files inside: every part is unpacked, and none may be missing."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.damage import noise
from support.screenings import codes, policy_that, screened

from preservation.model.issues import IssueCode, Severity
from preservation.model.screening import ScreenedFile
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

BROKEN, LOCKED, IMPERFECT = map(IssueCode, ("SCR-030", "SCR-031", "SCR-033"))
WORDS = noise(9000, 1).hex()

DOCX = {
    "[Content_Types].xml": '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>',
    "word/document.xml": f"<w:document>{WORDS}</w:document>",
}
ODT = {
    "mimetype": "application/vnd.oasis.opendocument.text",
    "META-INF/manifest.xml": '<m manifest:media-type="application/vnd.oasis.opendocument.text"/>',
    "content.xml": f'<office:document-content office:version="1.2">{WORDS}</office:document-content>',
}
EPUB = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": "<container/>",
    "a.xhtml": f"<html>{WORDS}</html>",
}
KINDS = {"letter.docx": DOCX, "letter.odt": ODT, "book.epub": EPUB}


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 1, JOB_MODULES) as pool:
        yield pool


def package(parts: dict[str, str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in parts.items():
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, kind)
    return sink.getvalue()


def examined(tmp_path: Path, workers: CagedWorkers, name: str, content: bytes) -> ScreenedFile:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    (root / name).write_bytes(content)
    policy = policy_that(sound_documents="reject", safe_archives="reject")
    (result,) = screened(root, workers, policy=policy).values()
    return result


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_document_has_no_issue_and_counts_as_looked_into(
    tmp_path: Path, workers: CagedWorkers, name: str
) -> None:
    result = examined(tmp_path, workers, name, package(KINDS[name]))
    assert result.issues == ()
    assert result.unexamined == ""


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("damage", ["random", "zeros"])
def test_a_part_that_is_overwritten_is_named(
    tmp_path: Path, workers: CagedWorkers, name: str, damage: str
) -> None:
    whole = package(KINDS[name])
    middle = len(whole) // 2
    new = noise(64, 2) if damage == "random" else bytes(512)
    result = examined(tmp_path, workers, name, whole[:middle] + new + whole[middle + len(new) :])
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert f"its part {list(KINDS[name])[-1]} is damaged" in result.issues[0].message


@pytest.mark.parametrize("name", KINDS)
def test_a_document_that_is_cut_is_broken_whatever_it_is_taken_for(
    tmp_path: Path, workers: CagedWorkers, name: str
) -> None:
    whole = package(KINDS[name])
    result = examined(tmp_path, workers, name, whole[: len(whole) // 2])
    assert set(codes(result)) <= {BROKEN, IssueCode("SCR-062")}
    assert Severity.ERROR in codes(result).values()


@pytest.mark.parametrize(
    ("name", "part"),
    [("letter.docx", "_rels/.rels"), ("book.epub", "META-INF/container.xml")],
)
def test_a_part_that_such_a_document_cannot_do_without_is_missed(
    tmp_path: Path, workers: CagedWorkers, name: str, part: str
) -> None:
    parts = {key: content for key, content in KINDS[name].items() if key != part}
    result = examined(tmp_path, workers, name, package(parts))
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert f"it has no {part}" in result.issues[0].message


def test_parts_that_are_encrypted_are_told(tmp_path: Path, workers: CagedWorkers) -> None:
    manifest = ODT["META-INF/manifest.xml"] + "<manifest:encryption-data/>"
    result = examined(tmp_path, workers, "letter.odt", package({**ODT, "META-INF/manifest.xml": manifest}))
    assert codes(result) == {LOCKED: Severity.ERROR}
    assert "parts that META-INF/manifest.xml names" in result.issues[0].message


def test_a_part_behind_a_password_of_the_zip_is_told(tmp_path: Path, workers: CagedWorkers) -> None:
    whole = bytearray(package(EPUB))
    at = whole.rindex(b"PK\x01\x02")
    local = struct.unpack_from("<L", whole, at + 42)[0]
    for place in (at + 8, local + 6):
        whole[place] |= 1
    result = examined(tmp_path, workers, "book.epub", bytes(whole))
    assert codes(result) == {LOCKED: Severity.ERROR}
    assert "a.xhtml" in result.issues[0].message


@pytest.mark.parametrize("new", [bytes(512), noise(64, 3)], ids=["zeros", "random"])
def test_a_member_of_a_plain_zip_that_does_not_unpack_to_what_was_packed_is_named(
    tmp_path: Path, workers: CagedWorkers, new: bytes
) -> None:
    whole = package({"a.txt": "words", "b.bin": WORDS})
    middle = len(whole) // 2
    result = examined(tmp_path, workers, "it.zip", whole[:middle] + new + whole[middle + len(new) :])
    assert codes(result) == {IssueCode("SCR-062"): Severity.ERROR}
    assert "1 member cannot be unpacked as packed: b.bin" in result.issues[0].message


@pytest.mark.parametrize(("method", "code"), [(9, "SCR-063"), (57, "SCR-062")], ids=["deflate64", "none"])
def test_a_member_is_damaged_if_packed_in_no_way_that_there_is_and_unread_if_in_one_that_is_not_known_here(
    tmp_path: Path, workers: CagedWorkers, method: int, code: str
) -> None:
    whole = bytearray(package({"a.txt": "words", "b.bin": WORDS}))
    for header, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        whole[whole.rindex(header) + place] = method
    result = examined(tmp_path, workers, "it.zip", bytes(whole))
    assert codes(result).keys() == {IssueCode(code)}
    assert result.is_damaged == (code == "SCR-062")


def test_an_archive_whose_beginning_is_gone_is_damaged_in_words_for_people(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    whole = package({"a.txt": "words", "b.bin": WORDS})
    result = examined(tmp_path, workers, "it.zip", whole[:40] + whole[240:])
    assert codes(result) == {IssueCode("SCR-062"): Severity.ERROR}
    assert "Errno" not in result.issues[0].message
