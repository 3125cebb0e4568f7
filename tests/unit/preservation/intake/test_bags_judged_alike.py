"""`muniment validate` and `muniment preserve` are asked about the same bags, and say the same of them."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.bags import PAYLOAD, bag_files, codes_of, manifest, tar_member, tarred, write, zipped

from preservation.archives.members import UnpackLimits
from preservation.bagit import codes
from preservation.bagit.algorithms import algorithms_of_bag
from preservation.bagit.validation import validate
from preservation.fixity.digesting import digest_file
from preservation.intake.cage import JOB_MODULES, READING_MODULES
from preservation.intake.recognise import Unacceptable, recognise
from preservation.intake.submitted_bag import check_submitted_bag
from preservation.model.digests import Algorithm
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.formats import Identification, MimeType
from preservation.model.issues import Issue, Severity
from preservation.model.submissions import Received
from preservation.survey.walk import walk
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

LATIN = bag_files(replacing={"bag-info.txt": "Contact-Name: Agnès\n".encode("latin-1")})
CP1252 = {"data/short \udc96 story.doc": b"story", "data/fine.txt": b"fine"}
WINDOWS_PATHS = {
    f"manifest-{name}.txt": manifest(PAYLOAD, name).replace(b"/", b"\\") for name in ("sha256", "md5")
}
GOOD = bag_files()
DAMAGED = {**GOOD, "data/letter.txt": b"Dear Reader,\n"}
LITTER = {".DS_Store": b"x", "._bag": b"x", "__MACOSX/._bag": b"x", "Thumbs.db": b"x"}
DOUBLES = {
    "._bag-info.txt": b"x",
    "data/._letter.txt": b"x",
    "data/._scans": b"x",
    "data/scans/._page 1.tif": b"x",
}


def folder(files: dict[str, bytes]) -> Callable[[Path], Path]:
    def make(tmp_path: Path) -> Path:
        for name, content in files.items():
            place = tmp_path / "drop" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return tmp_path / "drop"

    return make


def below(top: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{top}{name}": content for name, content in files.items()}


def a_zip(files: dict[str, bytes], top: str = "bag/") -> Callable[[Path], Path]:
    return lambda tmp_path: zipped(tmp_path / "drop.zip", files, top)


def a_tar(files: dict[str, bytes], top: str = "bag/") -> Callable[[Path], Path]:
    return lambda tmp_path: tarred(tmp_path / "drop.tar", files, top, "w:")


def by_powershell(files: dict[str, bytes], *, folders: bool = False) -> Callable[[Path], Path]:
    def make(tmp_path: Path) -> Path:
        with zipfile.ZipFile(tmp_path / "drop.zip", "w") as archive:
            for name in (*(["data/"] if folders else []), *files):
                info = zipfile.ZipInfo(f"bag/{name}".replace("/", "\\"))
                info.create_system = 3 if folders else 0
                archive.writestr(info, files.get(name, b""))
        return tmp_path / "drop.zip"

    return make


def with_link(name: str, target: str, kind: bytes = tarfile.LNKTYPE) -> Callable[[Path], Path]:
    def make(tmp_path: Path) -> Path:
        with tarfile.open(tmp_path / "drop.tar", "w") as archive:
            for member, content in {**below("bag/", GOOD), "__MACOSX/x": b"x"}.items():
                archive.addfile(tar_member(member, size=len(content)), io.BytesIO(content))
            archive.addfile(tar_member(name, kind, target))
        return tmp_path / "drop.tar"

    return make


def with_deep_tag_folder(tmp_path: Path) -> Path:
    bag = write(tmp_path / "drop", GOOD)
    place = os.open(bag, os.O_DIRECTORY)
    for _ in range(20):
        os.mkdir("n" * 250, dir_fd=place)
        deeper = os.open("n" * 250, os.O_DIRECTORY, dir_fd=place)
        os.close(place)
        place = deeper
    os.close(os.open("tag.txt", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    return bag


@dataclass(frozen=True)
class Case:
    """A bag, whether it is to be accepted, and codes that both must report."""

    make: Callable[[Path], Path]
    accepted: bool
    found: frozenset[str] = frozenset()


def good(make: Callable[[Path], Path], *found: str) -> Case:
    return Case(make, accepted=True, found=frozenset(map(str, found)))


def bad(make: Callable[[Path], Path], *found: str) -> Case:
    return Case(make, accepted=False, found=frozenset(map(str, found)))


CASES = {
    "a bag": good(folder(GOOD)),
    "zipped": good(a_zip(GOOD)),
    "in a tar": good(a_tar(GOOD)),
    "at the archive's root": good(a_zip(GOOD, ""), codes.ARCHIVE_LAYOUT),
    "a byte changed": bad(folder(DAMAGED), codes.DIGEST_MISMATCH),
    "a byte changed, zipped": bad(a_zip(DAMAGED), codes.DIGEST_MISMATCH),
    "bag-info.txt in Latin-1": bad(folder(LATIN), codes.TAG_FILE_UNREADABLE),
    "bag-info.txt in Latin-1, zipped": bad(a_zip(LATIN), codes.TAG_FILE_UNREADABLE),
    "bag-info.txt in the Latin-1 that is declared": good(folder(bag_files(encoding="ISO-8859-1"))),
    "a line of fetch.txt in Latin-1": bad(
        folder({**GOOD, "fetch.txt": "http://x/é - data/letter.txt\n".encode("latin-1")}),
        codes.TAG_FILE_UNREADABLE,
    ),
    "names in another encoding": bad(folder(bag_files(CP1252)), codes.TAG_FILE_UNREADABLE),
    "names in another encoding, in a tar": bad(a_tar(bag_files(CP1252)), codes.TAG_FILE_UNREADABLE),
    "the archive's folder in another encoding": good(a_tar(GOOD, "caf\udce9/")),
    "backslashes in manifests": bad(
        folder(bag_files(algorithms=(), replacing=WINDOWS_PATHS)), codes.SEPARATORS_WRONG
    ),
    "zipped by PowerShell 5": good(by_powershell(GOOD), codes.ARCHIVE_BACKSLASHES),
    "zipped with backslashes elsewhere": good(by_powershell(GOOD, folders=True), codes.ARCHIVE_BACKSLASHES),
    "zipped by PowerShell 5, a byte changed": bad(by_powershell(DAMAGED), codes.DIGEST_MISMATCH),
    "two folders deep": good(folder(below("export/2024/", GOOD)), codes.OUTSIDE_THE_BAG),
    "two folders deep, zipped": good(a_zip(GOOD, "export/2024/bag/"), codes.OUTSIDE_THE_BAG),
    "two folders deep, a byte changed": bad(folder(below("a/b/", DAMAGED)), codes.DIGEST_MISMATCH),
    "beside litter": good(folder({**below("bag/", GOOD), **LITTER}), codes.OUTSIDE_THE_BAG),
    "beside litter, zipped": good(a_zip({**below("bag/", GOOD), **LITTER}, ""), codes.ARCHIVE_LITTER),
    "beside something else, zipped": bad(a_zip({**below("bag/", GOOD), "more.tif": b"x"}, "")),
    "packed by a Mac": good(a_tar({**GOOD, **DOUBLES}), codes.APPLE_DOUBLE),
    "packed by a Mac, and listed": good(
        a_tar(bag_files({**PAYLOAD, "data/._letter.txt": b"x"})), codes.SYSTEM_FILE
    ),
    "packed by a Mac, one more file": bad(a_tar({**GOOD, **DOUBLES, "data/x.tif": b"x"})),
    "what a Mac packs, in a folder": bad(folder({**GOOD, **DOUBLES}), codes.FILE_UNLISTED),
    "a link to what lies beside": bad(with_link("bag/data/x", "__MACOSX/x")),
    "a link out of the archive": bad(with_link("bag/data/x", "../../etc/passwd")),
    "a symbolic link": bad(with_link("bag/data/x", "letter.txt", tarfile.SYMTYPE)),
    "a tag folder too deep": bad(with_deep_tag_folder, codes.TOO_DEEP),
    "a file missing": bad(
        folder({name: GOOD[name] for name in GOOD if name != "data/letter.txt"}), codes.FILE_MISSING
    ),
    "a file too many": bad(folder({**GOOD, "data/more.tif": b"x"}), codes.FILE_UNLISTED),
    "two bags": bad(a_zip({**below("a/", GOOD), **below("b/", GOOD)}, "")),
    "two bags, deeper": bad(a_zip({**below("x/a/", GOOD), **below("x/b/", GOOD)}, "")),
    "a bag in a bag": good(a_zip(bag_files({"data/in/bagit.txt": b"x"})), codes.BAG_IN_BAG),
}


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CagedWorkers, CagedWorkers]]:
    base = tmp_path_factory.getbasetemp()
    with (
        CagedWorkers(Limits(), 1, JOB_MODULES) as opening,
        CagedWorkers(Limits(), 1, READING_MODULES, openable=(base,)) as reading,
    ):
        yield opening, reading


def preserved(drop: Path, workspace: Path, pools: tuple[CagedWorkers, CagedWorkers]) -> list[Issue]:
    """Return what intake and survey find; each must be such as records can hold."""
    received = recognise(drop, workspace, UnpackLimits(), pools[0])
    if isinstance(received, Unacceptable):
        return list(received.issues)
    assert received.bag_root is not None, received
    surveyed = list(_surveyed(received))
    unnameable = [
        Issue(codes.NOT_A_FILE, Severity.ERROR, "irregular")
        for entry in surveyed
        if isinstance(entry, IrregularEntry) and entry.kind is not EntryKind.EMPTY_FOLDER
    ]
    unpacked = received.archive is not None
    about = check_submitted_bag(received.bag_root, surveyed, pools[1], unpacked=unpacked)
    return [*received.remarks, *about, *unnameable]


def _surveyed(received: Received) -> Iterator[SurveyedFile | IrregularEntry]:
    assert received.bag_root is not None
    algorithms = {Algorithm.SHA256} | algorithms_of_bag(received.bag_root)
    unknown = Identification((), None, MimeType("application/octet-stream"))
    for entry in walk(received.payload_root):
        if isinstance(entry, IrregularEntry):
            yield entry
        else:
            size, digests = digest_file(received.payload_root / entry.path, algorithms)
            yield SurveyedFile(entry.path, size, entry.modified, digests, unknown)


@pytest.mark.parametrize("name", CASES)
def test_both_say_the_same_of_a_bag(name: str, tmp_path: Path, pools: tuple[CagedWorkers, CagedWorkers]):
    drop, workspace = CASES[name].make(tmp_path), tmp_path / "workspace"
    workspace.mkdir()
    verdict = validate(drop)
    issues = preserved(drop, workspace, pools)
    accepted = all(issue.severity is not Severity.ERROR for issue in issues)
    assert (verdict.valid, accepted) == (CASES[name].accepted, CASES[name].accepted), (verdict.issues, issues)
    for found in (verdict.issues, issues):
        assert CASES[name].found <= codes_of(found), found
        for issue in found:
            (issue.message + issue.next_step).encode()
    for issue in issues:
        (issue.path or "").encode()


def test_the_line_that_is_not_in_the_encoding_is_shown(tmp_path: Path):
    found = validate(folder(bag_files(CP1252))(tmp_path)).issues
    (line,) = [issue.message for issue in found if issue.code == codes.TAG_FILE_UNREADABLE]
    assert line.startswith(r"manifest-sha256.txt, line 1: 'data/short \x96 story.doc' is not in UTF-8")
