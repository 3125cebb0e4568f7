"""Bags in archives: validated without being unpacked, and nothing hostile in them does harm."""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bags import PAYLOAD, bag_files, codes_of, manifest, tar_member, tarred, write, zipped
from support.hostile_archives import pax_tar

from preservation.archives.members import ArchiveKind, UnpackLimits
from preservation.archives.walking import archive_kind
from preservation.bagit import codes
from preservation.bagit.archive_source import ArchiveSource
from preservation.bagit.serialized import read_serialized
from preservation.bagit.validation import Validation, validate

NAMES = {"data/Müller 50%.txt": b"1", "data/a\nb": b"2", "data/名前.txt": b"3", "data/" + "x" * 240: b"4"}
LIMITS = UnpackLimits()

Packer = Callable[[Path, dict[str, bytes]], Path]

PACKERS: dict[str, Packer] = {
    "zip": zipped,
    "tar": lambda path, files: tarred(path, files, mode="w"),
    "tar.gz": tarred,
    "tar.bz2": lambda path, files: tarred(path, files, mode="w:bz2"),
    "tar.xz": lambda path, files: tarred(path, files, mode="w:xz"),
}


@pytest.fixture(params=PACKERS)
def pack(request: pytest.FixtureRequest) -> Packer:
    packer: Packer = PACKERS[request.param]
    return packer


def test_a_bag_in_any_archive_is_valid(tmp_path: Path, pack: Packer):
    verdict = validate(pack(tmp_path / "bag", bag_files(NAMES)))
    assert (verdict.valid, verdict.complete, verdict.issues) == (True, True, ())
    assert verdict.payload.files == len(NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


@pytest.mark.parametrize("version", ["0.93", "0.97", "1.0"])
def test_folder_and_archive_get_the_same_verdict(tmp_path: Path, pack: Packer, version: str):
    files = bag_files(version=version, algorithms=("md5", "sha512"))
    del files["data/letter.txt"]
    files["data/extra"] = b"x"
    files["data/scans/page 1.tif"] = b"changed"
    folder = validate(write(tmp_path / "folder", files))
    archive = validate(pack(tmp_path / "archive", files))
    assert (archive.valid, archive.complete, archive.payload) == (False, False, folder.payload)
    assert set(archive.issues) == set(folder.issues)


def test_the_manifests_may_come_after_the_payload(tmp_path: Path, pack: Packer):
    files = dict(reversed(bag_files().items()))
    assert validate(pack(tmp_path / "bag", files)).issues == ()


def test_a_bag_without_a_folder_of_its_own_is_valid_with_a_warning(tmp_path: Path):
    for archive in (zipped(tmp_path / "a", bag_files(), ""), tarred(tmp_path / "b", bag_files(), "./")):
        verdict = validate(archive)
        assert (verdict.valid, codes_of(verdict.issues)) == (True, {codes.ARCHIVE_LAYOUT})


def test_what_lies_beside_the_bag_is_told(tmp_path: Path):
    beside = {f"bag/{path}": content for path, content in bag_files().items()} | {"notes.txt": b"x"}
    verdict = validate(zipped(tmp_path / "a", beside, ""))
    assert (verdict.valid, codes_of(verdict.issues)) == (False, {codes.ARCHIVE_LAYOUT})


def test_two_bags_in_one_archive_are_refused(tmp_path: Path):
    both = {f"{bag}/{path}": content for bag in "ab" for path, content in bag_files().items()}
    assert codes_of(validate(zipped(tmp_path / "a", both, "")).issues) == {codes.NO_BAG}


def test_a_bag_without_declaration_is_still_judged_by_the_rules(tmp_path: Path, pack: Packer):
    files = bag_files(replacing={"bagit.txt": None})
    verdict = validate(pack(tmp_path / "a", files))
    assert codes_of(verdict.issues) == {codes.DECLARATION_MISSING}


def zip_with(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


def tar_with(path: Path, *members: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)) if member.isreg() else None)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "bag/../../evil",
        "/etc/evil",
        "bag//../../../evil",
        r"..\evil",
        r"C:\evil",
        r"\\nas\evil",
        "a\0b",
    ],
)
def test_a_member_that_climbs_out_is_named(tmp_path: Path, name: str):
    archives = [tar_with(tmp_path / "a.tar", tar_member(name))] if "\0" not in name else []
    if "\0" not in name:
        archives.append(zip_with(tmp_path / "a.zip", name))
    else:
        placeholder = zip_with(tmp_path / "a.zip", "aXb")
        placeholder.write_bytes(placeholder.read_bytes().replace(b"aXb", b"a\0b"))
        archives.append(placeholder)
    for archive in archives:
        verdict = validate(archive)
        assert (verdict.valid, codes_of(verdict.issues)) == (False, {codes.ARCHIVE_CLIMBS_OUT})


