"""The stage: decisions in, derivatives out, in order, made in caged workers, each proved or refused."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject
from support.rasters import ALL_PROOFS, noise, saved, srgb_profile, tiff

from preservation.model.decisions import Action, Decision, Migration, MigrationName, ProofName, RuleId
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.digests import Algorithm
from preservation.model.files import SurveyedFile
from preservation.model.formats import Identification, MimeType
from preservation.model.paths import RelativePath
from preservation.normalization.normalize import PRELOAD, normalize
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

TO_TIFF = Migration(MigrationName("image-to-tiff"), {"compression": "lzw"})
TO_JP2 = Migration(MigrationName("image-to-jp2"))
TO_JPEG = Migration(MigrationName("image-to-jpeg"), {"quality": 85, "long_edge": 40})
TO_TEXT = Migration(MigrationName("pdf-to-text"))
PICTURE = Image.fromarray(noise(64, 48, 3))


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(), 2, PRELOAD) as caged:
        yield caged


def decided(
    path: str, normalized: Migration | None, access: Migration | None = None
) -> tuple[SurveyedFile, Decision]:
    surveyed = SurveyedFile(RelativePath(path), 0, 0, {}, Identification((), None, MimeType("")))
    decision = Decision(
        RelativePath(path),
        Action.NORMALIZE if normalized else Action.RETAIN,
        RuleId("a-rule"),
        "Because.",
        normalized,
        tuple(ProofName(name) for name in ALL_PROOFS) if normalized else (),
        access,
    )
    return surveyed, decision


class Drop:
    """A folder with files, and a workspace, and what became of both."""

    def __init__(self, folder: Path, workers: CagedWorkers) -> None:
        self.root, self.workspace, self._workers = folder / "drop", folder / "workspace", workers
        self.workspace.mkdir()

    def holds(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def becomes(
        self,
        *decisions: tuple[SurveyedFile, Decision],
        pixel_limit: int = 10_000_000,
        damaged: Collection[str] = (),
    ) -> list[Derivative | RefusedDerivative]:
        return list(
            normalize(
                iter(decisions),
                root=self.root,
                workspace=self.workspace,
                workers=self._workers,
                algorithms=[Algorithm.SHA256, Algorithm.MD5],
                pixel_limit=pixel_limit,
                damaged=[RelativePath(path) for path in damaged],
            )
        )


@pytest.fixture
def drop(tmp_path: Path, workers: CagedWorkers) -> Drop:
    return Drop(tmp_path, workers)


def pdf(*texts: str) -> bytes:
    writer = PdfWriter()
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    resources = DictionaryObject()
    resources[NameObject("/Font")] = DictionaryObject()
    resources["/Font"][NameObject("/F1")] = DictionaryObject(
        {NameObject(key): NameObject(name) for key, name in font.items()}
    )
    for text in texts:
        page = writer.add_blank_page(200, 200)
        page[NameObject("/Resources")] = resources
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
    sink = io.BytesIO()
    writer.write(sink)
    return sink.getvalue()


def test_a_derivative_lies_in_the_workspace_with_its_digests_and_proofs(drop: Drop):
    drop.holds("album/one.png", saved(PICTURE, "PNG", dpi=(300, 300), icc_profile=srgb_profile()))
    (derivative,) = drop.becomes(decided("album/one.png", TO_TIFF))
    assert isinstance(derivative, Derivative)
    assert (derivative.source, derivative.path) == ("album/one.png", "album/one.tif")
    assert derivative.purpose is Purpose.PRESERVATION
    assert derivative.format_name == "TIFF 6.0, LZW"
    written = (drop.workspace / "preservation/album/one.tif").read_bytes()
    assert derivative.size == len(written)
    assert derivative.digests == {
        Algorithm.SHA256: hashlib.sha256(written).hexdigest(),
        Algorithm.MD5: hashlib.md5(written, usedforsecurity=False).hexdigest(),
    }
    assert [(proof.name, proof.holds) for proof in derivative.proofs] == [(name, True) for name in ALL_PROOFS]
    assert (derivative.encoder.name, derivative.decoder.name if derivative.decoder else "") == (
        "tifffile",
        "libtiff",
    )
    assert derivative.encoder.version


def test_outcomes_come_in_the_order_of_the_decisions_preservation_before_access(drop: Drop):
    decisions = []
    for number in range(40):
        drop.holds(f"{number:02}.png", saved(Image.fromarray(noise(20 + number, 30, 3)), "PNG"))
        decisions.append(decided(f"{number:02}.png", TO_TIFF if number % 3 else None, TO_JPEG))
    outcomes = drop.becomes(*decisions)
    expected = [
        (f"{number:02}.png", purpose)
        for number in range(40)
        for purpose in Purpose
        if number % 3 or purpose is Purpose.ACCESS
    ]
    assert [(outcome.source, outcome.purpose) for outcome in outcomes] == expected
    assert all(isinstance(outcome, Derivative) for outcome in outcomes)


def test_what_cannot_be_proved_is_refused_recorded_and_removed(drop: Drop):
    drop.holds("commented.jpg", saved(PICTURE, "JPEG", comment=b"by the scanner"))
    (refused,) = drop.becomes(decided("commented.jpg", TO_TIFF))
    assert isinstance(refused, RefusedDerivative)
    assert "could not be proved: same-embedded-metadata" in refused.reason
    assert [proof.holds for proof in refused.proofs] == [True, True, True, True, False]
    assert list((drop.workspace / "preservation").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "migration", "reason"),
    [
        (saved(PICTURE, "PNG")[:2000], TO_TIFF, "ends in the middle"),
        (b"", TO_TIFF, "no image of a kind"),
        (b"II*\0 and nothing more", TO_JP2, "it ends in the middle of a directory"),
        (tiff(noise(9, 9, 4), photometric="separated"), TO_JP2, "cannot hold CMYK"),
        (
            saved(Image.new("1", (4000, 3000)), "PNG"),
            TO_TIFF,
            "4,000 x 3,000 pixels, more than the 10,000,000",
        ),
        (b"not a PDF", TO_TEXT, "pypdf cannot read it"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_the_reason_and_the_rest_goes_on(
    drop: Drop, content: bytes, migration: Migration, reason: str
):
    drop.holds("bad", content)
    drop.holds("good.png", saved(PICTURE, "PNG"))
    refused, made = drop.becomes(decided("bad", migration), decided("good.png", TO_JP2))
    assert isinstance(refused, RefusedDerivative)
    assert reason in refused.reason
    assert isinstance(made, Derivative)


def test_a_bomb_that_unpacks_beyond_the_memory_of_the_cage_is_refused(tmp_path: Path):
    with CagedWorkers(Limits(address_space=1 << 30), 1, PRELOAD) as small:
        drop = Drop(tmp_path, small)
        drop.holds("bomb.png", saved(Image.new("1", (30_000, 30_000)), "PNG"))
        (refused,) = drop.becomes(decided("bomb.png", TO_JPEG), pixel_limit=1 << 40)
    assert isinstance(refused, RefusedDerivative)
    assert "more memory than is allowed" in refused.reason


def test_sources_that_would_share_a_derivative_get_one_each(drop: Drop):
    for name in ("a.bmp", "a.d/x.bmp", "a.gif"):
        drop.holds(name, saved(PICTURE.convert("L"), name[-3:].upper()))
    outcomes = drop.becomes(*(decided(name, TO_TIFF) for name in ("a.bmp", "a.d/x.bmp", "a.gif")))
    assert [outcome.path for outcome in outcomes if isinstance(outcome, Derivative)] == [
        "a.tif",
        "a.d/x.tif",
        "a.gif.tif",
    ]


def test_a_file_for_which_there_is_no_name_is_refused_in_its_place(drop: Drop):
    long = "x" * 255
    for name in ("a.png", long, "z.png"):
        drop.holds(name, saved(PICTURE, "PNG"))
    outcomes = drop.becomes(
        *(decided(name, TO_TIFF) for name in ("a.png", long, "z.png")), decided(long, TO_TIFF)
    )
    assert [type(outcome) for outcome in outcomes] == [
        Derivative,
        RefusedDerivative,
        Derivative,
        RefusedDerivative,
    ]
    assert "too long" in str(outcomes[1])


def test_what_a_killed_run_left_behind_is_not_trusted(drop: Drop):
    left = drop.workspace / "preservation" / "half.tif"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"II*\0 half")
    drop.holds("one.png", saved(PICTURE, "PNG"))
    drop.becomes(decided("one.png", TO_TIFF))
    assert [path.name for path in (drop.workspace / "preservation").iterdir()] == ["one.tif"]


def test_of_what_is_damaged_an_access_copy_is_made_and_no_master(drop: Drop):
    drop.holds("one.png", saved(PICTURE, "PNG"))
    refused, made = drop.becomes(decided("one.png", TO_TIFF, TO_JPEG), damaged=["one.png"])
    assert isinstance(refused, RefusedDerivative)
    assert (refused.purpose, refused.reason) == (Purpose.PRESERVATION, "the file is damaged")
    assert isinstance(made, Derivative)


def test_nothing_asked_for_makes_nothing(drop: Drop):
    drop.holds("one.png", saved(PICTURE, "PNG"))
    assert drop.becomes(decided("one.png", None)) == []


def test_the_text_of_a_pdf_is_taken_out_page_by_page(drop: Drop):
    drop.holds("ledger.pdf", pdf("Received of Mr. Smith", "Paid to Mrs. Jones"))
    (derivative,) = drop.becomes(decided("ledger.pdf", None, TO_TEXT))
    assert isinstance(derivative, Derivative)
    assert (derivative.path, derivative.purpose) == ("ledger.txt", Purpose.ACCESS)
    text = (drop.workspace / "access/ledger.txt").read_text(encoding="utf-8")
    assert [page.strip() for page in text.split("\f")] == ["Received of Mr. Smith", "Paid to Mrs. Jones"]
    assert derivative.proofs[0].detail == "2 pages, 39 characters"


def test_a_pdf_without_text_is_refused_without_alarm(drop: Drop):
    drop.holds("scan.pdf", pdf(""))
    (refused,) = drop.becomes(decided("scan.pdf", None, TO_TEXT))
    assert isinstance(refused, RefusedDerivative)
    assert refused.reason == "it has no text layer, so there is no text to take out"


def test_sources_stay_as_they_were(drop: Drop):
    content = saved(Image.fromarray(np.zeros((30, 40), np.uint8)), "BMP")
    drop.holds("one.bmp", content)
    drop.becomes(decided("one.bmp", TO_JP2, TO_JPEG))
    assert (drop.root / "one.bmp").read_bytes() == content
