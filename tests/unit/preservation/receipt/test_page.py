from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html
from support.packages import AT, Drop, a_map_sheet, a_receipt, a_refusal, an_image, an_issue

from preservation.model.decisions import Action
from preservation.model.derivatives import Purpose
from preservation.model.difference import ChangeKind, FileChange, VersionDifference
from preservation.model.dossiers import Dossier
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, PackageId, VersionNumber
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import FaultRegion, ScreenedFile
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import PersonsDecision, Receipt
from preservation.receipt.headline import decided, moment_in_words
from preservation.receipt.rendering import render

JPEG = b"\xff\xd8\xff\xe0 a small picture"


def page_of(receipt: Receipt, tmp_path: Path) -> html.HtmlElement:
    return html.document_fromstring(render(receipt, tmp_path / "receipt").read_text(encoding="utf-8"))


def text_of(element: html.HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


def files_on(page: html.HtmlElement) -> list[str]:
    return [text_of(heading) for heading in page.iter("h4")]


def groups_on(page: html.HtmlElement) -> list[str]:
    return [text_of(heading) for heading in page.iter("h3")]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.STORED, "Kept."),
        (Verdict.ALREADY_KEPT, "Already kept."),
        (Verdict.REJECTED, "Sent back."),
        (Verdict.INTERRUPTED, "Interrupted. Nothing is lost."),
        (Verdict.WAITING, "Waiting for an archivist."),
    ],
)
def test_the_verdict_comes_first_in_plain_words(tmp_path: Path, verdict: Verdict, words: str):
    page = page_of(a_receipt(a_map_sheet(tmp_path), verdict), tmp_path)

    assert text_of(page.find(".//h1")) == words
    assert next(page.iter("h1", "h2")).tag == "h1"


def test_the_page_asks_nobody_for_anything(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    content = render(a_receipt(drop), tmp_path / "receipt").read_text(encoding="utf-8")
    page = html.document_fromstring(content)

    assert not list(page.iter("script", "link", "iframe", "object", "embed", "form", "base"))
    assert not page.xpath("//@href | //@action | //@*[starts-with(name(), 'on')] | //@style")
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.xpath("//@src"))
    style = page.find(".//style").text
    assert "url(" not in style
    assert "@import" not in style
    policy = page.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'")


def test_hostile_names_are_text_and_nothing_else(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("\u202egnp.<script>alert(1)<.tif", b"x")
    drop.add("line\nbreak\"'><img src=x>.tif", b"x")
    page = page_of(a_receipt(drop), tmp_path)

    assert not list(page.iter("script"))
    assert files_on(page) == [
        "line\\nbreak\"'><img src=x>.tif",
        "\\u202egnp.<script>alert(1)<.tif",
    ]
    assert all(heading.find("bdi") is not None for heading in page.iter("h4"))


def test_hostile_texts_of_issues_and_policies_are_text_and_nothing_else(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add(
        "page.tif",
        b"x",
        screened=ScreenedFile(RelativePath(""), issues=(an_issue("page.tif", message="<b>"),)),
    )
    receipt = replace(
        a_receipt(drop, Verdict.REJECTED),
        dropped_as="<script>alert(1)</script>",
        issues=(Issue(IssueCode("INT-1"), Severity.ERROR, "</style><script>"),),
    )
    page = page_of(receipt, tmp_path)

    assert not list(page.iter("script"))
    assert "<script>alert(1)</script>" in text_of(page.find(".//footer"))
    assert "</style><script>" in text_of(page.find(".//header"))


def test_files_with_issues_come_first_and_the_gravest_of_them_before_the_others(tmp_path: Path):
    drop = Drop(tmp_path)
    for name, severity in (
        ("a.tif", None),
        ("b.tif", Severity.WARNING),
        ("c.tif", Severity.INFO),
        ("d.tif", Severity.ERROR),
        ("e.tif", Severity.QUESTION),
    ):
        issues = (an_issue(name, severity),) if severity else ()
        drop.add(name, b"x", screened=ScreenedFile(RelativePath(""), issues=issues))
    page = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path)

    assert files_on(page) == ["d.tif", "e.tif", "b.tif", "a.tif", "c.tif"]
    assert text_of(page.find(".//h1")) == "Sent back: 1 file to mend."


def a_drop_of_faults(root: Path, *codes: str) -> Drop:
    """A drop with a damaged file for each code."""
    drop = Drop(root)
    for number, code in enumerate(codes):
        name = f"page_{number:02}.tif"
        issue = replace(an_issue(name), code=IssueCode(code))
        drop.add(name, b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    return drop


def test_what_to_do_names_each_fault_once_with_its_first_files_and_the_next_step(tmp_path: Path):
    drop = a_drop_of_faults(tmp_path, *["SCR-020"] * 12, "SCR-011", "SCR-022", "SCR-022")
    steps = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path).find(".//*[@class='next']")

    again = "Scan this page again and drop the folder once more."
    assert [text_of(step) for step in steps.iter("li")] == [
        f"Damaged image, 12 files: page_00.tif, page_01.tif, page_02.tif and 9 more. {again}",
        f"Damaged ICC profile, 2 files: page_13.tif and page_14.tif. {again}",
        f"page_12.tif breaks off in the middle. {again}",
    ]


def test_of_very_many_faults_the_first_are_named_and_the_others_counted(tmp_path: Path):
    drop = a_drop_of_faults(tmp_path, *(f"SCR-{number:03}" for number in range(12)))
    steps = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path).find(".//*[@class='next']")

    assert len(list(steps.iter("li"))) == 8
    assert "And 4 more, listed below." in text_of(steps)


