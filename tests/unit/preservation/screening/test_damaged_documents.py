"""PDFs of which a part is damaged: found wherever it is, named by its page, and weighed by the policy."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from pypdf import PdfReader, PdfWriter
from support.damage import noise
from support.pdfs import CLAIMING_PDF_A, TEXT, document, images_for_pdfs, packed, pdf, scanned_page, stream
from support.screenings import codes, policy_that, screened

from preservation.model.issues import IssueCode, Severity
from preservation.model.screening import ScreenedFile
from preservation.policy.load import parse
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

BROKEN, IMPERFECT, ATTACHED, NOT_WHOLLY, LIMIT = map(
    IssueCode, ("SCR-030", "SCR-033", "SCR-035", "SCR-036", "SCR-070")
)
IMAGES = images_for_pdfs()


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 2, JOB_MODULES) as pool:
        yield pool


def examined(tmp_path: Path, workers: CagedWorkers, content: bytes, imperfect: str = "") -> ScreenedFile:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    (root / "it.pdf").write_bytes(content)
    policy = policy_that(sound_documents="reject")
    if imperfect:
        check = b'check = "sound-documents"'
        policy = parse(
            policy.source.replace(check, check + f'\nimperfect = "{imperfect}"'.encode()), "t.toml"
        )
    (result,) = screened(root, workers, policy=policy).values()
    return result


def overwritten(whole: bytes, part: bytes, with_: bytes) -> bytes:
    """The PDF with bytes in the middle of ``part`` overwritten; nothing is moved."""
    place = whole.index(part) + len(part) // 2
    return whole[:place] + with_ + whole[place + len(with_) :]


@pytest.mark.parametrize("coding", IMAGES)
def test_a_sound_document_with_an_image_has_no_issue(
    tmp_path: Path, workers: CagedWorkers, coding: str
) -> None:
    result = examined(tmp_path, workers, scanned_page(*IMAGES[coding]))
    assert result.issues == ()
    assert result.examiner is not None
    named = [program.name for program in (result.examiner, *result.other_examiners)]
    decoder = {"J": ["imagecodecs"], "C": ["imagecodecs"], "D": ["simplejpeg"]}.get(coding[0], [])
    assert named == ["pypdf", "pikepdf", *decoder]


@pytest.mark.parametrize("behind", [b"", b"\n", b"\r\n", bytes(200)])
def test_a_linearized_document_has_as_many_bytes_as_it_says(
    tmp_path: Path, workers: CagedWorkers, behind: bytes
) -> None:
    sink = io.BytesIO()
    with pikepdf.open(io.BytesIO(scanned_page(*IMAGES["DCT"]))) as sound:
        sound.save(sink, linearize=True)
    whole = sink.getvalue().rstrip() + behind
    result = examined(tmp_path, workers, whole)
    # Without the end of its last line it is a byte short of what it says, which is nothing.
    assert codes(result) == ({IMPERFECT: Severity.WARNING} if not behind else {})


@pytest.mark.parametrize("coding", [coding for coding in IMAGES if coding not in {"raw", "JPX"}])
@pytest.mark.parametrize("damage", ["random", "zeros"])
def test_an_image_that_is_overwritten_is_named_by_its_page(
    tmp_path: Path, workers: CagedWorkers, coding: str, damage: str
) -> None:
    image, entries = IMAGES[coding]
    new = noise(600, 3) if damage == "random" else bytes(600)
    result = examined(tmp_path, workers, overwritten(scanned_page(image, entries), image, new))
    assert codes(result) == {BROKEN: Severity.ERROR}, result.issues
    message = result.issues[0].message
    assert "an image of page 3 is damaged" in message
    assert not any(word in message for word in ("0x", "<_io", "codec", "Error", "opj_"))


@pytest.mark.parametrize("coding", IMAGES)
def test_an_image_that_was_cut_before_it_came_into_the_document_is_damaged(
    tmp_path: Path, workers: CagedWorkers, coding: str
) -> None:
    image, entries = IMAGES[coding]
    result = examined(tmp_path, workers, scanned_page(image[: len(image) // 2], entries))
    assert codes(result) == {BROKEN: Severity.ERROR}, result.issues
    assert "an image of page 3" in result.issues[0].message


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_page_whose_content_is_overwritten_is_named(
    tmp_path: Path, workers: CagedWorkers, page: int
) -> None:
    pages = {11: b"q " * 900, 13: TEXT * 90, 15: b"q 612 0 0 792 0 0 cm /I Do Q " * 90}
    whole = scanned_page(*IMAGES["DCT"], before={key: packed(content) for key, content in pages.items()})
    part = zlib.compress(pages[9 + 2 * page])
    result = examined(tmp_path, workers, overwritten(whole, part, b"\xa5\x5a\xff"))
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert f"the content of page {page} is damaged" in result.issues[0].message
    assert result.document is not None
    assert result.document.pages == 3


def test_a_checksum_that_is_wrong_is_damage_and_one_that_is_missing_a_remark(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    content = zlib.compress(TEXT * 40)
    wrong = scanned_page(
        *IMAGES["DCT"], before={13: stream(content[:-4] + b"\0\0\0\1", "/Filter /FlateDecode")}
    )
    assert codes(examined(tmp_path, workers, wrong)) == {BROKEN: Severity.ERROR}
    missing = scanned_page(*IMAGES["DCT"], before={13: stream(content[:-4], "/Filter /FlateDecode")})
    result = examined(tmp_path, workers, missing)
    assert codes(result) == {IMPERFECT: Severity.WARNING}
    assert "the checksum of the content of page 2 is missing" in result.issues[0].message


def test_what_is_damaged_and_that_nothing_leads_to_is_a_remark(tmp_path: Path, workers: CagedWorkers) -> None:
    left_over = stream(b"\x78\x9c" + bytes(40), "/Filter /FlateDecode")
    result = examined(tmp_path, workers, scanned_page(*IMAGES["DCT"], before={30: left_over}))
    assert codes(result) == {IMPERFECT: Severity.WARNING}


def test_a_font_and_a_profile_that_are_damaged_are_found_without_a_page(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    broken = stream(b"\x78\x9c" + bytes(40), "/Filter /FlateDecode /Length1 1000")
    objects = {
        3: b"<< /Type /Font /Subtype /TrueType /BaseFont /A /FontDescriptor 5 0 R >>",
        5: b"<< /Type /FontDescriptor /FontName /A /FontFile2 6 0 R >>",
        6: broken,
    }
    result = examined(tmp_path, workers, scanned_page(*IMAGES["DCT"], before=objects))
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert "a font (object 6) is damaged" in result.issues[0].message


def test_a_page_that_is_lost_in_a_damaged_file_is_damage(tmp_path: Path, workers: CagedWorkers) -> None:
    whole = scanned_page(*IMAGES["DCT"])
    content = whole.replace(b"13 0 obj", b"\0\0\0\0\0\0\0\0")
    result = examined(tmp_path, workers, content)
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert "page 2" in result.issues[0].message


def test_words_that_make_no_sense_are_damage_where_nothing_else_would_show_it(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    plain = scanned_page(*IMAGES["DCT"], before={13: stream(TEXT * 40)})
    damaged = overwritten(plain, TEXT * 40, noise(64, 1))
    result = examined(tmp_path, workers, damaged)
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert "the content of page 2 is not as it should be" in result.issues[0].message


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (b"\n<html>" + b"<p>404</p>" * 300 + b"</html>", "bytes that are no part of it follow its end"),
        (bytes(40_000), "bytes of nothing follow its end"),
        (b"<html>" * 600_000, "bytes that are no part of it follow its end"),
    ],
)
def test_what_others_put_behind_a_sound_document_is_a_remark(
    tmp_path: Path, workers: CagedWorkers, behind: bytes, said: str
) -> None:
    result = examined(tmp_path, workers, scanned_page(*IMAGES["DCT"]) + behind)
    assert codes(result) == {IMPERFECT: Severity.WARNING}
    assert said in result.issues[0].message
    assert result.document is not None
    assert result.document.pages == 3


def test_what_was_added_to_a_document_and_ends_in_the_middle_is_an_end_that_is_missing(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    whole = scanned_page(*IMAGES["DCT"])
    result = examined(tmp_path, workers, whole + b"\n40 0 obj\n<< /Length 9000 >>\nstream\n" + b"x" * 4000)
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert "its end is missing" in result.issues[0].message


def test_a_document_behind_a_few_other_bytes_is_sound(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, b"\r\n--boundary junk\r\n\n" + scanned_page(*IMAGES["DCT"]))
    assert BROKEN not in codes(result)
    assert result.document is not None


def test_a_policy_may_send_imperfect_documents_back(tmp_path: Path, workers: CagedWorkers) -> None:
    content = scanned_page(*IMAGES["DCT"]) + b"<html>" * 1000
    assert codes(examined(tmp_path, workers, content, "ask")) == {IMPERFECT: Severity.QUESTION}
    assert codes(examined(tmp_path, workers, content, "reject")) == {IMPERFECT: Severity.ERROR}


def test_an_encrypted_document_is_decoded_to_its_end_too(tmp_path: Path, workers: CagedWorkers) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(scanned_page(*IMAGES["DCT"]))))
    writer.encrypt("", "owner", algorithm="AES-256")
    sink = io.BytesIO()
    writer.write(sink)
    whole = sink.getvalue()
    assert set(codes(examined(tmp_path, workers, whole))) == {"SCR-032"}
    middle = whole.index(b"DCTDecode") + 9000
    damaged = whole[:middle] + noise(200, 5) + whole[middle + 200 :]
    assert BROKEN in codes(examined(tmp_path, workers, damaged))


def test_the_files_that_a_portfolio_holds_are_named(tmp_path: Path, workers: CagedWorkers) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document())))
    writer.add_attachment("letter.odt", b"PK")
    writer.add_attachment("Mühle.tif", b"II*\0")
    sink = io.BytesIO()
    writer.write(sink)
    result = examined(tmp_path, workers, sink.getvalue())
    (issue,) = result.issues
    assert (issue.code, issue.severity) == (ATTACHED, Severity.INFO)
    assert "2 attached files: 'Mühle.tif', 'letter.odt'; none of them was looked into" in issue.message
    assert result.document is not None
    assert set(result.document.attachments) == {"letter.odt", "Mühle.tif"}


def test_an_image_that_nothing_here_decodes_is_named_as_not_looked_into(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    entries = "/Width 8 /Height 8 /BitsPerComponent 1 /ColorSpace /DeviceGray /Filter /JBIG2Decode"
    result = examined(tmp_path, workers, scanned_page(b"\0\0\0\0\x30", entries))
    assert codes(result) == {NOT_WHOLLY: Severity.INFO}
    assert "JBIG2" in result.issues[0].message


def test_streams_that_unpack_without_end_end_in_a_verdict(tmp_path: Path, workers: CagedWorkers) -> None:
    bomb = zlib.compress(bytes(1 << 20))
    for _ in range(2):
        bomb = zlib.compress(bomb * 1000)
    content = pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
            4: stream(bomb, "/Filter [/FlateDecode /FlateDecode /FlateDecode]"),
        }
    )
    assert set(codes(examined(tmp_path, workers, content))) <= {BROKEN, IMPERFECT, LIMIT}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
)
def test_a_claim_is_read_in_every_encoding_of_its_packet(
    tmp_path: Path, workers: CagedWorkers, encoding: str
) -> None:
    whole = document(catalogue=CLAIMING_PDF_A)
    start, end = (
        whole.index(b"<?xpacket begin"),
        whole.index(b'<?xpacket end="w"?>') + len(b'<?xpacket end="w"?>'),
    )
    packet = whole[start:end].decode()
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Metadata 4 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        4: stream(packet.encode(encoding), "/Type /Metadata /Subtype /XML"),
    }
    result = examined(tmp_path, workers, pdf(objects))
    assert result.document is not None
    assert result.document.claims == "PDF/A-2b"
