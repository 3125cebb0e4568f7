"""What comes with a drop about it: checksums beside it and in it, titles of it and its files."""

from __future__ import annotations

import json
from pathlib import Path

from lxml import etree
from support.archives import Archive
from support.bags import bag_files, zipped
from support.command_runs import near, run_command
from support.flow_runs import surroundings
from support.surveys import drop, md5

from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation

PAGE = b"A page of text, long enough to be known as one.\n" * 20
NAMES = {"p": "http://www.loc.gov/premis/v3", "dc": "http://purl.org/dc/elements/1.1/"}


def test_what_came_with_drops_is_compared_kept_and_stands_on_their_receipts(archive: Archive, tmp_path: Path):
    beside = drop(
        tmp_path / "beside",
        {
            "right.txt": PAGE,
            "right.txt.md5": f"{md5(PAGE)} *RIGHT.TXT\r\n".encode(),
            "wrong.txt": PAGE,
            "wrong.txt.MD5": md5(b"another").encode(),
            "letters.zip.md5": md5(b"another").encode(),
        },
    )
    # The bag has a manifest of that name in it, too.
    within = {"data/a.txt": PAGE, "data/letters.zip.md5": f"{md5(PAGE)}  a.txt\n".encode()}
    zipped(beside / "letters.zip", bag_files(within))
    book = drop(
        tmp_path / "book",
        {
            "objects/p1.txt": PAGE,
            "objects/p2.txt": PAGE + b"2",
            "metadata/checksum.md5": f"{md5(PAGE)}  p1.txt\n{md5(PAGE + b'2')}  p2.txt\n".encode(),
            "metadata/metadata.csv": "filename;dc.title\nobjects;Mühle\nobjects/p1.txt;Rad\n".encode(
                "cp1252"
            ),
        },
    )
    mistyped = drop(
        tmp_path / "mistyped", {"a.txt": PAGE, "checksums.md5": f"{md5(PAGE)[:-1]}  a.txt\n".encode()}
    )
    paths = [beside / name for name in ("right.txt", "right.txt.md5", "wrong.txt", "letters.zip")]

    answers = {one["object"]: one for one in near(archive).preserve(*paths, book, mistyped)}

    verdicts = {name.removeprefix("images/"): one["verdict"] for name, one in answers.items()}
    assert verdicts == {
        "right.txt": "stored",
        "wrong.txt": "rejected",
        "letters": "rejected",
        "book": "stored",
        "mistyped": "waiting",
    }
    codes = {name: [issue["code"] for issue in one["issues"]] for name, one in answers.items()}
    assert "FIX-001" in codes["images/wrong.txt"]
    assert "FIX-001" in codes["images/letters"]
    assert "FIX-004" in codes["images/mistyped"]

    with surroundings(archive), open_installation(load_settings(archive.directory)) as opened:
        checks = {
            entry.detail: entry.outcome
            for entry in opened.journal.about("images/letters")
            if entry.event_type == "fixity check"
        }
    assert checks == {
        "compared with the supplied manifest letters.zip.md5 (md5sum)": "success",
        "compared with the supplied manifest letters.zip.md5 (beside the drop, md5sum)": "fail",
    }

    page = Path(answers["images/book"]["receipt"])
    told = json.loads(page.with_suffix(".json").read_text("utf-8"))
    assert told["title"] == "Mühle"
    assert (told["checksums"]["confirmed"], told["checksums"]["entries"]) == (2, 2)
    described = {file["path"]: file["description"] for file in told["files"] if "description" in file}
    assert described == {"objects/p1.txt": {"title": ["Rad"]}}
    for words in ("Mühle", "Rad", "2 of 2 checksums confirmed (metadata/checksum.md5)"):
        assert words in page.read_text("utf-8")
    unchecked = json.loads(
        Path(answers["images/mistyped"]["receipt"]).with_suffix(".json").read_text("utf-8")
    )
    assert (unchecked["checksums"]["confirmed"], unchecked["checksums"]["entries"]) == (0, 0)

    kept = archive.store("first") / "images"
    assert (
        (kept / "right.txt/v1/metadata/submission/beside/right.txt.md5")
        .read_bytes()
        .startswith(md5(PAGE).encode())
    )
    dublin_core = etree.parse(kept / "book/v1/metadata/descriptive/dc.xml")
    assert dublin_core.findtext("dc:title", namespaces=NAMES) == "Mühle"
    premis = etree.parse(kept / "book/v1/metadata/premis.xml")
    assert premis.xpath("//p:objectCharacteristicsExtension//dc:title/text()", namespaces=NAMES) == ["Rad"]
    compared = premis.xpath("//p:event[p:eventType='fixity check']", namespaces=NAMES)
    assert [
        "2 of 2 listed files confirmed" in etree.tostring(one, encoding="unicode") for one in compared
    ] == [True]
    assert run_command("validate", kept / "right.txt/v1").returncode == 0