def test_of_a_file_that_has_to_be_replaced_nobody_is_asked_anything_else(tmp_path: Path):
    drop = Drop(tmp_path)
    question = an_issue("page.tif", Severity.QUESTION, message="page.tif is of unknown format.")
    damage = an_issue("page.tif", message="page.tif breaks off.")
    issues = (question, damage)
    drop.add("page.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=issues))
    page = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path)

    (step,) = page.find(".//*[@class='next']").iter("li")
    assert "breaks off" in text_of(step)
    (marked,) = page.xpath("//article[contains(@class, 'error')]")
    assert "unknown format" in text_of(marked)


def test_an_issue_of_the_whole_that_names_a_file_is_shown_at_that_file(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x")
    drop.add("b.tif", b"x")
    mismatch = an_issue("b.tif", message="b.tif is not the file that checksums.md5 promises.")
    missing = an_issue("c.tif", message="checksums.md5 promises c.tif, and there is no such file.")
    page = page_of(replace(a_receipt(drop, Verdict.REJECTED), issues=(mismatch, missing)), tmp_path)

    (marked,) = page.xpath("//article[contains(@class, 'error')]")
    assert "is not the file that checksums.md5 promises" in text_of(marked)
    steps = text_of(page.find(".//*[@class='next']"))
    assert steps.index("no such file") < steps.index("is not the file")


def test_remarks_on_the_whole_are_shown_though_nothing_has_to_be_done(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x")
    remark = Issue(IssueCode("SUP-003"), Severity.WARNING, "notes.md5 lists no file at all.")
    page = page_of(replace(a_receipt(drop), issues=(remark,)), tmp_path)

    assert not list(page.find(".//*[@class='next']").iter("li"))
    assert "notes.md5 lists no file at all." in text_of(page)


def test_nobody_is_asked_what_is_answered(tmp_path: Path):
    asked = replace(an_issue("a.tif", Severity.QUESTION), next_step="An archivist decides.")
    whole = Issue(IssueCode("PLN-002"), Severity.QUESTION, "No rule.", None, "An archivist decides.")
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=(asked,)))
    decision = PersonsDecision("A. Turner", "The book is worn.", AT, approves=True)
    pages = {
        verdict: text_of(
            page_of(
                replace(
                    a_receipt(drop, verdict),
                    issues=(whole,),
                    decision=None if verdict is Verdict.WAITING else decision,
                ),
                tmp_path,
            )
        )
        for verdict in (Verdict.WAITING, Verdict.STORED, Verdict.ALREADY_KEPT, Verdict.INTERRUPTED)
    }

    # Each question once, with what is to be done; not again at its file, nor in a sentence.
    assert pages[Verdict.WAITING].count("An archivist decides.") == 2
    assert pages[Verdict.WAITING].count(asked.message) == 1
    assert "Everything is as it should be." not in pages[Verdict.WAITING]
    for verdict in (Verdict.STORED, Verdict.ALREADY_KEPT, Verdict.INTERRUPTED):
        assert "An archivist decides." not in pages[verdict]
        assert asked.message in pages[verdict]
        assert whole.message in pages[verdict]
    assert f"Approved by A. Turner, {moment_in_words(AT)}: The book is worn." in pages[Verdict.STORED]


