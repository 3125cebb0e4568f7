"""What a drop turns out to be, and what is refused."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from support.bags import PAYLOAD, bag_files, codes_of, tar_member, tarred, write, zipped
from support.hostile_trees import deep

from preservation.archives import walking
from preservation.archives.members import UnpackLimits
from preservation.bagit import codes as bag_codes
from preservation.errors import DeniedError, NotFoundError, StoreFullError
from preservation.intake import codes
from preservation.intake.cage import JOB_MODULES
from preservation.intake.exchange import Listed, MemberSender, Sent, Wrong
from preservation.intake.recognise import Unacceptable, recognise
from preservation.model.issues import Issue
from preservation.model.submissions import DropKind, Received
from preservation.tools.limits import Limits
from preservation.tools.work import Completed, Died, Exhausted, Request, WorkOutcome
from preservation.tools.workers import CagedWorkers

LIMITS = UnpackLimits()


WORKERS = CagedWorkers(Limits(), 1, JOB_MODULES)


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    with WORKERS:
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def received(drop: Path, workspace: Path) -> Received:
    found = recognise(drop, workspace, LIMITS, WORKERS)
    assert isinstance(found, Received), found
    return found


def refused(drop: Path, workspace: Path, limits: UnpackLimits = LIMITS) -> tuple[Issue, ...]:
    found = recognise(drop, workspace, limits, WORKERS)
    assert isinstance(found, Unacceptable), found
    assert list(workspace.iterdir()) == []
    assert all(issue.message and issue.next_step for issue in found.issues)
    return found.issues


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_a_folder_is_a_folder(tmp_path: Path, workspace: Path):
    drop = write(tmp_path / "drop", {"a/b.tif": b"x"}, folders=())
    assert received(drop, workspace) == Received(DropKind.FOLDER, drop)


def test_a_folder_with_a_declaration_is_a_bag(tmp_path: Path, workspace: Path):
    drop = write(tmp_path / "drop", bag_files())
    assert received(drop, workspace) == Received(DropKind.BAG, drop / "data", bag_root=drop)


def test_a_single_file_is_a_file(tmp_path: Path, workspace: Path):
    drop = tmp_path / "scan.tif"
    drop.write_bytes(b"II*\0")
    assert received(drop, workspace) == Received(DropKind.FILE, tmp_path, only="scan.tif")


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("top", ["letters/", ""])
def test_a_bag_in_an_archive_is_unpacked_faithfully(tmp_path: Path, workspace: Path, mode: str, top: str):
    names = {"data/Müller 50%.txt": b"1", "data/a\nb": b"2", "data/.hidden": b"", "data/" + "名" * 80: b"4"}
    files = bag_files(names)
    drop = tmp_path / "drop"
    if mode == "zip":
        zipped(drop, files, top)
    else:
        tarred(drop, files, top, mode)
    before = drop.read_bytes()
    root = workspace / "unpacked"
    found = received(drop, workspace)
    assert (found.kind, found.payload_root, found.bag_root) == (DropKind.SERIALIZED_BAG, root / "data", root)
    assert found.archive is not None
    assert (found.archive.sha256, found.archive.size) == (hashlib.sha256(before).hexdigest(), len(before))
    assert found.archive.kind == {"zip": "zip", "w": "tar"}.get(mode, f"tar.{mode[2:]}")
    assert tree(root) == files
    assert drop.read_bytes() == before


def test_what_a_killed_run_left_is_unpacked_again(tmp_path: Path, workspace: Path):
    drop = zipped(tmp_path / "drop.zip", bag_files())
    for leftover in ("unpacked", "unpacked.part"):
        write(workspace / leftover, {"bag/data/half": b"x", "bag/bagit.txt": b"x"})
    assert received(drop, workspace).bag_root == workspace / "unpacked"
    assert tree(workspace / "unpacked") == bag_files()
    assert not (workspace / "unpacked.part").exists()


def test_nothing_that_is_unpacked_can_be_run_or_read_by_others(tmp_path: Path, workspace: Path):
    drop = tmp_path / "drop.tar"
    with tarfile.open(tarred(drop, bag_files(), mode="w"), "a") as archive:
        member = tar_member("bag/data/program", size=1)
        member.mode = 0o6777
        archive.addfile(member, io.BytesIO(b"x"))
    received(drop, workspace)
    assert (workspace / "unpacked/data/program").stat().st_mode & 0o7777 == 0o600


def test_the_time_of_a_file_is_kept(tmp_path: Path, workspace: Path):
    drop = tmp_path / "drop.tar"
    with tarfile.open(tarred(drop, bag_files(), mode="w"), "a") as archive:
        member = tar_member("bag/data/old")
        member.mtime = 1_000_000_000
        archive.addfile(member)
        beyond = tar_member("bag/data/never")
        beyond.mtime = 1 << 62
        archive.addfile(beyond)
    received(drop, workspace)
    assert (workspace / "unpacked/data/old").stat().st_mtime == 1_000_000_000


def test_a_hard_link_becomes_a_file_of_its_own(tmp_path: Path, workspace: Path):
    drop = tmp_path / "drop.tar"
    with tarfile.open(tarred(drop, bag_files(), mode="w"), "a") as archive:
        archive.addfile(tar_member("bag/data/again", tarfile.LNKTYPE, "bag/data/letter.txt"))
    received(drop, workspace)
    again = workspace / "unpacked/data/again"
    assert (again.read_bytes(), again.stat().st_nlink) == (PAYLOAD["data/letter.txt"], 1)


def test_what_a_mac_puts_beside_a_bag_is_no_obstacle(tmp_path: Path, workspace: Path):
    drop = zipped(tmp_path / "drop.zip", bag_files())
    with zipfile.ZipFile(drop, "a") as archive:
        archive.writestr("__MACOSX/bag/._bagit.txt", b"x")
    received(drop, workspace)
    assert tree(workspace / "unpacked") == bag_files()


@pytest.mark.parametrize(
    "build",
    [
        lambda path: zipped(path, {"word/document.xml": b"<w/>"}, ""),
        lambda path: zipped(path, {}, ""),
        lambda path: tarred(path, {"a.txt": b"x"}, ""),
    ],
)
def test_an_archive_that_is_no_bag_is_kept_as_it_is(
    tmp_path: Path, workspace: Path, build: Callable[[Path], Path]
):
    drop = build(tmp_path / "thesis.docx")
    assert received(drop, workspace) == Received(DropKind.FILE, tmp_path, only="thesis.docx")
    assert list(workspace.iterdir()) == []


def test_an_empty_drop_is_refused(tmp_path: Path, workspace: Path):
    drop = write(tmp_path / "drop", {}, folders=("a/b/c", "d"))
    assert codes_of(refused(drop, workspace)) == {codes.NOTHING_IN_IT}
    bag = write(tmp_path / "bag", bag_files({}))
    assert codes_of(refused(bag, workspace)) == {codes.NOTHING_IN_IT}


def test_a_bag_without_payload_folder_is_refused(tmp_path: Path, workspace: Path):
    bag = write(tmp_path / "bag", bag_files({}), folders=())
    assert codes_of(refused(bag, workspace)) == {codes.NO_PAYLOAD_FOLDER}
    (bag / "data").symlink_to("/etc")
    assert codes_of(refused(bag, workspace)) == {codes.NO_PAYLOAD_FOLDER}


def test_links_and_devices_are_refused(tmp_path: Path, workspace: Path):
    (tmp_path / "link").symlink_to(write(tmp_path / "drop", {"a": b"x"}))
    os.mkfifo(tmp_path / "pipe")
    assert codes_of(refused(tmp_path / "link", workspace)) == {codes.DROP_IS_LINK}
    assert codes_of(refused(tmp_path / "pipe", workspace)) == {codes.DROP_IS_NO_FILE}


def test_what_is_refused_as_a_whole_is_named(tmp_path: Path, workspace: Path):
    write(tmp_path / "empty \u202egif", {})
    write(tmp_path / "bag", bag_files({}))
    (tmp_path / "link").symlink_to(tmp_path / "bag")
    os.mkfifo(tmp_path / "pipe")
    for name, told in (
        ("empty \u202egif", "There is nothing in the drop 'empty \\u202egif'."),
        ("bag", "The drop 'bag' is a bag, and there is nothing in its payload folder, data."),
        ("link", "The drop 'link' is a symbolic link to something else."),
        ("pipe", "The drop 'pipe' is neither a file nor a folder."),
    ):
        [issue] = refused(tmp_path / name, workspace)
        assert issue.message == told


def test_a_drop_that_is_gone_is_an_error(tmp_path: Path, workspace: Path):
    with pytest.raises(NotFoundError, match="gone"):
        recognise(tmp_path / "gone", workspace, LIMITS, WORKERS)


def test_a_drop_that_must_not_be_read_is_an_error(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    drop = tmp_path / "scan.tif"
    drop.write_bytes(b"x")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(drop))

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(walking, "read_plain_file", denied)
    with pytest.raises(DeniedError, match=r"scan\.tif"):
        recognise(drop, workspace, LIMITS, WORKERS)


@pytest.mark.parametrize("name", ["../../evil", "bag/data/../../../evil", "/tmp/evil"])  # noqa: S108  refused
def test_an_archive_that_climbs_out_is_refused_be_it_a_bag_or_not(tmp_path: Path, workspace: Path, name: str):
    bag = zipped(tmp_path / "bag.zip", bag_files())
    with zipfile.ZipFile(bag, "a") as archive:
        archive.writestr(name, b"x")
    tar = tarred(tmp_path / "no-bag.tgz", {name: b"x"}, "")
    for drop in (bag, tar):
        issues = refused(drop, workspace)
        assert codes_of(issues) == {bag_codes.ARCHIVE_CLIMBS_OUT}
        assert "evil" in issues[0].message
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (tar_member("bag/data/link", tarfile.SYMTYPE, "letter.txt"), bag_codes.NOT_A_FILE),
        (tar_member("bag/data/link", tarfile.SYMTYPE, "/etc/passwd"), bag_codes.ARCHIVE_CLIMBS_OUT),
        (tar_member("bag/data/hard", tarfile.LNKTYPE, "/etc/passwd"), bag_codes.ARCHIVE_CLIMBS_OUT),
        (tar_member("bag/data/hard", tarfile.LNKTYPE, "bag/data/nothing"), bag_codes.NOT_A_FILE),
        (tar_member("bag/data/device", tarfile.BLKTYPE), bag_codes.NOT_A_FILE),
        (tar_member("bag/data/letter.txt"), bag_codes.ARCHIVE_NAME_TWICE),
        (tar_member("bag/data/letter.txt/inside"), bag_codes.ARCHIVE_NAME_IMPOSSIBLE),
        (tar_member("bag/data/" + "x" * 256), bag_codes.ARCHIVE_NAME_IMPOSSIBLE),
        (tar_member("beside.txt"), codes.MORE_THAN_THE_BAG),
        (tar_member("other/bagit.txt"), codes.SEVERAL_BAGS),
    ],
)
def test_a_bag_that_cannot_be_unpacked_safely_is_refused(
    tmp_path: Path, workspace: Path, member: tarfile.TarInfo, code: str
):
    drop = tarred(tmp_path / "drop.tar", bag_files(), mode="w")
    with tarfile.open(drop, "a") as archive:
        archive.addfile(member)
    assert codes_of(refused(drop, workspace)) == {code}


def test_a_link_cannot_redirect_what_is_unpacked_after_it(tmp_path: Path, workspace: Path):
    drop = tmp_path / "drop.tar"
    with tarfile.open(drop, "w") as archive:
        archive.addfile(tar_member("bag/data", tarfile.SYMTYPE, str(tmp_path)))
    with tarfile.open(drop, "a") as archive:
        for name, content in bag_files().items():
            archive.addfile(tar_member(f"bag/{name}", size=len(content)), io.BytesIO(content))
    refused(drop, workspace)
    assert not (tmp_path / "letter.txt").exists()


def test_bombs_are_refused(tmp_path: Path, workspace: Path):
    drop = zipped(tmp_path / "drop.zip", bag_files({"data/zeros": bytes(1 << 20)}))
    for limits in (UnpackLimits(bytes=1000), UnpackLimits(files=3), UnpackLimits(small=1000, ratio=20)):
        assert codes_of(refused(drop, workspace, limits)) == {bag_codes.ARCHIVE_BOMB}


@pytest.mark.parametrize("name", ["drop.zip", "drop.tar.gz"])
def test_a_damaged_archive_is_to_be_sent_again(tmp_path: Path, workspace: Path, name: str):
    drop = tmp_path / name
    (zipped if name.endswith("zip") else tarred)(drop, bag_files())
    drop.write_bytes(drop.read_bytes()[:-60])
    (issue,) = refused(drop, workspace)
    assert (issue.code, issue.next_step) == (
        bag_codes.ARCHIVE_UNREADABLE,
        "Send it again; without a password, where it has one.",
    )


def test_a_damaged_member_is_named_and_nothing_is_left(tmp_path: Path, workspace: Path):
    noise = bytes(range(256)) * 40
    drop = zipped(tmp_path / "drop.zip", bag_files({"data/noise": noise}))
    with zipfile.ZipFile(drop) as archive:
        offset = archive.getinfo("bag/data/noise").header_offset + 60
    content = bytearray(drop.read_bytes())
    content[offset] ^= 0xFF
    drop.write_bytes(content)
    (issue,) = refused(drop, workspace)
    assert (issue.code, issue.path) == (bag_codes.ARCHIVE_UNREADABLE, "bag/data/noise")


def test_room_is_asked_for_before_anything_is_unpacked(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    drop = zipped(tmp_path / "drop.zip", bag_files())
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(StoreFullError, match="make room"):
        recognise(drop, workspace, LIMITS, WORKERS)
    assert list(workspace.iterdir()) == []


def test_folders_deeper_than_one_path_can_say_are_left_to_the_survey(tmp_path: Path, workspace: Path):
    deep(tmp_path / "drop", 24, "d" * 200)
    assert received(tmp_path / "drop", workspace) == Received(DropKind.FOLDER, tmp_path / "drop")


class _CutAtRead(io.FileIO):
    """A file of which another process leaves only a part, right before one of its reads."""

    reads = 0
    at = 0

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        type(self).reads += 1
        if self.reads == self.at:
            os.truncate(self.name, os.fstat(self.fileno()).st_size // 3 if self.at % 2 else 0)
        return super().readinto(buffer)


@pytest.mark.parametrize("packer", [zipped, tarred])
def test_an_archive_that_is_cut_at_any_of_its_reads_gets_a_verdict(
    tmp_path: Path,
    workspace: Path,
    packer: Callable[[Path, dict[str, bytes]], Path],
    monkeypatch: pytest.MonkeyPatch,
):
    content = {f"data/{number}": random.Random(number).randbytes(9_000) for number in range(30)}  # noqa: S311
    whole = packer(tmp_path / "whole", bag_files(content)).read_bytes()
    monkeypatch.setattr(walking, "read_plain_file", lambda path: io.BufferedReader(_CutAtRead(path), 4096))
    verdicts = []
    for at in (0, *range(1, 400, 7)):
        drop = tmp_path / "bag.zip"
        drop.write_bytes(whole)
        _CutAtRead.reads, _CutAtRead.at = 0, at
        verdicts.append(type(recognise(drop, workspace, UnpackLimits(), WORKERS)))
        if at > _CutAtRead.reads:
            break
    assert verdicts[0] is verdicts[-1] is Received
    assert Unacceptable in verdicts


def test_an_archive_that_takes_more_than_the_cage_gives_is_refused_with_the_reason(
    tmp_path: Path, workspace: Path
):
    claims_much = {"id": lzma.FILTER_LZMA2, "dict_size": 256 << 20, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3}
    drop = tmp_path / "drop.tar.xz"
    tar = tarred(tmp_path / "plain.tar", bag_files(), mode="w").read_bytes()
    drop.write_bytes(lzma.compress(tar, filters=[claims_much]))
    with CagedWorkers(Limits(address_space=256 << 20), 1, JOB_MODULES) as few:
        found = recognise(drop, workspace, LIMITS, few)
    assert isinstance(found, Unacceptable)
    [issue] = found.issues
    assert issue.code == codes.ARCHIVE_NOT_READ
    assert "takes more memory than it may (256 MiB of address space)" in issue.message
    assert list(workspace.iterdir()) == []
    assert received(drop, workspace).kind is DropKind.SERIALIZED_BAG


class _TakenOver(CagedWorkers):
    """Workers whose process was taken over: it says that all is well, and sends what it likes."""

    def __init__(
        self,
        *sent: Sent,
        content: bytes = b"",
        ends: WorkOutcome | None = None,
        listed: Listed = Listed("zip", bags=1, base="bag/", size=3, files=2),  # noqa: B008  it is frozen
    ) -> None:
        super().__init__(Limits(), 1)
        self._sent, self._content, self._ends, self._listed = sent, content, ends, listed

    def map(self, requests: Iterable[Request]) -> Iterator[WorkOutcome]:
        for request in requests:
            if not request.pipes:
                yield Completed(msgspec.to_builtins(self._listed))
                continue
            with os.fdopen(os.dup(request.pipes[0]), "wb") as pipe:
                for member in self._sent:
                    MemberSender(pipe).send(member, [self._content] if self._content else [])
                if self._ends is not None:
                    pipe.write(b"\0\0")
            yield self._ends or Completed(msgspec.to_builtins(Wrong()))


@pytest.mark.parametrize(
    "listed",
    [
        Listed("zip", bags=1, base="/etc/"),
        Listed("zip", bags=1, base="../"),
        Listed("zip", bags=1, base="bag/../../"),
        Listed("zip", bags=1, base="bag"),
        Listed("zip", bags=1, base="\u20ac/"),
        Listed("zip", bags=1, size=LIMITS.bytes + 1),
        Listed("zip", bags=1, files=LIMITS.files + 1),
    ],
)
def test_a_worker_that_was_taken_over_does_not_choose_what_is_kept(
    tmp_path: Path, workspace: Path, listed: Listed
):
    drop = zipped(tmp_path / "drop.zip", bag_files())
    with _TakenOver(listed=listed) as workers:
        found = recognise(drop, workspace, LIMITS, workers)
    assert isinstance(found, Unacceptable)
    assert codes_of(found.issues) == {codes.ARCHIVE_NOT_READ}


@pytest.mark.parametrize(
    ("sent", "content"),
    [
        ([Sent(b"../evil")], b""),
        ([Sent(b"/evil")], b""),
        ([Sent(b"bag/../../evil")], b""),
        ([Sent(b"elsewhere/evil")], b""),
        ([Sent(b"bag/a", same_as=b"/etc/passwd")], b""),
        ([Sent(b"bag/a", same_as=b"../../secret")], b""),
        ([Sent(b"bag/a"), Sent(b"bag/b"), Sent(b"bag/c")], b""),
        ([Sent(b"bag/a")], b"more than is listed"),
    ],
)
def test_a_worker_that_was_taken_over_writes_nothing_but_the_bag_it_listed(
    tmp_path: Path, workspace: Path, sent: list[Sent], content: bytes
):
    drop = zipped(tmp_path / "drop.zip", bag_files())
    before = tree(tmp_path)
    with _TakenOver(*sent, content=content) as workers:
        found = recognise(drop, workspace, LIMITS, workers)
    assert isinstance(found, Unacceptable)
    assert codes_of(found.issues) == {codes.ARCHIVE_NOT_READ}
    assert tree(tmp_path) == before


@pytest.mark.parametrize("ends", [Died("killed by SIGSEGV"), Exhausted("time", "900 s")])
def test_a_worker_that_ends_in_the_middle_of_an_archive_leaves_nothing_and_the_reason(
    tmp_path: Path, workspace: Path, ends: Died | Exhausted
):
    drop = zipped(tmp_path / "drop.zip", bag_files())
    with _TakenOver(Sent(b"bag/a"), content=b"abc", ends=ends) as workers:
        found = recognise(drop, workspace, LIMITS, workers)
    assert isinstance(found, Unacceptable)
    assert codes_of(found.issues) == {codes.ARCHIVE_NOT_READ}
    assert ends.detail in found.issues[0].message
    assert list(workspace.iterdir()) == []
