from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from support.packages import (
    Drop,
    a_map_sheet,
    a_receipt,
    a_refusal,
    an_image,
    an_issue,
    surveyed,
)

from preservation.model.amounts import byte_size, count
from preservation.model.difference import ChangeKind, FileChange, VersionDifference
from preservation.model.dossiers import Dossier
from preservation.model.identifiers import PackageId, VersionNumber
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import DocumentFacts, ScreenedFile
from preservation.model.supplied import ManifestTally
from preservation.model.verdicts import Verdict
from preservation.receipt.as_markdown import receipt_markdown
from preservation.receipt.contents import Receipt
from preservation.receipt.rendering import render
from preservation.receipt.summary import formats_table


def as_json(receipt: Receipt, tmp_path: Path) -> dict[str, object]:
    page = render(receipt, tmp_path / "receipt")
    content: dict[str, object] = json.loads(page.with_suffix(".json").read_bytes())
    return content


def a_telling_drop(root: Path) -> Drop:
    drop = a_map_sheet(root)
    drop.add("anim.gif", b"GIF", screened=ScreenedFile(RelativePath(""), image=an_image()))
    drop.derivatives.append(a_refusal("anim.gif"))
    drop.add(
        "worn.pdf",
        b"%PDF",
        screened=ScreenedFile(
            RelativePath(""),
            document=DocumentFacts(1, "1.4", encrypted=False, has_text=True, claims=None),
            issues=(an_issue("worn.pdf", Severity.WARNING),),
        ),
    )
    return drop


def test_the_json_says_what_the_page_says_about_every_file(tmp_path: Path):
    told = as_json(a_receipt(a_telling_drop(tmp_path)), tmp_path)

    assert (told["version"], told["verdict"], told["headline"]) == (1, "stored", "Kept.")
    assert (told["object"], told["object_version"]) == ("maps/sheet-012", 1)
    assert told["figures"] == {
        "found": 14, "kept": 12, "bytes": 201, "derivatives": 2, "proved": 1, "access": 1,
        "refused": 1, "marked": 1,
    }  # fmt: skip
    files = told["files"]
    assert isinstance(files, list)
    by_path = {file["path"]: file for file in files}
    assert by_path["sheet 2.bmp"]["derivatives"][0]["proofs"] == [
        {"name": "same-pixels", "holds": True, "detail": "12,000,000 of 12,000,000 pixels equal"}
    ]
    assert by_path["line\nbreak.tif"]["kept"] is True
    assert by_path["link"] == {
        "path": "link", "kept": False, "irregular": "symbolic link", "detail": "points to /etc/passwd",
        "derivatives": [],
    }  # fmt: skip
    assert by_path["worn.pdf"]["issues"][0]["code"] == "SCR-001"


def test_the_policy_s_own_sentence_is_in_the_json_and_in_the_markdown(tmp_path: Path):
    drop = Drop(tmp_path)
    issue = replace(an_issue("a.tif"), because="Page images show the page as scanned.")
    drop.add("a.tif", b"x", screened=ScreenedFile(RelativePath(""), issues=(issue,)))
    receipt = a_receipt(drop, Verdict.REJECTED)

    files = as_json(receipt, tmp_path)["files"]
    assert isinstance(files, list)
    assert files[0]["issues"][0]["because"] == issue.because
    assert f"{issue.message} {issue.because} {issue.next_step}" in receipt_markdown(receipt)


def test_a_receipt_without_files_is_json_too(tmp_path: Path):
    assert as_json(replace(a_receipt(Drop(tmp_path)), files=(), package=None), tmp_path)["files"] == []


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not re.fullmatch(r"md5|sha1|sha512", key):
                yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def test_every_field_of_the_json_is_documented(tmp_path: Path, project: Path):
    told = as_json(a_receipt(a_telling_drop(tmp_path), Verdict.WAITING), tmp_path)
    documented = set(re.findall(r"`([a-z0-9_]+)`", (project / "docs" / "receipt.md").read_text()))

    assert set(_keys(told)) <= documented


def test_the_markdown_gives_verdict_next_step_replicas_and_formats(tmp_path: Path):
    text = receipt_markdown(a_receipt(a_telling_drop(tmp_path)))

    assert text.startswith("# Kept.\n\n**sheet-012** in maps, version 1. Everything is as it should be.\n")
    assert "**What to do next.** Nothing has to be done. 1 file may be worth a look." in text
    assert "1 made and proved · 1 access copy" in text
    assert "| vault | Cellar | /srv/vault/maps/sheet-012/v1 | 20 November 2026, 10:30 UTC |" in text
    assert "- **worn.pdf**" in text
    assert "| Tagged Image File Format | fmt/353 |" in text


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)<",
        "[a](javascript:x)",
        "![x](http://evil)",
        "| a | b",
        "`code`",
        "# head",
        "&lt;",
        "a\nb",
        "*x*",
    ],
)
def test_hostile_names_mean_nothing_to_markdown(tmp_path: Path, name: str):
    drop = Drop(tmp_path)
    issue = Issue(IssueCode("SCR-001"), Severity.WARNING, f"{name} is worn.", RelativePath("p"), name)
    drop.found.append(surveyed(name, b"x"))
    receipt = replace(
        a_receipt(drop),
        sentence=name,
        files=[Dossier(surveyed(name, b"x"), ScreenedFile(RelativePath(name), issues=(issue,)))],
    )
    tokens = MarkdownIt("commonmark").enable("table").parse(receipt_markdown(receipt))

    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "softbreak", "strong_open", "strong_close", "text_special"}
    assert not any(token.type in {"html_block", "code_block", "fence"} for token in tokens)
    said = "".join(child.content for token in tokens for child in token.children or ())
    assert " ".join(name.split()) in said