def test_links_and_devices_in_a_bag_are_refused(tmp_path: Path):
    path = tarred(tmp_path / "bag.tar", bag_files(), mode="w")
    with tarfile.open(path, "a") as archive:
        archive.addfile(tar_member("bag/data/link", tarfile.SYMTYPE, "letter.txt"))
        archive.addfile(tar_member("bag/data/device", tarfile.CHRTYPE))
    verdict = validate(path)
    assert codes_of(verdict.issues) == {codes.NOT_A_FILE}
    assert {issue.path for issue in verdict.issues} == {"data/link", "data/device"}


def test_a_link_that_leads_out_is_harmful(tmp_path: Path):
    tar = tar_with(tmp_path / "a.tar", tar_member("bag/a/link", tarfile.SYMTYPE, "../../../etc/passwd"))
    assert codes_of(read_serialized(tar, ArchiveKind.TAR, LIMITS).harmful.issues) == {
        codes.ARCHIVE_CLIMBS_OUT
    }


def test_a_manifest_name_in_capitals_is_read_in_archives_too(tmp_path: Path, pack: Packer):
    files = bag_files(replacing={"manifest-sha256.txt": None, "MANIFEST-SHA256.TXT": manifest(PAYLOAD)})
    verdict = validate(pack(tmp_path / "bag", files))
    assert (verdict.valid, codes_of(verdict.issues)) == (True, {codes.MANIFEST_NAME_LOOSE})


def test_a_tag_file_that_is_a_hard_link_to_something_else_gets_a_verdict(tmp_path: Path):
    path = tarred(tmp_path / "bag.tar", bag_files(), mode="w")
    with tarfile.open(path, "a") as archive:
        archive.addfile(tar_member("bag/manifest-md5.txt", tarfile.LNKTYPE, "bag/data/letter.txt"))
    assert codes.TAG_FILE_UNREADABLE in codes_of(validate(path).issues)


