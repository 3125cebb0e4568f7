"""Archives in a drop: listed, never unpacked; what would hurt is told."""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hostile_archives import pax_tar
from support.screenings import codes, policy_that, screened

from preservation.model.issues import IssueCode, Severity
from preservation.model.screening import ScreenedFile
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

ESCAPES, BOMB, BROKEN, PARTLY = map(IssueCode, ("SCR-060", "SCR-061", "SCR-062", "SCR-063"))
GIB = 1 << 30


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 1, JOB_MODULES) as pool:
        yield pool


def examined(tmp_path: Path, workers: CagedWorkers, name: str, content: bytes) -> ScreenedFile:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    (root / name).write_bytes(content)
    (result,) = screened(root, workers, policy=policy_that(safe_archives="reject")).values()
    assert (root / name).read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} == {"drop", "thumbnails"}
    return result


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return sink.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry, target.encode()


def tarred(*members: tarfile.TarInfo) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)) if member.isfile() else None)
    return sink.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, size
    return entry


SOUND = {
    "a.zip": zipped(("a/b.txt", b"words"), ("a/", b""), link("a/c", "b.txt")),
    "a.tar": tarred(
        member("./", tarfile.DIRTYPE), member("./a/b", size=9), member("a/c", tarfile.SYMTYPE, "../d")
    ),
    "a.tar.gz": gzip.compress(tarred(member("a/b", size=9), member("a/c", tarfile.LNKTYPE, "a/b"))),
    "a.txt.gz": gzip.compress(b"words" * 1000),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_archive_has_no_issue(tmp_path: Path, workers: CagedWorkers, name: str) -> None:
    assert examined(tmp_path, workers, name, SOUND[name]).issues == ()


@pytest.mark.parametrize(
    "path",
    [
        "../up.txt",
        "/absolute.txt",
        "a/../../up.txt",
        "C:\\windows\\x.txt",
        "..\\up.txt",
        "\\root.txt",
        "a/x/../d",
    ],
)
def test_a_path_that_leaves_is_told(tmp_path: Path, workers: CagedWorkers, path: str) -> None:
    result = examined(tmp_path, workers, "a.zip", zipped(("fine.txt", b"x"), (path, b"x")))
    assert codes(result) == {ESCAPES: Severity.ERROR}
    assert "1 member must not be unpacked" in result.issues[0].message


@pytest.mark.parametrize(
    "entry",
    [
        member("../up", size=1),
        member("/etc/passwd", size=1),
        member("link", tarfile.SYMTYPE, "/etc"),
        member("a/link", tarfile.SYMTYPE, "../../up"),
        member("link", tarfile.LNKTYPE, "../up"),
        member("null", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
)
def test_a_tar_member_that_leaves_or_is_no_file_is_told(
    tmp_path: Path, workers: CagedWorkers, entry: tarfile.TarInfo
) -> None:
    content = tarred(member("fine", size=3), entry)
    assert codes(examined(tmp_path, workers, "a.tar", content)) == {ESCAPES: Severity.ERROR}
    assert codes(examined(tmp_path, workers, "a.tar", gzip.compress(content))) == {ESCAPES: Severity.ERROR}


def test_a_link_in_a_zip_that_leads_out_is_told(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, "a.zip", zipped(link("a/b", "../../../etc/passwd")))
    assert codes(result) == {ESCAPES: Severity.ERROR}
    assert "leads out" in result.issues[0].message


def test_a_zip_that_unpacks_to_far_more_than_it_holds_is_a_bomb(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    content = bytearray(zipped(("zeros", bytes(1 << 20))))
    # What the central directory says is what unpackers make room for.
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, 2 * GIB)
    result = examined(tmp_path, workers, "a.zip", bytes(content))
    assert codes(result) == {BOMB: Severity.ERROR}


def test_a_zip_whose_members_share_their_bytes_is_a_bomb(tmp_path: Path, workers: CagedWorkers) -> None:
    content = zipped(*((f"{n}", bytes(5000 + n)) for n in range(50)), compression=zipfile.ZIP_STORED)
    start = content.index(b"PK\x01\x02")
    directory = content[start : content.index(b"PK\x05\x06")]
    overlapping = content[:10_000] + directory + content[content.index(b"PK\x05\x06") :]
    end = bytearray(overlapping)
    struct.pack_into("<I", end, overlapping.index(b"PK\x05\x06") + 16, 10_000)
    for header in re.finditer(rb"PK\x01\x02", overlapping):
        struct.pack_into("<I", end, header.start() + 42, 0)
    assert codes(examined(tmp_path, workers, "a.zip", bytes(end))) == {BOMB: Severity.ERROR}


def test_a_gzip_of_zeros_without_end_is_a_bomb_within_limits(tmp_path: Path, workers: CagedWorkers) -> None:
    content = gzip.compress(bytes(1 << 20), 9) * 1200
    assert codes(examined(tmp_path, workers, "a.gz", content)) == {BOMB: Severity.ERROR}


def test_a_tar_that_claims_an_ocean_is_a_bomb_or_broken(tmp_path: Path, workers: CagedWorkers) -> None:
    header = bytearray(member("ocean").tobuf())
    header[124:136] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    found = codes(examined(tmp_path, workers, "a.tar", bytes(header) + bytes(1024)))
    assert set(found) <= {BOMB, BROKEN}
    assert found


def test_a_size_below_zero_is_a_bomb_and_leads_nobody_back(tmp_path: Path, workers: CagedWorkers) -> None:
    content = pax_tar({"size": "-1536"}, bytes(512))
    assert codes(examined(tmp_path, workers, "a.tar", content)) == {BOMB: Severity.ERROR}


def test_more_members_than_anybody_needs_are_a_bomb(tmp_path: Path, workers: CagedWorkers) -> None:
    content = member("again").tobuf() * 100_001 + bytes(1024)
    result = examined(tmp_path, workers, "a.tar", content)
    assert codes(result) == {BOMB: Severity.ERROR}
    assert "more than 100,000 members" in result.issues[0].message


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.txt.gz"])
def test_a_truncated_archive_is_broken(tmp_path: Path, workers: CagedWorkers, name: str) -> None:
    whole = SOUND[name]
    assert codes(examined(tmp_path, workers, name, whole[:-12])) == {BROKEN: Severity.ERROR}


def test_archives_in_an_archive_are_counted_and_not_opened(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, "a.zip", zipped(("b.zip", SOUND["a.zip"]), ("c.tar.gz", b"")))
    assert codes(result) == {PARTLY: Severity.INFO}
    assert "2 archives in it" in result.issues[0].message


def test_hostile_member_names_are_shown_escaped(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, "a.zip", zipped(("../\u202e\nx", b"")))
    assert "../\\u202e\\nx" in result.issues[0].message
