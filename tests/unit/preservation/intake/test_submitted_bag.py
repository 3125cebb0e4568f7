"""A submitted bag is judged by what the survey found, and by its tag files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bags import bag_files, codes_of, manifest, write

from preservation.bagit import codes
from preservation.bagit.algorithms import algorithms_of_bag
from preservation.errors import SourceChangedError
from preservation.fixity.digesting import digest_file
from preservation.intake.cage import READING_MODULES
from preservation.intake.submitted_bag import check_submitted_bag
from preservation.model import layout
from preservation.model.digests import Algorithm
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.formats import Identification, MimeType
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.packaging.supplied import submitted_tags
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

UNKNOWN = Identification((), None, MimeType("application/octet-stream"))


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(), 1, READING_MODULES, openable=(tmp_path_factory.getbasetemp(),)) as pool:
        yield pool


def surveyed(bag: Path) -> Iterator[SurveyedFile]:
    algorithms = {Algorithm.SHA256} | algorithms_of_bag(bag)
    for path in sorted((bag / "data").rglob("*")):
        if path.is_file():
            name = RelativePath(str(path.relative_to(bag / "data")))
            yield SurveyedFile(name, *_read(path, algorithms), UNKNOWN)


def _read(path: Path, algorithms: set[Algorithm]) -> tuple[int, int, dict[Algorithm, object]]:
    size, digests = digest_file(path, algorithms)
    return size, path.stat().st_mtime_ns, digests


@pytest.mark.parametrize("algorithms", [("md5",), ("sha1", "sha512"), ("sha224",), ("sha256", "sha3_256")])
def test_a_good_bag_has_no_issues(tmp_path: Path, workers: CagedWorkers, algorithms: tuple[str, ...]):
    replacing = {
        f"manifest-{name.replace('_', '')}.txt": manifest(bag_files_payload(), name) for name in algorithms
    }
    bag = write(tmp_path / "bag", bag_files(algorithms=(), replacing=replacing))
    assert check_submitted_bag(bag, surveyed(bag), workers) == ()


def bag_files_payload() -> dict[str, bytes]:
    return {path: content for path, content in bag_files().items() if path.startswith("data/")}


def test_the_payload_is_not_read_again(tmp_path: Path, workers: CagedWorkers):
    bag = write(tmp_path / "bag", bag_files())
    survey = list(surveyed(bag))
    (bag / "data/letter.txt").write_bytes(b"Dear Reader,\n")
    assert check_submitted_bag(bag, survey, workers) == ()


def test_an_issue_names_the_file_as_the_survey_does(tmp_path: Path, workers: CagedWorkers):
    bag = write(tmp_path / "bag", bag_files())
    (bag / "data/letter.txt").write_bytes(b"Dear Reader,\n")
    (bag / "bag-info.txt").write_bytes(b"Payload-Oxum: 25.2\n")
    issues = check_submitted_bag(bag, surveyed(bag), workers)
    assert {(issue.code, issue.path) for issue in issues} == {
        (codes.DIGEST_MISMATCH, "letter.txt"),
        (codes.DIGEST_MISMATCH, None),
    }
    assert any("'bag-info.txt'" in issue.message for issue in issues)


def test_missing_and_extra_files_are_found_by_both_readers(tmp_path: Path, workers: CagedWorkers):
    bag = write(tmp_path / "bag", bag_files(replacing={"bag-info.txt": b"Contact-Name: Ada\n"}))
    (bag / "data/letter.txt").rename(bag / "data/other.txt")
    issues = check_submitted_bag(bag, surveyed(bag), workers)
    assert codes_of(issues) == {codes.FILE_MISSING, codes.FILE_UNLISTED, codes.SECOND_READING}


def test_an_entry_that_is_no_file_is_missed(tmp_path: Path, workers: CagedWorkers):
    bag = write(tmp_path / "bag", bag_files())
    irregular = IrregularEntry(RelativePath("letter.txt"), EntryKind.SYMLINK, "leads to x")
    rest = [file for file in surveyed(bag) if file.path != "letter.txt"]
    assert codes.FILE_MISSING in codes_of(check_submitted_bag(bag, [irregular, *rest], workers))


def test_the_second_reading_warns_and_does_not_decide(
    tmp_path: Path,
    workers: CagedWorkers,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
):
    bag = write(tmp_path / "bag", bag_files({"data/100%.txt": b"x"}))
    (issue,) = check_submitted_bag(bag, surveyed(bag), workers)
    assert (issue.code, issue.severity) == (codes.SECOND_READING, Severity.WARNING)
    assert str(tmp_path) not in issue.message
    assert (caplog.text, *capsys.readouterr()) == ("", "", "")


def test_a_bag_that_makes_bagit_give_up_still_gets_a_verdict(tmp_path: Path, workers: CagedWorkers):
    broken = {"manifest-sha256.txt": b"\xff\xfe\xfd", "bag-info.txt": b"Payload-Oxum: nonsense\n"}
    bag = write(tmp_path / "bag", bag_files(replacing=broken))
    found = codes_of(check_submitted_bag(bag, surveyed(bag), workers))
    assert {codes.SECOND_READING, codes.OXUM_MALFORMED} <= found


def test_the_algorithms_that_the_survey_must_compute_are_told_by_the_manifests(
    tmp_path: Path,
):
    bag = write(tmp_path / "bag", bag_files(algorithms=("md5", "sha224", "sha512")))
    (bag / "manifest-SHA-1.txt").write_bytes(b"")
    assert algorithms_of_bag(bag) == {Algorithm.MD5, Algorithm.SHA1, Algorithm.SHA512}


def test_a_link_put_in_a_tag_files_place_meanwhile_is_a_change_of_the_drop(tmp_path: Path):
    bag = write(tmp_path / "bag", bag_files(replacing={"notes/a.txt": b"a", "notes/b.txt": b"b"}))
    listed = submitted_tags(bag, (Algorithm.SHA256,))
    first = next(listed)
    (bag / "notes").rename(bag / "elsewhere")
    (bag / "notes").symlink_to("elsewhere")
    assert first.path == layout.submitted_tag_file(RelativePath("bag-info.txt"))
    with pytest.raises(SourceChangedError, match="is a link now"):
        list(listed)