def test_a_link_in_a_zip_is_read_for_where_it_leads(tmp_path: Path):
    for target, harmful in (("letter.txt", set()), ("../../etc/passwd", {codes.ARCHIVE_CLIMBS_OUT})):
        link = zipfile.ZipInfo("a/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(link, target)
        assert (
            codes_of(read_serialized(tmp_path / "a.zip", ArchiveKind.ZIP, LIMITS).harmful.issues) == harmful
        )


def test_a_hard_link_in_a_tar_is_another_name_of_its_file(tmp_path: Path):
    payload = {"data/a": b"same", "data/b": b"same"}
    files = bag_files(payload, replacing={"manifest-sha256.txt": manifest(payload)})
    del files["data/b"]
    path = tarred(tmp_path / "bag.tar", files, mode="w")
    with tarfile.open(path, "a") as archive:
        archive.addfile(tar_member("bag/data/b", tarfile.LNKTYPE, "bag/data/a"))
    verdict = validate(path)
    assert (verdict.issues, verdict.payload) == ((), (8, 2))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused(tmp_path: Path):
    files = bag_files()
    path = zipped(tmp_path / "bag.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bag/data/letter.txt", b"another")
    assert codes.ARCHIVE_NAME_TWICE in codes_of(validate(path).issues)


def bomb(tmp_path: Path, kind: str) -> Path:
    zeros = bytes(1 << 20)
    path = tmp_path / f"bomb.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(80):
                archive.writestr(f"bag/data/{number}", zeros)
        return path
    return tar_with(path, *(tar_member(f"bag/{n}", size=1 << 20) for n in range(80)), mode="w:gz")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_noticed_by_its_ratio(tmp_path: Path, kind: str):
    verdict = validate(bomb(tmp_path, kind))
    assert codes_of(verdict.issues) == {codes.ARCHIVE_BOMB}


def test_a_bomb_is_noticed_by_its_members_and_by_its_size(tmp_path: Path):
    many = zip_with(tmp_path / "many.zip", *(f"bag/{number}" for number in range(50)))
    for limits in (UnpackLimits(files=49), UnpackLimits(bytes=49)):
        assert codes_of(read_serialized(many, ArchiveKind.ZIP, limits).harmful.issues) == {codes.ARCHIVE_BOMB}
    assert read_serialized(many, ArchiveKind.ZIP, UnpackLimits(files=50)).harmful.issues == ()


def test_a_sparse_bomb_is_noticed_by_what_it_claims(tmp_path: Path):
    member = tar_member("bag/data/hole")
    member.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(1 << 50),
    }
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member)
    assert codes_of(validate(tmp_path / "a.tar").issues) == {codes.ARCHIVE_BOMB}