def test_a_drop_that_waits_says_how_it_is_answered_and_whom_to_ask(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x")
    commands = ("muniment approve maps/sheet-012", "muniment refuse maps/sheet-012")
    receipt = replace(a_receipt(drop, Verdict.WAITING), how_to_answer=commands, contact="the desk in room 12")

    shown = page_of(receipt, tmp_path)

    assert [text_of(code) for code in shown.iter("code") if "muniment" in text_of(code)] == list(commands)
    assert text_of(shown).count("Whom to ask: the desk in room 12.") == 1
    assert "Whom to ask: an archivist." in text_of(page_of(replace(receipt, contact=""), tmp_path))


def test_a_refused_drop_says_who_refused_it_and_why_and_asks_nobody_to_mend_it(tmp_path: Path):
    asked = replace(an_issue("a.tif", Severity.QUESTION), next_step="An archivist decides.")
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=(asked,)))
    decision = PersonsDecision("A. Turner", "It belongs elsewhere.", AT, approves=False)
    receipt = replace(
        a_receipt(drop, Verdict.REJECTED), decision=decision, sentence=decided(decision), package=None
    )

    shown = text_of(page_of(receipt, tmp_path))

    assert shown.count("It belongs elsewhere.") == 1
    assert "Refused by an archivist." in shown
    assert "Mend" not in shown
    assert "Not kept." in shown
    assert "Would be kept" not in shown
    assert "An archivist decides." not in shown


def test_what_only_operators_can_do_is_folded_away(tmp_path: Path):
    issue = replace(an_issue("a.tif", Severity.WARNING), for_operators="Start clamd.")
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))

    shown = page_of(a_receipt(drop), tmp_path)

    [fold] = shown.xpath("//*[contains(@class, 'issue')]/details")
    assert text_of(fold) == "For archivists and operators Start clamd."
    assert text_of(shown).count("Start clamd.") == 1


def test_people_read_where_they_dropped_it_and_not_where_it_was_taken(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x")
    receipt = replace(a_receipt(drop), dropped_as="inbox/maps/sheet-012")

    assert "Dropped as inbox/maps/sheet-012" in text_of(page_of(receipt, tmp_path).find(".//footer"))


def test_the_policy_s_own_sentence_is_shown_between_what_is_wrong_and_what_to_do(tmp_path: Path):
    issue = replace(an_issue("a.tif"), because="A scan <shows> its page.")
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    (shown,) = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path).xpath("//*[@class='fault error']")

    # What the files of a fault share is said once, above them.
    assert [text_of(said) for said in shown.xpath("./p")] == [issue.because, issue.next_step]
    (at_the_file,) = shown.xpath(".//*[@class='issue error']")
    assert [text_of(said) for said in at_the_file.iter("p")] == [issue.message]


def test_what_differs_between_the_files_of_a_fault_is_said_at_each(tmp_path: Path):
    drop = Drop(tmp_path)
    for name in ("a.tif", "b.tif"):
        issue = replace(an_issue(name), next_step=f"Scan {name} again.")
        drop.add(name, b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    (shown,) = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path).xpath("//*[@class='fault error']")

    assert not shown.xpath("./p")
    assert ["Scan a.tif again." in text_of(file) for file in shown.iter("article")] == [True, False]


