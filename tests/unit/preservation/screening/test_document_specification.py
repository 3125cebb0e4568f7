"""PDFs held against what a contract asks: for each rule one that breaks just that, and one that does not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from support.pdfs import CLAIMING_PDF_A, DRAWING, TEXT, document, pdf, stream
from support.policies import a_policy
from support.screenings import screened

from preservation.errors import ConfigurationError
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import DocumentFacts
from preservation.policy.document_specification import DocumentSpecification
from preservation.policy.schema import Policy
from preservation.screening.document_specification import DocumentSpecifications
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.reports import DocumentReport
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

SOUND = '[[screen]]\ncheck = "sound-documents"\noutcome = "warn"\nbecause = "They are read."\n'


def a_screen(*keys: str) -> str:
    lines = (
        'check = "document-specification"',
        'outcome = "reject"',
        'because = "The contract says so."',
    )
    return "\n".join(("[[screen]]", *lines, *keys, ""))


def a_specification(*keys: str) -> Policy:
    return a_policy(SOUND, a_screen(*keys))


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=10), 1, JOB_MODULES) as pool:
        yield pool


def faults(tmp_path: Path, workers: CagedWorkers, content: bytes, *keys: str) -> dict[str, str]:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    (root / "it.pdf").write_bytes(content)
    (result,) = screened(root, workers, policy=a_specification(*keys)).values()
    return {issue.code: issue.message for issue in result.issues if issue.severity is Severity.ERROR}


def with_font(descriptor: str, *more: bytes) -> bytes:
    """One page that writes in a font with that descriptor."""
    return pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [5 0 R] /Count 1 >>",
            3: f"<< /Type /Font /Subtype /TrueType /BaseFont /ABCDEF+Garamond {descriptor} >>".encode(),
            5: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 6 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>",
            6: stream(TEXT),
            **dict(enumerate(more, 7)),
        }
    )


EMBEDDED = with_font(
    "/FontDescriptor 7 0 R", b"<< /Type /FontDescriptor /FontFile2 8 0 R >>", stream(b"font")
)
DESCRIBED = with_font("/FontDescriptor 7 0 R", b"<< /Type /FontDescriptor /FontName /Garamond >>")
COMPOSITE = with_font(
    "/DescendantFonts [8 0 R]", stream(b"font"), b"<< /FontDescriptor << /FontFile3 7 0 R >> >>"
)
SCRIPT = "/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"
PROGRAM = "/OpenAction << /S /Launch /F (setup.exe) >>"
XFA = "/AcroForm << /XFA 4 0 R >>"
ATTACHED = "/Names << /EmbeddedFiles << /Names [(a.txt) << /F (a.txt) /EF << /F 4 0 R >> >>] >> >>"


def encrypted(password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document())))
    writer.encrypt(password, "owner", algorithm="AES-256")
    sink = io.BytesIO()
    writer.write(sink)
    return sink.getvalue()


def attached_to_a_page() -> bytes:
    note = "<< /Type /Annot /Subtype /FileAttachment /Rect [0 0 1 1] /FS << /F (a) /EF << /F 4 0 R >> >> >>"
    whole = document([DRAWING])
    return whole.replace(b"/MediaBox", b"/Annots [20 0 R] /MediaBox").replace(
        b"1 0 obj", f"20 0 obj\n{note}\nendobj\n1 0 obj".encode(), 1
    )


def _in_short(value: object) -> str:
    return str(len(value)) if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(
    ("content", "keys", "code", "words"),
    [
        (document(), ['versions = ["1.4", "2.0"]'], "DOC-002", "is PDF 1.7, and one of 1.4, 2.0 is"),
        (document(), ['claims = ["PDF/A-1b"]'], "DOC-003", "claims no level of PDF/A, and PDF/A-1b"),
        (document(catalogue=CLAIMING_PDF_A), ['claims = ["PDF/A-1b"]'], "DOC-003", "claims PDF/A-2b, and"),
        (document(), ["least_pages = 2"], "DOC-004", "has 1 page, and at least 2 are asked for"),
        (document([TEXT, TEXT]), ["most_pages = 1"], "DOC-004", "has 2 pages, and at most 1 are"),
        (document(), ['forbidden = ["fonts-not-embedded"]'], "DOC-005", "not embedded (Helvetica)"),
        (DESCRIBED, ['forbidden = ["fonts-not-embedded"]'], "DOC-005", "not embedded (ABCDEF+Garamond)"),
        (encrypted(""), ['forbidden = ["encryption"]'], "DOC-005", "has encryption"),
        (document(catalogue=ATTACHED), ['forbidden = ["attachments"]'], "DOC-005", "(1 file: a.txt)"),
        (attached_to_a_page(), ['forbidden = ["attachments"]'], "DOC-005", "has attachments (1 file)"),
        (document(catalogue=XFA), ['forbidden = ["xfa"]'], "DOC-005", "has an XFA form"),
        (document(catalogue=SCRIPT), ['forbidden = ["javascript"]'], "DOC-005", "JavaScript (on opening)"),
        (document(catalogue=PROGRAM), ['forbidden = ["launch"]'], "DOC-005", "starts a program (on opening)"),
        (encrypted("secret"), ['versions = ["1.7"]'], "DOC-001", "it was not read"),
        (b"no PDF at all", ['paths = ["*.pdf"]', "least_pages = 1"], "DOC-001", "is no PDF"),
        (b"", ['paths = ["*.pdf"]', "least_pages = 1"], "DOC-001", "is no PDF"),
        (document()[:-40], ['forbidden = ["fonts-not-embedded"]'], "DOC-001", "it was not read"),
    ],
    ids=_in_short,
)  # fmt: skip
def test_each_rule_finds_what_breaks_just_that(
    tmp_path: Path, workers: CagedWorkers, content: bytes, keys: list[str], code: str, words: str
):
    found = faults(tmp_path, workers, content, *keys)
    assert list(found) == [code]
    assert words in found[code]


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        (document(), ['versions = ["1.7"]', "least_pages = 1", "most_pages = 1"]),
        (document(catalogue=CLAIMING_PDF_A), ['claims = ["PDF/A-1b", "PDF/A-2b"]']),
        (EMBEDDED, ['forbidden = ["fonts-not-embedded"]']),
        (COMPOSITE, ['forbidden = ["fonts-not-embedded"]']),
        (document(), ['forbidden = ["encryption", "attachments", "xfa", "javascript", "launch"]']),
        (document(catalogue=PROGRAM), ['forbidden = ["javascript"]']),
        (document(), ['paths = ["other/*.pdf"]', 'versions = ["1.4"]']),
        (b"no PDF at all", ['versions = ["1.4"]']),
    ],
    ids=_in_short,
)
def test_what_is_as_specified_is_no_fault(
    tmp_path: Path, workers: CagedWorkers, content: bytes, keys: list[str]
):
    assert faults(tmp_path, workers, content, *keys) == {}


@pytest.mark.parametrize(
    ("descriptor", "code"),
    [
        ("/DescendantFonts []", "DOC-005"),
        ("/DescendantFonts [42]", "DOC-001"),
        ("/FontDescriptor (words)", "DOC-005"),
        ("/FontDescriptor << /FontFile 42 >>", "DOC-005"),
        ("/BaseFont /#ff#fe /Subtype 7", "DOC-001"),
        ("/DescendantFonts [3 0 R]", "DOC-005"),
    ],
)
def test_a_font_that_is_none_is_never_taken_for_embedded(
    tmp_path: Path, workers: CagedWorkers, descriptor: str, code: str
):
    found = faults(tmp_path, workers, with_font(descriptor), 'forbidden = ["fonts-not-embedded"]')
    assert list(found) == [code]


@pytest.mark.parametrize("feature", ["fonts-not-embedded", "attachments", "xfa", "javascript", "launch"])
def test_what_could_not_be_seen_of_a_pdf_is_never_taken_for_absent(feature: str):
    policy = a_specification(f'forbidden = ["{feature}"]')
    facts = DocumentFacts(1, "1.7", encrypted=False, has_text=True, claims=None)
    held = DocumentSpecifications(policy.screens(DocumentSpecification))
    (issue,) = held.about(RelativePath("a.pdf"), DocumentReport(facts, active_unread=True))
    assert issue.code == "DOC-001"
    assert "could not be seen" in issue.message
    seen = DocumentReport(facts, parts_seen=True, has_xfa=False)
    assert list(held.about(RelativePath("a.pdf"), seen)) == []


def test_a_pdf_that_no_report_came_of_is_not_as_specified():
    policy = a_specification("least_pages = 1")
    held = DocumentSpecifications(policy.screens(DocumentSpecification))
    assert [issue.code for issue in held.about(RelativePath("a.pdf"), None)] == ["DOC-001"]


@pytest.mark.parametrize(
    "keys",
    [[], ['claims = ["PDF/X-4"]'], ['versions = ["3.0"]'], ['forbidden = ["colour"]'], ["least_pages = 0"],
     ["least_pages = 3", "most_pages = 2"]],
)  # fmt: skip
def test_a_specification_that_cannot_be_meant_is_a_fault_of_the_policy(keys: list[str]):
    with pytest.raises(ConfigurationError):
        a_specification(*keys)


def test_a_specification_of_documents_that_nothing_reads_is_a_fault_of_the_policy():
    with pytest.raises(ConfigurationError) as caught:
        a_policy(a_screen("least_pages = 1"))
    assert any("sound-documents" in fault for fault in caught.value.faults)
