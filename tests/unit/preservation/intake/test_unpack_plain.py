"""Archives that hold no bag: unpacked where the policy says so, with what was in them looked at."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bags import codes_of, tar_member, tarred, zipped

from preservation.archives.members import UnpackLimits
from preservation.bagit import codes as bag_codes
from preservation.intake import codes
from preservation.intake.cage import JOB_MODULES
from preservation.intake.recognise import Unacceptable, recognise
from preservation.model.issues import Issue
from preservation.model.submissions import DropKind, Received
from preservation.policy.intake import Unpacked
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

BOTH = (Unpacked.ZIP, Unpacked.TAR)
SCANS = {"p1.tif": b"one", "sub/p2.tif": b"two", "__MACOSX/._p1.tif": b"x"}


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(), 1, JOB_MODULES) as pool:
        yield pool


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("top", ["", "probe/"])
@pytest.mark.parametrize("name", ["scans.zip", "scans.tar", "scans.tar.gz", "scans.TGZ"])
def test_an_archive_is_the_folder_that_is_in_it(
    name: str, top: str, tmp_path: Path, workspace: Path, workers: CagedWorkers
):
    archive = tmp_path / name
    mode = "w:" if name.endswith(".tar") else "w:gz"
    made = zipped(archive, SCANS, top) if name.endswith(".zip") else tarred(archive, SCANS, top, mode)
    received = recognise(made, workspace, UnpackLimits(), workers, BOTH)
    assert isinstance(received, Received), received
    assert (received.kind, received.bag_root, received.only) == (DropKind.ARCHIVE, None, None)
    assert tree(received.payload_root) == SCANS
    assert received.archive is not None
    content = archive.read_bytes()
    assert (received.archive.name, received.archive.size) == (name, len(content))
    assert received.archive.sha256 == hashlib.sha256(content).hexdigest()
    assert received.archive.sha256 in received.remarks[0].message


@pytest.mark.parametrize(
    ("name", "unpacks"), [("scans.zip", (Unpacked.TAR,)), ("scans.zip", ()), ("scans.cbz", BOTH)]
)
def test_what_the_policy_does_not_name_stays_a_file(
    name: str, unpacks: tuple[Unpacked, ...], tmp_path: Path, workspace: Path, workers: CagedWorkers
):
    drop = zipped(tmp_path / name, SCANS)
    received = recognise(drop, workspace, UnpackLimits(), workers, unpacks)
    assert isinstance(received, Received)
    assert (received.kind, received.archive) == (DropKind.FILE, None)


def test_a_document_that_is_called_a_zip_is_not_taken_apart(
    tmp_path: Path, workspace: Path, workers: CagedWorkers
):
    drop = zipped(tmp_path / "letter.zip", {"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}, "")
    received = recognise(drop, workspace, UnpackLimits(), workers, BOTH)
    assert isinstance(received, Received)
    assert received.kind is DropKind.FILE


def test_what_a_mac_puts_beside_the_folder_is_said_to_be_left(
    tmp_path: Path, workspace: Path, workers: CagedWorkers
):
    drop = zipped(tmp_path / "scans.zip", {"scans/p1.tif": b"one", "__MACOSX/scans/._p1.tif": b"x"}, "")
    received = recognise(drop, workspace, UnpackLimits(), workers, BOTH)
    assert isinstance(received, Received)
    assert tree(received.payload_root) == {"p1.tif": b"one"}
    assert bag_codes.ARCHIVE_LITTER in codes_of(received.remarks)


def _twice(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for content in (b"a", b"b"):
            archive.addfile(tar_member("scans/p1.tif", size=1), io.BytesIO(content))
    return path


def _linked(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tar_member("scans/p1.tif", tarfile.SYMTYPE, "p2.tif"))
    return path


def _in_another_encoding(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scans/Muehle.tif", b"one")
    path.write_bytes(path.read_bytes().replace(b"Muehle", b"M\x81hle\xff"))
    return path


def _encrypted(path: Path) -> Path:
    zipped(path, {"p1.tif": b"one"}, "scans/")
    content = bytearray(path.read_bytes())
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + place] |= 1
    path.write_bytes(content)
    return path


def test_a_scan_that_is_only_called_like_what_a_mac_leaves_is_kept(
    tmp_path: Path, workspace: Path, workers: CagedWorkers
):
    content = {"box/p1.tif": b"one", "._p2.tif": b"two", "._box": b"x"}
    received = recognise(zipped(tmp_path / "box.zip", content, ""), workspace, UnpackLimits(), workers, BOTH)
    assert isinstance(received, Received), received
    assert tree(received.payload_root) == content


@pytest.mark.parametrize(
    ("make", "name", "code"),
    [
        (_twice, "scans.tar", bag_codes.ARCHIVE_NAME_TWICE),
        (_linked, "scans.tar", codes.ARCHIVE_WITH_LINK),
        (_in_another_encoding, "scans.zip", codes.NAMES_NOT_KNOWN),
        (_encrypted, "scans.zip", bag_codes.ARCHIVE_UNREADABLE),
        (lambda path: zipped(path, {}, "scans/"), "scans.zip", codes.NOTHING_IN_IT),
        (
            lambda path: zipped(path, {"a/b": b"", "a": b""}, ""),
            "scans.zip",
            bag_codes.ARCHIVE_NAME_IMPOSSIBLE,
        ),
    ],
)
def test_what_cannot_be_unpacked_faithfully_is_sent_back(
    make: object, name: str, code: str, tmp_path: Path, workspace: Path, workers: CagedWorkers
):
    drop = make(tmp_path / name)  # type: ignore[operator]  # one of those above
    found = recognise(drop, workspace, UnpackLimits(), workers, BOTH)
    assert isinstance(found, Unacceptable), found
    issue: Issue = found.issues[0]
    assert issue.code == code, found
    assert "bag" not in f"{issue.message} {issue.next_step}"


def test_limits_hold_for_what_is_no_bag(tmp_path: Path, workspace: Path, workers: CagedWorkers):
    drop = zipped(tmp_path / "scans.zip", SCANS)
    found = recognise(drop, workspace, UnpackLimits(files=2), workers, BOTH)
    assert isinstance(found, Unacceptable)
    assert codes_of(found.issues) == {bag_codes.ARCHIVE_BOMB}
