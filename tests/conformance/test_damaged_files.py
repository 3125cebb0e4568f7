"""Damaged and hostile files that others collected: each gets its verdict, and none is changed.

And the other way round: files that are known to be sound are not called damaged.
"""

from __future__ import annotations

import hashlib
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.screenings import policy_that

from preservation.identification.identify import Identifier
from preservation.model.files import SurveyedFile
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.screen import screen
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

LIMITS = Limits(address_space=1 << 30, cpu_seconds=30, wall_seconds=55)
DAMAGED = {"SCR-020", "SCR-030", "SCR-062", "SCR-070", "SCR-071"}

EVERY = pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
"""Every third file each day; all of them where it may take minutes."""

HOSTILE_SOURCES = ("veraPDF-corpus", "qpdf", "pdfjs", "openjpeg-data", "pillow", "jpylyzer-test-files")
SOUND_KINDS = {"real", "pdfa"}
SOUND_VERDICTS = ("well-formed", "valid", "conformant", "non-conformant")
"""A PDF that does not conform to PDF/A is a sound PDF all the same."""

NOT_SOUND_AFTER_ALL = {
    # Fragments and oddities that test one parser's patience, filed among its ordinary test files.
    "apng/sequence_": "APNG frames out of order: against the specification, and Pillow says so",
    "bmp/q/rgb": "bit fields that only a few programs decode; 'q' is for questionable",
    "combined_larger_than_size.psd": "damaged on purpose: a layer larger than its section",
    "dilation4.lut": "no image: a table that is taken for one by its first bytes",
    "not_enough_data.jp2": "truncated on purpose, as its name says",
    "unbound_variable.jp2": "a header without the boxes it must have",
    "sgi_overrun": "damaged on purpose: overruns its buffer",
    "testAVIF.avif": "truncated: libavif says so too",
    "text_file_six.pdf": "a text with the extension of a PDF",
    "bug1020226.pdf": "has no end: neither startxref nor %%EOF",
    "bug1980958.pdf": "has no end: neither startxref nor %%EOF",
    "issue19484_2.pdf": "an encryption key of a length that no PDF may have",
    "deep-pages.pdf": "its tree of pages closes on itself",
    "filter-on-write.pdf": "has no pages",
    "issue-141a.pdf": "has no header",
    "issue-1503.pdf": "has no header",
    "issue-146.pdf": "has no end",
    "Test4.pdf.tsd": "a signed envelope around a PDF",
    "broken-cp437.zip": "broken, as its name says",
    "copy-foreign-objects-out": "made of the numbers of its objects: what should be LZW is none",
    "png-filters-no-columns-decoded.pdf": "its images have fewer bytes than they say",
    "testPDF_bad_page": "bad pages, as its name says: their checksums do not match",
    "6-1-2-t01-fail-b.pdf": "fails by having no header",
}


@pytest.fixture
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(LIMITS, 2, JOB_MODULES) as pool:
        yield pool


def screened(
    rows: list[dict[str, str]], corpora: Path, workers: CagedWorkers, tmp_path: Path
) -> Iterator[tuple[dict[str, str], ScreenedFile]]:
    """Screen files of the corpora where they lie, with every check that opens a file."""
    found = Identifier(second_opinion=False).identify_batch([corpora / row["path"] for row in rows])
    files = (
        SurveyedFile(RelativePath(row["path"]), (corpora / row["path"]).stat().st_size, 0, {}, identification)
        for row, identification in zip(rows, found, strict=True)
    )
    results = screen(
        files,
        root=corpora,
        policy=policy_that(decodable_images="reject", sound_documents="reject", safe_archives="reject"),
        name_rules=(),
        workers=workers,
        thumbnails=tmp_path / "thumbnails",
    )
    yield from zip(rows, results, strict=True)


def files_of(manifest: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        row
        for row in manifest
        if row["unit_kind"] == "file" and row["path_encoding"] == "utf-8" and row["kind"] != "skeleton"
    ]


def _peak_of_children() -> int:
    """Return the most MiB that any child took that was waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10


@EVERY
def test_hostile_files_end_in_a_verdict_and_stay_as_they_are(
    corpora: Path, corpora_manifest: list[dict[str, str]], workers: CagedWorkers, tmp_path: Path, every: int
) -> None:
    rows = [
        row
        for row in files_of(corpora_manifest)
        if row["kind"] == "malformed" or row["path"].startswith(HOSTILE_SOURCES)
    ]
    assert len(rows) > 1_000
    rows = rows[::every]
    begun, before = time.monotonic(), _peak_of_children()
    verdicts: Counter[str] = Counter()
    for row, result in screened(rows, corpora, workers, tmp_path):
        verdicts.update(issue.code for issue in result.issues)
        verdicts["files"] += 1
        verdicts["malformed, with an issue"] += row["kind"] == "malformed" and bool(result.issues)
        assert all(issue.message and issue.path == row["path"] for issue in result.issues)
        content = (corpora / row["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    workers.close()
    peak = _peak_of_children()
    print(f"{dict(verdicts)}, {time.monotonic() - begun:.1f} s, peak of a worker {peak} MiB")  # noqa: T201  a figure
    assert verdicts["files"] == len(rows)
    # It counts all that this process has ever waited for: of other tests too.
    assert peak < 1024 or peak == before


@EVERY
def test_sound_files_are_not_called_damaged(
    corpora: Path, corpora_manifest: list[dict[str, str]], workers: CagedWorkers, tmp_path: Path, every: int
) -> None:
    rows = [
        row
        for row in files_of(corpora_manifest)
        if row["expected_verdict"].startswith(SOUND_VERDICTS)
        or (row["kind"] in SOUND_KINDS and not row["expected_verdict"])
    ]
    rows = rows[::every]
    examined = 0
    wrong = []
    for row, result in screened(rows, corpora, workers, tmp_path):
        examined += result.image is not None or result.document is not None
        if {issue.code for issue in result.issues} & DAMAGED and not _is_excepted(row["path"]):
            wrong.append(result.issues[0].message)
    print(f"{len(rows)} sound files, {examined} of them images and PDFs; called damaged: {wrong or 'none'}")  # noqa: T201  a figure
    assert examined > 1_200 // every
    assert wrong == []


def test_images_with_a_known_fault_are_found_out(
    corpora: Path, corpora_manifest: list[dict[str, str]], workers: CagedWorkers, tmp_path: Path
) -> None:
    rows = [
        row
        for row in files_of(corpora_manifest)
        if row["expected_verdict"].startswith("not-well-formed image/")
    ]
    missed = [row["path"] for row, result in screened(rows, corpora, workers, tmp_path) if not result.issues]
    print(f"{len(rows)} images that are not well-formed; decoded without complaint: {missed}")  # noqa: T201  a figure
    assert len(missed) < len(rows)


def _is_excepted(path: str) -> bool:
    return any(part in path for part in NOT_SOUND_AFTER_ALL)