def test_a_zip_whose_members_share_their_bytes_is_a_bomb(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(50):
            archive.writestr(f"bag/data/{number}", bytes(5000 + number))
    content = path.read_bytes()
    shared = bytearray(content[:10_000] + content[content.index(b"PK\x01\x02") :])
    struct.pack_into("<I", shared, shared.index(b"PK\x05\x06") + 16, 10_000)
    for header in re.finditer(rb"PK\x01\x02", bytes(shared)):
        struct.pack_into("<I", shared, header.start() + 42, 0)
    path.write_bytes(shared)
    found = read_serialized(path, ArchiveKind.ZIP, LIMITS).harmful.issues
    assert codes_of(found) == {codes.ARCHIVE_BOMB}
    assert "share the same bytes" in found[0].message


def test_what_lies_behind_the_end_of_a_packed_tar_is_read_too(tmp_path: Path):
    path = tarred(tmp_path / "bag.tgz", bag_files())
    sound = path.read_bytes()
    path.write_bytes(sound + gzip.compress(bytes(80 << 20)))
    assert codes_of(validate(path).issues) == {codes.ARCHIVE_BOMB}
    path.write_bytes(sound[:-4] + b"\0\0\0\0")
    assert codes_of(validate(path).issues) == {codes.ARCHIVE_UNREADABLE}


def test_a_link_whose_target_is_encrypted_is_still_a_link(tmp_path: Path):
    link = zipfile.ZipInfo("a/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "letter.txt")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    bag = read_serialized(path, ArchiveKind.ZIP, LIMITS)
    assert (bag.harmful.issues, codes_of(bag.unkeepable.issues)) == ((), {codes.NOT_A_FILE})


@pytest.mark.parametrize("size", [3 << 30, -512])
def test_a_header_that_claims_all_memory_is_noticed(tmp_path: Path, size: int):
    header = tar_member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    block = bytearray(header.tobuf())
    block[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "a.tar").write_bytes(bytes(block) + bytes(1024))
    assert codes_of(validate(tmp_path / "a.tar").issues) <= {codes.ARCHIVE_BOMB, codes.ARCHIVE_UNREADABLE}
    assert not validate(tmp_path / "a.tar").valid


@pytest.mark.parametrize("size", [-512, -1024, -1536, -(1 << 40)])
def test_a_size_below_zero_neither_leads_back_nor_counts_against_the_others(tmp_path: Path, size: int):
    (tmp_path / "a.tar").write_bytes(pax_tar({"size": str(size)}, bytes(512)))
    bag = read_serialized(tmp_path / "a.tar", ArchiveKind.TAR, LIMITS)
    assert codes_of(bag.harmful.issues) == {codes.ARCHIVE_BOMB}
    assert bag.layout.files == {}


def test_a_chain_of_headers_does_not_exhaust_the_stack(tmp_path: Path):
    header = tar_member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=4).tobuf() + b"abc\0".ljust(
        512, b"\0"
    )
    (tmp_path / "a.tar").write_bytes(header * 5_000 + bytes(1024))
    assert codes_of(validate(tmp_path / "a.tar").issues) == {codes.ARCHIVE_UNREADABLE}


def test_a_truncated_archive_is_unreadable_wherever_it_ends(tmp_path: Path, pack: Packer):
    whole = pack(tmp_path / "whole", bag_files({"data/noise": bytes(range(256)) * 40})).read_bytes()
    for part in range(1, 5):
        cut = tmp_path / "cut.tar.gz"
        cut.write_bytes(whole[: len(whole) * part // 10])
        verdict = validate(cut)
        assert not verdict.valid


def test_a_broken_header_is_not_taken_for_the_end(tmp_path: Path):
    path = tarred(tmp_path / "bag.tar", bag_files(), mode="w")
    content = bytearray(path.read_bytes())
    content[1024 + 100] ^= 0xFF
    path.write_bytes(content)
    assert codes_of(validate(path).issues) == {codes.ARCHIVE_UNREADABLE}


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path: Path):
    path = zipped(tmp_path / "bag.zip", bag_files({"data/noise": bytes(range(256)) * 40}))
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("bag/data/noise").header_offset + 60
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)
    verdict = validate(path)
    assert codes_of(verdict.issues) & {codes.FILE_UNREADABLE, codes.DIGEST_MISMATCH}


def test_an_encrypted_member_is_unreadable(tmp_path: Path):
    path = zipped(tmp_path / "bag.zip", bag_files())
    content = path.read_bytes()
    name = b"bag/data/letter.txt"
    header = content.rindex(name) - 46
    local = content.index(name) - 30
    marked = bytearray(content)
    marked[header + 8] |= 1
    marked[local + 6] |= 1
    path.write_bytes(marked)
    verdict = validate(path)
    assert (codes.FILE_UNREADABLE, "data/letter.txt") in {
        (issue.code, issue.path) for issue in verdict.issues
    }


def names_in(path: Path) -> set[str]:
    return set(read_serialized(path, ArchiveKind.ZIP, LIMITS).layout.files)


def test_zip_names_are_the_ones_that_were_meant(tmp_path: Path):
    utf_8, dos = "Bücher.txt", "B\u00fccher.txt".encode("cp437")
    flagged = zip_with(tmp_path / "flagged.zip", utf_8)
    unflagged = zip_with(tmp_path / "unflagged.zip", "B__cher.txt")
    unflagged.write_bytes(unflagged.read_bytes().replace(b"B__cher", "Bücher".encode()))
    from_dos = zip_with(tmp_path / "dos.zip", "B_cher.txt")
    from_dos.write_bytes(from_dos.read_bytes().replace(b"B_cher.txt", dos))
    assert names_in(flagged) == names_in(unflagged) == names_in(from_dos) == {utf_8}


@pytest.mark.parametrize(("crc_of", "meant"), [(b"letter", "Brief ü"), (b"other", "letter")])
def test_the_unicode_path_of_info_zip_counts_if_it_belongs_to_the_name(
    tmp_path: Path, crc_of: bytes, meant: str
):
    field = struct.pack("<BL", 1, zlib.crc32(crc_of)) + "Brief ü".encode()
    info = zipfile.ZipInfo("letter")
    info.extra = struct.pack("<2H", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, b"x")
    assert names_in(tmp_path / "a.zip") == {meant}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("letter.txt", b"Dear reader", None),
        ("scan.gz", b"\x1f\x8b\x08\0 not really", None),
        ("empty", b"", None),
        ("broken.zip", b"", ArchiveKind.ZIP),
        ("BROKEN.TGZ", b"nothing", ArchiveKind.TAR_GZ),
    ],
)
def test_what_is_an_archive_is_told_by_its_bytes_and_at_last_by_its_name(
    tmp_path: Path, name: str, content: bytes, kind: ArchiveKind | None
):
    (tmp_path / name).write_bytes(content)
    assert archive_kind(tmp_path / name) is kind