def test_files_are_grouped_by_fault_and_what_passed_is_a_line_for_what_was_looked_at(tmp_path: Path):
    drop = Drop(tmp_path)
    found = {
        "a.tif": ("SCR-020", Severity.ERROR),
        "b.tif": ("SCR-022", Severity.WARNING),
        "c.tif": ("SCR-020", Severity.ERROR),
        "d.tif": ("SCR-011", Severity.ERROR),
        ".DS_Store": ("SCR-010", Severity.INFO),
    }
    for name, (code, severity) in found.items():
        issue = replace(an_issue(name, severity), code=IssueCode(code))
        drop.add(name, b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    for number in range(3):
        drop.add(f"sound {number}.tif", b"x", screened=ScreenedFile(RelativePath(""), image=an_image()))
    unexamined = ScreenedFile(RelativePath(""), unexamined="no examiner for Plain Text File")
    drop.add("notes.txt", b"x", screened=unexamined)
    page = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path)

    assert groups_on(page) == [
        "Damaged image SCR-020 2 files",
        "Empty file SCR-011 1 file",
        "Damaged ICC profile SCR-022 1 file",
    ]
    assert files_on(page)[:4] == ["a.tif", "c.tif", "d.tif", "b.tif"]
    (passed,) = page.xpath("//ul[@class='passed']")
    assert [text_of(line) for line in passed.iter("li")] == [
        "3 images: decoded to the end, no finding",
        "1 file: not looked into (no examiner for Plain Text File)",
        "1 file: Junk (SCR-010)",
    ]