def test_the_markdown_of_many_broken_files_stays_short(tmp_path: Path):
    drop = Drop(tmp_path)
    for number in range(100):
        name = f"page_{number:03}.tif"
        drop.add(name, b"x", screened=ScreenedFile(RelativePath(""), issues=(an_issue(name),)))
    text = receipt_markdown(a_receipt(drop, Verdict.REJECTED))

    assert "… and 80 more" in text
    assert len(text) < 6_000


def test_the_formats_table_counts_kept_files_most_frequent_first(tmp_path: Path):
    assert formats_table(a_map_sheet(tmp_path).contents().files) == [
        {"puid": "fmt/353", "format": "Tagged Image File Format", "files": 8, "bytes": 178},
        {"puid": "-", "format": "unknown format", "files": 1, "bytes": 10},
        {"puid": "fmt/116", "format": "Windows Bitmap", "files": 1, "bytes": 6},
    ]


class ManyFiles:
    """Dossiers that are made as they are asked for."""

    def __iter__(self) -> Iterator[Dossier]:
        file = surveyed("page.tif", b"one")
        for _ in range(20_000):
            yield Dossier(file)


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path):
    receipt = replace(a_receipt(Drop(tmp_path)), files=ManyFiles())
    render(replace(receipt, files=()), tmp_path / "warm")

    tracemalloc.start()
    render(receipt, tmp_path / "receipt")
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert highest < 1_000_000


class ManyChanges:
    """Changes that are made as they are asked for."""

    def __iter__(self) -> Iterator[FileChange]:
        for number in range(20_000):
            kind = list(ChangeKind)[number % len(ChangeKind)]
            before = RelativePath(f"old {number}") if kind is ChangeKind.RENAMED else None
            yield FileChange(kind, RelativePath(f"page {number}"), before)


def a_changed_receipt(root: Path, changes: Iterable[FileChange]) -> Receipt:
    receipt = a_receipt(Drop(root))
    before = PackageId(receipt.submission.object, VersionNumber(1))
    since = VersionDifference(before, 20_000, 5_000, 5_000, 5_000, 5_000, is_unrelated=False)
    return replace(receipt, difference=since, changes=changes)


def test_memory_does_not_grow_with_the_number_of_changes_and_each_is_in_the_json(tmp_path: Path):
    receipt = a_changed_receipt(tmp_path, ManyChanges())
    render(replace(receipt, changes=()), tmp_path / "warm")

    tracemalloc.start()
    render(receipt, tmp_path / "receipt")
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert highest < 1_000_000
    compared = json.loads((tmp_path / "receipt.json").read_bytes())["compared"]
    assert (compared["object_version"], compared["originals"]) == (1, 20_000)
    assert [len(compared[kind]) for kind in ("added", "changed", "renamed", "removed")] == [5_000] * 4
    assert compared["added"][:2] == ["page 0", "page 4"]
    assert compared["renamed"][0] == ["old 2", "page 2"]


def test_what_did_not_change_is_an_empty_list_and_a_first_version_has_none(tmp_path: Path):
    removed = FileChange(ChangeKind.REMOVED, RelativePath("page 1"))
    compared = as_json(a_changed_receipt(tmp_path / "second", (removed,)), tmp_path)["compared"]
    assert compared == {
        "object_version": 1, "originals": 20_000,
        "added": [], "changed": [], "renamed": [], "removed": ["page 1"],
    }  # fmt: skip
    assert as_json(a_receipt(Drop(tmp_path / "first")), tmp_path)["compared"] is None


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (999_499, "999 kB"),
        (12_345_678, "12.3 MB"),
        (5 * 10**15, "5,000 TB"),
    ],
)
def test_sizes_are_written_as_people_say_them(size: int, shown: str):
    assert byte_size(size) == shown


def test_a_number_agrees_with_its_noun():
    assert [count(number, "file") for number in (0, 1, 2, 12_345)] == [
        "0 files",
        "1 file",
        "2 files",
        "12,345 files",
    ]


def test_all_forms_have_the_title_the_confirmed_checksums_and_the_titles_of_files(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"one")
    drop.add("metadata.csv", b"filename,dc.title\na.tif,<Mill> & weir\n")
    total = ManifestTally(1, ("checksums.md5",), entries=9, confirmed=9, unlisted=1)
    receipt = replace(a_receipt(drop), title="Views | *of* the <mill>", comparison=total)

    told = as_json(receipt, tmp_path)
    page = (tmp_path / "receipt.html").read_text("utf-8")
    text = receipt_markdown(receipt)

    assert told["title"] == "Views | *of* the <mill>"
    assert told["checksums"] == {
        "manifests": 1,
        "named": ["checksums.md5"],
        "entries": 9,
        "confirmed": 9,
        "differing": 0,
        "missing": 0,
        "unusable": 0,
        "unlisted": 1,
    }
    words = "9 of 9 checksums confirmed (checksums.md5); 1 file not listed."
    assert words in page
    assert words in text
    assert "Views | *of* the &lt;mill&gt;" in page
    assert "Title: Views \\| \\*of\\* the \\<mill\\>" in text
    assert "&lt;Mill&gt; &amp; weir" in page
    assert "| a.tif | \\<Mill\\> \\& weir |" in text


def test_where_nothing_could_be_compared_the_receipt_does_not_count(tmp_path: Path):
    drop = Drop(tmp_path)
    drop.add("a.tif", b"one")
    receipt = replace(a_receipt(drop), comparison=ManifestTally(1, ("x.md5",)))

    assert "No checksum could be compared (x.md5)." in receipt_markdown(receipt)
    assert as_json(a_receipt(drop), tmp_path)["checksums"] is None