def test_an_archive_is_known_whatever_it_is_called(tmp_path: Path):
    kinds = [archive_kind(pack(tmp_path / f"bag-{name}", bag_files())) for name, pack in PACKERS.items()]
    assert kinds == list(ArchiveKind)


def test_an_archive_that_is_changed_between_two_readings_gets_a_verdict(tmp_path: Path):
    path = tarred(tmp_path / "bag.tgz", bag_files())
    source = ArchiveSource(path, ArchiveKind.TAR_GZ, LIMITS)
    listing = source.listing()

    class Changed:
        name = "bag"

        def __getattr__(self, attribute: str) -> object:
            return getattr(source, attribute)

        def listing(self) -> object:
            path.write_bytes(path.read_bytes()[:100])
            return listing

    verdict: Validation = validate(Changed())  # type: ignore[arg-type]  # a source in all but type
    unread = {issue.path for issue in verdict.issues if issue.code == codes.FILE_UNREADABLE}
    assert (verdict.valid, unread) == (False, set(bag_files()))


def pax_record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n".encode()
    length = len(text) + len(str(len(text)))
    return f"{length + (len(str(length)) > len(str(len(text))))}".encode() + text


def extended(records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    header = tarfile.TarInfo("extended")
    header.type, header.size = kind, len(records)
    return header.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % tarfile.BLOCKSIZE)


_FILE = tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT)
_SPARSE = b"".join(
    pax_record(f"GNU.sparse.{key}", value)
    for key, value in {"major": "1", "minor": "0", "name": "hole", "realsize": "9"}.items()
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(extended(pax_record("comment", "x" * (1 << 20))) + _FILE, id="one long header"),
        pytest.param(extended(pax_record("comment", "x" * (300 << 10))) * 4 + _FILE, id="headers of headers"),
        pytest.param(
            b"".join(
                extended(pax_record(f"k{number}", "x" * 900), tarfile.XGLTYPE) + _FILE for number in range(20)
            ),
            id="headers for all members",
        ),
        pytest.param(
            extended(_SPARSE) + _FILE + b"9999999\n" + b"1\n" * (1 << 20), id="a map of holes without end"
        ),
        pytest.param(extended(pax_record("path", "x" * 70_000)) + _FILE, id="a long name"),
        pytest.param(extended(pax_record("linkpath", "x" * 70_000)) + _FILE, id="a long target"),
        pytest.param((extended(pax_record("path", "x" * 60_000)) + _FILE) * 20, id="long names together"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_headers_and_names_that_would_fill_the_memory_are_refused(
    tmp_path: Path, content: bytes, *, packed: bool
):
    path = tmp_path / "a.tar"
    whole = content + bytes(1024)
    path.write_bytes(gzip.compress(whole) if packed else whole)
    kind = ArchiveKind.TAR_GZ if packed else ArchiveKind.TAR
    found = read_serialized(path, kind, UnpackLimits(names=1_000_000)).harmful.issues
    assert codes_of(found) == {codes.ARCHIVE_BOMB}
    assert all(len(issue.message) < 500 for issue in found)


def test_names_in_a_zip_are_limited_together_and_so_is_its_directory(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(20):
            info = zipfile.ZipInfo(f"{number}")
            info.comment = b"x" * 60_000
            archive.writestr(info, b"")
        for number in range(20):
            archive.writestr(f"{number}" * 20_000, b"")
    for names, refused in ((1_500_000, True), (400_000, True), (4_000_000, False)):
        limits = UnpackLimits(files=1_000, names=names)
        found = read_serialized(tmp_path / "a.zip", ArchiveKind.ZIP, limits).harmful.issues
        assert codes_of(found) == ({codes.ARCHIVE_BOMB} if refused else set())
