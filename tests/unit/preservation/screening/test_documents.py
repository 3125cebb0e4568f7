"""PDFs: what is sound, what is broken, what claims what, and what would take a parser down."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.constants import UserAccessPermissions as Permission
from support.pdfs import CLAIMING_PDF_A, DRAWING, TEXT, document, pdf, stream
from support.screenings import codes, policy_that, screened

from preservation.model.issues import IssueCode, Severity
from preservation.model.screening import DocumentFacts, ScreenedFile
from preservation.policy.load import parse
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

BROKEN, LOCKED, RESTRICTED, IMPERFECT, ACTIVE, LIMIT = map(
    IssueCode, ("SCR-030", "SCR-031", "SCR-032", "SCR-033", "SCR-034", "SCR-070")
)


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=10), 2, JOB_MODULES) as pool:
        yield pool


def examined(
    tmp_path: Path, workers: CagedWorkers, content: bytes, encrypted: str = "", active: str = ""
) -> ScreenedFile:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    (root / "it.pdf").write_bytes(content)
    policy = policy_that(sound_documents="reject")
    for key, outcome in (("encrypted", encrypted), ("active", active)):
        if outcome:
            check = b'check = "sound-documents"'
            source = policy.source.replace(check, check + f'\n{key} = "{outcome}"'.encode())
            policy = parse(source, "test.toml")
    (result,) = screened(root, workers, policy=policy).values()
    assert (root / "it.pdf").read_bytes() == content
    return result


def encrypted(user: str, owner: str = "owner", granted: Permission | None = None) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document())))
    flags = Permission.all() if granted is None else granted
    writer.encrypt(user, owner, permissions_flag=flags, algorithm="AES-256")
    sink = io.BytesIO()
    writer.write(sink)
    return sink.getvalue()


def test_a_sound_document_has_facts_and_no_issue(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, document([DRAWING, TEXT, DRAWING], catalogue=CLAIMING_PDF_A))
    assert result.issues == ()
    assert result.document == DocumentFacts(3, "1.7", encrypted=False, has_text=True, claims="PDF/A-2b")


def test_a_document_of_pictures_has_no_text(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, document([DRAWING]))
    assert result.document is not None
    assert not result.document.has_text
    assert result.document.claims is None


def test_text_inside_a_form_is_text(tmp_path: Path, workers: CagedWorkers) -> None:
    content = pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R /Version /2.0 >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
            b"/Resources << /XObject << /X 5 0 R >> >> >>",
            4: stream(b"/X Do"),
            5: stream(TEXT, "/Type /XObject /Subtype /Form /BBox [0 0 9 9]"),
        }
    )
    result = examined(tmp_path, workers, content)
    assert result.issues == ()
    assert result.document is not None
    assert (result.document.has_text, result.document.version) == (True, "2.0")


@pytest.mark.parametrize("kept", [0.25, 0.5, 0.9])
def test_a_truncated_document_is_broken(tmp_path: Path, workers: CagedWorkers, kept: float) -> None:
    whole = document([TEXT] * 200)
    result = examined(tmp_path, workers, whole[: int(len(whole) * kept)])
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert "it.pdf is a broken PDF: its end is missing" in result.issues[0].message
    assert "Rescan" in result.issues[0].next_step


def test_a_cross_reference_that_points_nowhere_is_told(tmp_path: Path, workers: CagedWorkers) -> None:
    whole = document()
    start = whole.rindex(b"startxref\n") + len(b"startxref\n")
    result = examined(tmp_path, workers, whole[:start] + b"7\n%%EOF\n")
    assert set(codes(result)) <= {BROKEN, IMPERFECT}
    assert result.issues


def test_pages_that_are_not_there_break_a_document(tmp_path: Path, workers: CagedWorkers) -> None:
    content = pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [9 0 R] /Count 1 >>"})
    assert codes(examined(tmp_path, workers, content)) == {BROKEN: Severity.ERROR}


def test_a_document_without_pages_is_broken(tmp_path: Path, workers: CagedWorkers) -> None:
    assert codes(examined(tmp_path, workers, document([]))) == {BROKEN: Severity.ERROR}


def test_a_tree_of_pages_that_closes_on_itself_is_broken(tmp_path: Path, workers: CagedWorkers) -> None:
    content = pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>",
        }
    )
    result = examined(tmp_path, workers, content)
    assert codes(result) == {BROKEN: Severity.ERROR}
    assert "closes on itself" in result.issues[0].message


def test_a_page_named_a_million_times_is_counted_within_limits(tmp_path: Path, workers: CagedWorkers) -> None:
    kids = b"3 0 R " * 1_000_000
    content = pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [" + kids + b"] /Count 1000000 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        }
    )
    assert set(codes(examined(tmp_path, workers, content))) <= {BROKEN, LIMIT}


def test_a_million_pages_that_are_only_claimed_are_counted(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, document(count=1_000_000))
    assert codes(result) == {IMPERFECT: Severity.WARNING}
    assert "says that it has 1000000 pages, and has 1" in result.issues[0].message
    assert result.document is not None
    assert result.document.pages == 1


def test_objects_nested_very_deeply_end_in_a_verdict(tmp_path: Path, workers: CagedWorkers) -> None:
    nested = b"[" * 100_000 + b"]" * 100_000
    content = pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R /Deep " + nested + b" >>",
            2: b"<< /Type /Pages /Kids [] /Count 0 >>",
        }
    )
    assert result_is_a_verdict(examined(tmp_path, workers, content))


def test_an_encryption_dictionary_that_names_itself_ends_in_a_verdict(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [] /Count 0 >>",
        3: b"<< /Filter 3 0 R /V 3 0 R /R 3 0 R /O 3 0 R /U 3 0 R /P 3 0 R /Length 3 0 R >>",
    }
    assert result_is_a_verdict(
        examined(tmp_path, workers, pdf(objects, trailer="/Encrypt 3 0 R /ID [(a)(a)]"))
    )


def test_a_document_behind_a_password_has_an_outcome_of_its_own(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    assert codes(examined(tmp_path, workers, encrypted("secret"))) == {LOCKED: Severity.ERROR}
    asked = examined(tmp_path, workers, encrypted("secret"), encrypted="ask")
    assert codes(asked) == {LOCKED: Severity.QUESTION}


def test_a_restricted_document_that_opens_is_a_warning(tmp_path: Path, workers: CagedWorkers) -> None:
    result = examined(tmp_path, workers, encrypted(""))
    assert codes(result) == {RESTRICTED: Severity.WARNING}
    assert result.document is not None
    assert result.document.encrypted


def test_a_locked_document_inhibits_all_and_one_that_opens_only_what_it_withholds(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    everything = Permission.all()
    without_printing = everything & ~Permission.PRINT
    for user, owner, granted, targets in (
        ("secret", "owner", everything, ["All content"]),
        ("", "owner", everything, None),
        ("", "owner", without_printing, ["Print Function"]),
        # Whoever opens it is its owner.
        ("", "", without_printing, None),
    ):
        result = examined(tmp_path, workers, encrypted(user, owner, granted))
        found = [list(one.targets) for one in result.inhibitors]
        assert found == ([] if targets is None else [targets]), (user, owner)
        assert (result.examiner is None) == bool(user)
        assert not result.is_damaged


def result_is_a_verdict(result: ScreenedFile) -> bool:
    return bool(result.issues) and all(issue.next_step for issue in result.issues)


SCRIPT = "<< /S /JavaScript /JS (app.alert(1)) >>"
LAUNCH = "<< /S /Launch /F (calc.exe) >>"


@pytest.mark.parametrize(
    ("catalogue", "found"),
    [
        (f"/OpenAction {SCRIPT}", "JavaScript on opening"),
        (f"/OpenAction {LAUNCH}", "Launch on opening"),
        (f"/OpenAction << /S /GoTo /D [10 0 R /Fit] /Next [{SCRIPT}] >>", "JavaScript on opening"),
        (f"/AA << /WC {SCRIPT} >>", "JavaScript by an event of the document"),
        (
            f"/Names << /JavaScript << /Kids [<< /Names [(a) {SCRIPT}] >>] >> >>",
            "JavaScript on opening, by name",
        ),
        (
            f"/AcroForm << /Fields [<< /Kids [<< /AA << /K {SCRIPT} >> >>] >>] >>",
            "JavaScript by a form field",
        ),
        (
            f"/Outlines << /First << /Title (a) /Next << /Title (b) /A {LAUNCH} >> >> >>",
            "Launch by a bookmark",
        ),
    ],
)
def test_what_a_document_runs_is_a_warning_and_the_policy_may_refuse_it(
    tmp_path: Path, workers: CagedWorkers, catalogue: str, found: str
) -> None:
    content = document(catalogue=catalogue)
    (issue,) = examined(tmp_path, workers, content).issues
    assert (issue.code, issue.severity) == (ACTIVE, Severity.WARNING)
    assert issue.message == f"it.pdf is a PDF that runs something when it is opened or clicked: {found}."
    (issue,) = examined(tmp_path, workers, content, active="reject").issues
    assert (issue.code, issue.severity) == (ACTIVE, Severity.ERROR)


@pytest.mark.parametrize("where", ["/AA << /O {} >>", "/Annots [<< /Subtype /Link /A {} >>]"])
def test_what_a_page_runs_is_found(tmp_path: Path, workers: CagedWorkers, where: str) -> None:
    content = document().replace(b"/Type /Page ", f"/Type /Page {where.format(LAUNCH)} ".encode())
    assert ACTIVE in codes(examined(tmp_path, workers, content))


def test_actions_that_follow_each_other_in_a_circle_end(tmp_path: Path, workers: CagedWorkers) -> None:
    content = pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R /OpenAction 4 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
            4: b"<< /S /GoTo /Next 5 0 R >>",
            5: b"<< /S /JavaScript /JS (x) /Next 4 0 R >>",
        }
    )
    assert codes(examined(tmp_path, workers, content)) == {ACTIVE: Severity.WARNING}


def test_an_action_is_found_whatever_else_leads_to_it_and_however_its_kind_is_written(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    content = pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R /OpenAction 4 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [4 0 R] >>",
            4: b"<< /S 5 0 R /JS (x) >>",
            5: b"/JavaScript",
        }
    )
    assert codes(examined(tmp_path, workers, content)) == {ACTIVE: Severity.WARNING}


def test_an_opening_page_a_link_to_a_site_and_a_form_without_scripts_run_nothing(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    link = "/Annots [<< /Subtype /Link /A << /S /URI /URI (https://example.org) >> >>]"
    content = document(catalogue="/OpenAction [10 0 R /Fit] /AcroForm << /Fields [] >>")
    assert examined(tmp_path, workers, content).issues == ()
    linked = content.replace(b"/Type /Page ", f"/Type /Page {link} ".encode())
    assert ACTIVE not in codes(examined(tmp_path, workers, linked))