def test_what_was_not_screened_is_not_said_to_have_passed(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x", screened=ScreenedFile(RelativePath(""), image=an_image()))
    (dossier,) = drop.dossiers()
    receipt = replace(a_receipt(drop, Verdict.REJECTED), files=[replace(dossier, screened=None)])

    shown = text_of(page_of(receipt, tmp_path))

    assert "1 file: not screened" in shown
    assert "no finding" not in shown


def test_a_fault_of_very_many_files_hides_no_other(tmp_path: Path):
    drop = Drop(tmp_path)
    for name, code in (("a.tif", "SCR-020"), ("b.tif", "SCR-011")):
        issue = replace(an_issue(name), code=IssueCode(code))
        drop.add(name, b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    damaged, empty = drop.dossiers()
    page = page_of(replace(a_receipt(drop, Verdict.REJECTED), files=[damaged] * 2_500 + [empty]), tmp_path)

    assert groups_on(page) == ["Damaged image SCR-020 2,500 files", "Empty file SCR-011 1 file"]
    assert files_on(page) == ["a.tif"] * 2_000 + ["b.tif"]
    assert "And 500 more like these" in text_of(page)


def test_a_trial_never_says_that_anything_is_kept(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x", screened=ScreenedFile(RelativePath(""), image=an_image()))
    headlines = {
        Verdict.STORED: "Nothing is against it.",
        Verdict.REJECTED: "Would be sent back.",
        Verdict.WAITING: "An archivist would be asked.",
    }
    for verdict, words in headlines.items():
        receipt = replace(a_receipt(drop, verdict), is_trial=True, package=None, replicas=())
        page = page_of(receipt, tmp_path)
        assert text_of(page.find(".//h1")) == words
        shown = text_of(page).replace("Would be kept", "")
        assert " kept" not in shown.lower(), verdict
        assert "gate check" in shown


def test_access_copies_are_not_counted_among_what_is_proved(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.bmp", b"x")
    drop.derive("a.bmp", b"y")
    for number in range(3):
        drop.derive("a.bmp", b"%d" % number, Purpose.ACCESS)
    figures = text_of(page_of(a_receipt(drop), tmp_path).find(".//dl[@class='figures']"))

    assert "made and proved 1 access copies 3" in figures


def test_a_file_says_what_it_is_what_was_done_and_why_with_the_proofs(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add(
        "a.bmp",
        b"x" * 1_234_567,
        action=Action.NORMALIZE,
        screened=ScreenedFile(RelativePath(""), image=an_image()),
    )
    drop.derive("a.bmp", b"y" * 2_000)
    drop.derivatives.append(a_refusal("a.bmp"))
    article = text_of(page_of(a_receipt(drop), tmp_path).find(".//article"))

    for words in (
        "Tagged Image File Format · 1.2 MB fmt/353",
        "4,000 × 3,000 pixels, 300 dpi, RGB, 8 bits, Adobe RGB (1998)",  # noqa: RUF001  as the page writes it
        "Kept as it is, without a preservation copy. So that it lasts <always> & everywhere.",
        "Preservation copy a.tif · TIFF, uncompressed, 2.0 kB",
        "same-pixels: 12,000,000 of 12,000,000 pixels equal",
        "No preservation copy · an animation of 12 frames",
    ):
        assert words in article


def test_nothing_is_called_kept_that_is_not(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"x")
    drop.add("b.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=(an_issue("b.tif"),)))
    articles = [
        text_of(article) for article in page_of(a_receipt(drop, Verdict.REJECTED), tmp_path).iter("article")
    ]

    assert "kept" not in articles[0].lower()
    assert "Would be kept as it is." in articles[1]


def test_replicas_are_listed_with_store_site_place_and_time(tmp_path: Path):
    copies = page_of(a_receipt(a_map_sheet(tmp_path)), tmp_path).find(".//table[@class='copies']")

    assert [text_of(cell) for cell in copies.iter("td")] == [
        "vault",
        "Cellar",
        "/srv/vault/maps/sheet-012/v1",
        "✓ 20 November 2026, 10:30 UTC",
    ]


def test_of_many_changes_the_first_are_shown_and_the_rest_counted(tmp_path: Path):
    before = PackageId(ObjectId(CollectionName("maps"), ObjectName("sheet")), VersionNumber(1))
    changes = [FileChange(ChangeKind.ADDED, RelativePath(f"page {number}.tif")) for number in range(52)]
    difference = VersionDifference(before, 3, 52, 0, 0, 0, is_unrelated=False)
    receipt = replace(a_receipt(a_map_sheet(tmp_path)), difference=difference, changes=changes)

    text = text_of(page_of(receipt, tmp_path))

    assert "Added: 52 files" in text
    assert "page 49.tif and 2 more; all are listed in the JSON file beside this page" in text
    assert "page 50.tif" not in text


def test_a_large_drop_shows_the_files_to_look_at_and_counts_the_rest(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("page.tif", b"x")
    drop.add(
        "worn.tif",
        b"x",
        screened=ScreenedFile(RelativePath(""), issues=(an_issue("worn.tif", Severity.WARNING),)),
    )
    page, worn = drop.dossiers()
    many: list[Dossier] = [page] * 2_500 + [worn]
    shown = page_of(replace(a_receipt(drop), files=many), tmp_path)

    assert files_on(shown) == ["worn.tif"]
    assert "The other 2,500 files" in text_of(shown)
    assert "every one of them is listed in the JSON file beside this page" in text_of(shown)
    assert "Tagged Image File Format fmt/353 2,501" in text_of(shown)


def a_drop_with_thumbnails(root: Path, *contents: bytes) -> Drop:
    drop = Drop(root)
    for number, content in enumerate(contents):
        name = f"thumbnails/{number}.jpg"
        drop.add(f"{number:03}.tif", b"x", screened=ScreenedFile(RelativePath(""), thumbnail=name))
        (drop.workspace / "thumbnails").mkdir(parents=True, exist_ok=True)
        (drop.workspace / name).write_bytes(content)
    return drop


def test_thumbnails_are_part_of_the_page(tmp_path: Path):
    page = page_of(a_receipt(a_drop_with_thumbnails(tmp_path, JPEG)), tmp_path)

    (source,) = page.xpath("//img/@src")
    assert b64decode(source.partition(",")[2]) == JPEG


def test_where_a_fault_lies_is_framed_in_the_picture_of_its_group_alone(tmp_path: Path):
    drop = a_drop_with_thumbnails(tmp_path, JPEG)
    dark = Issue(IssueCode("PAG-003"), Severity.ERROR, RelativePath("000.tif"), "is dark", "Scan it again.")
    skewed = replace(dark, code=IssueCode("PAG-005"), message="is skewed")
    regions = (FaultRegion(dark.code, (0.125, 0.5, 0.75, 1.0)),)
    drop.screened[:] = [replace(one, issues=(dark, skewed), regions=regions) for one in drop.screened]
    page = page_of(a_receipt(drop, Verdict.REJECTED), tmp_path)
    (frame,) = page.xpath("//*[@class='shown']/svg/rect")
    assert dict(frame.attrib) == {"x": "12.5", "y": "50.0", "width": "62.5", "height": "50.0"}
    # Where there is no picture, there is no frame.
    (drop.workspace / "thumbnails" / "0.jpg").unlink()
    assert not page_of(a_receipt(drop, Verdict.REJECTED), tmp_path).xpath("//rect")


def test_a_picture_of_a_part_says_that_the_rest_is_not_there(tmp_path: Path):
    words = "What could be decoded. The rest is not there, or is damaged."
    sound, drop = a_drop_with_thumbnails(tmp_path / "sound", JPEG), a_drop_with_thumbnails(tmp_path, JPEG)
    drop.screened[:] = [replace(one, is_part_shown=True) for one in drop.screened]
    assert words not in text_of(page_of(a_receipt(sound), tmp_path))
    (picture,) = page_of(a_receipt(drop), tmp_path).xpath("//*[@class='picture']")
    assert text_of(picture) == words
    # Where there is no room for the picture, nothing is said of it.
    large = a_drop_with_thumbnails(tmp_path / "large", JPEG + bytes(100_000))
    large.screened[:] = [replace(one, is_part_shown=True) for one in large.screened]
    assert words not in text_of(page_of(a_receipt(large), tmp_path))


def test_a_thumbnail_that_is_missing_huge_or_no_jpeg_is_left_out(tmp_path: Path):
    drop = a_drop_with_thumbnails(tmp_path, b"<svg onload=alert(1)>", JPEG + bytes(100_000), JPEG)
    (drop.workspace / "thumbnails" / "2.jpg").unlink()
    page = page_of(a_receipt(drop), tmp_path)

    assert not page.xpath("//img")
    assert [text_of(picture) for picture in page.xpath("//*[@class='picture']")] == ["TIF"] * 3


def test_thumbnails_never_make_the_page_endless(tmp_path: Path):
    drop = a_drop_with_thumbnails(tmp_path, JPEG + bytes(60_000))
    many = drop.dossiers() * 500
    path = render(replace(a_receipt(drop), files=many), tmp_path / "receipt")

    assert path.stat().st_size < 13_000_000
    assert len(re.findall(r"<article", path.read_text())) == 500


def test_a_new_receipt_takes_the_place_of_the_old_one_and_leaves_nothing_behind(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    target = tmp_path / "receipts" / "maps" / "sheet-012.v1"
    render(a_receipt(drop, Verdict.INTERRUPTED), target)
    path = render(a_receipt(drop), target)

    assert "Kept." in path.read_text()
    assert sorted(found.name for found in target.parent.iterdir()) == [
        "sheet-012.v1.html",
        "sheet-012.v1.json",
    ]


def test_a_drop_that_never_came_far_has_a_receipt_too(tmp_path: Path):
    drop = Drop(tmp_path)
    receipt = replace(
        a_receipt(drop, Verdict.REJECTED),
        files=(),
        package=None,
        replicas=(),
        policy=None,
        engines=(),
        issues=(Issue(IssueCode("INT-4"), Severity.ERROR, "A path climbs out.", None, "Pack it again."),),
    )
    page = page_of(receipt, tmp_path)

    assert "A path climbs out. Pack it again." in text_of(page.find(".//header"))
    assert not list(page.iter("article", "table"))
