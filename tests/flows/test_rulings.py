"""What persons decide beforehand: a finding that is waived, a format that is set by hand."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.command_runs import NearArchive

from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.submission.rulings import give
from preservation.model.identifiers import CollectionName, parse_object_id
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.rulings import Waiver, may_be_waived

DEMANDED = ("not-empty", "known-format")
WHO = ("--because", "its original is burnt", "--by", "Ada")


@pytest.fixture
def strict(fresh: NearArchive) -> NearArchive:
    """An installation that takes no empty file, and no file of an unknown format."""
    policy = fresh.directory / "policies" / "bit-level.toml"
    text = policy.read_text()
    for check in DEMANDED:
        text = re.sub(rf'("{check}"\noutcome = )"warn"', r'\1"reject"', text)
    policy.write_text(text)
    return fresh


def a_drop(folder: Path, name: str, **files: bytes) -> Path:
    drop = folder / "drops" / name
    drop.mkdir(parents=True)
    for file, content in {"page.txt": b"a page\n" * 20, **files}.items():
        (drop / file).write_bytes(content)
    return drop


def told(archive: NearArchive, *words: str | Path) -> list[dict[str, Any]]:
    finished = archive.run(*words, "--json")
    assert finished.returncode == 0, finished
    return [json.loads(line) for line in finished.stdout.splitlines()]


def verdicts(archive: NearArchive, *drops: Path) -> list[str]:
    return [one["verdict"] for one in archive.preserve(*drops, collection="files")]


def premis_of(archive: NearArchive, name: str) -> str:
    [path] = archive.store("first").glob(f"files/{name}/v*/metadata/premis.xml")
    return path.read_text("utf-8")


def test_what_is_waived_for_an_object_sends_back_just_the_others(strict: NearArchive, tmp_path: Path):
    ledger = a_drop(tmp_path, "ledger", blank=b"")
    letters = a_drop(tmp_path, "letters", blank=b"")
    assert verdicts(strict, ledger, letters) == ["rejected", "rejected"]
    [waiver] = told(strict, "waiver", "give", "files/ledger", "SCR-011", *WHO)
    kept, other = strict.preserve(ledger, letters, collection="files")
    assert (kept["verdict"], other["verdict"]) == ("stored", "rejected")
    said = f"Waived by Ada on {now():%Y-%m-%d}: its original is burnt."
    [issue] = [one for one in kept["issues"] if one["code"] == "SCR-011"]
    assert (issue["severity"], said in issue["message"]) == ("warning", True)
    assert said in Path(kept["receipt"]).read_text("utf-8")
    assert said.rstrip(".") in premis_of(strict, "ledger")
    assert "its original is burnt" in premis_of(strict, "ledger")
    with open_installation(load_settings(strict.directory)) as opened:
        notes = [entry.note for entry in opened.journal.about("files/ledger") if "waiver 1" in entry.detail]
    # Once when it was given, once when it was applied.
    assert notes == ["its original is burnt"] * 2
    assert [one["number"] for one in told(strict, "waiver", "list")] == [waiver["number"]]


def test_what_is_waived_for_one_file_or_up_to_a_day_holds_for_no_other(strict: NearArchive, tmp_path: Path):
    told(strict, "waiver", "give", "files/ledger", "SCR-011", "--path", "blank", *WHO)
    with open_installation(load_settings(strict.directory)) as opened:
        yesterday = (now() - timedelta(days=1)).date()
        collection = CollectionName("files")
        give(
            lambda number: Waiver(
                number, "SCR-011", collection, None, "", None, yesterday, "over", "Ada", now()
            ),
            opened,
        )
    two = a_drop(tmp_path, "ledger", blank=b"", other=b"")
    [sent_back] = strict.preserve(two, collection="files")
    assert sent_back["verdict"] == "rejected"
    stopping = [one["path"] for one in sent_back["issues"] if one["severity"] == "error"]
    assert stopping == ["other"]
    (two / "other").unlink()
    assert verdicts(strict, two, a_drop(tmp_path, "letters", blank=b"")) == ["stored", "rejected"]


def test_a_rule_for_a_batch_holds_for_its_orders_until_it_ends(strict: NearArchive, tmp_path: Path):
    listed = tmp_path / "orders.csv"
    listed.write_text("object,batch\nledger,3\nletters,4\ndiary,3\n")
    assert strict.run("order", "import", listed, "--collection", "files").returncode == 0
    until = ("--until", f"{now() + timedelta(days=9):%Y-%m-%d}")
    [rule] = told(strict, "waiver", "give", "files", "SCR-011", "--batch", "3", *until, *WHO)
    drops = [a_drop(tmp_path, name, blank=b"") for name in ("ledger", "letters", "nobody's")]
    assert verdicts(strict, *drops) == ["stored", "rejected", "rejected"]
    told(strict, "waiver", "end", str(rule["number"]), *WHO)
    assert told(strict, "waiver", "list") == []
    [other] = told(strict, "waiver", "give", "files/other", "SCR-011", *WHO)
    assert other["number"] > rule["number"], "the journal has that number for good"
    assert verdicts(strict, a_drop(tmp_path, "diary", blank=b"")) == ["rejected"]
    # What the journal has of a whole collection stops no rebuild.
    assert strict.run("rebuild", "--missing", "--dry-run").returncode == 0


def test_a_format_that_is_set_by_hand_stands_above_what_the_engines_say(strict: NearArchive, tmp_path: Path):
    ledger = a_drop(tmp_path, "ledger", **{"plan.zzq": b"\x93\x01\xfe nobody knows this"})
    assert verdicts(strict, ledger) == ["rejected"]
    words = ("identify", "override", "files/ledger", "plan.zzq", "x-fmt/111")
    assert told(strict, *words, "--dry-run", *WHO)[0]["dry_run"] is True
    assert verdicts(strict, ledger) == ["rejected"]
    told(strict, *words, *WHO)
    assert verdicts(strict, ledger) == ["stored"]
    premis = premis_of(strict, "ledger")
    assert "set by hand on" in premis
    assert "by Ada: its original is burnt" in premis
    with open_installation(load_settings(strict.directory)) as opened:
        [version] = opened.catalogue.history(parse_object_id("files/ledger")).registrations
        puids = {file.path: file.puid for file in opened.catalogue.files(version.package)}
        assert puids["data/originals/plan.zzq"] == "x-fmt/111"
        assert any("the format of files/ledger" in one.detail for one in opened.journal.about("files/ledger"))


@pytest.mark.parametrize(
    "words",
    [
        ("waiver", "give", "files/ledger", "VIR-001"),
        ("waiver", "give", "files/ledger", "FIX-001"),
        ("waiver", "give", "files/ledger", "IMG-999"),
        ("waiver", "give", "files", "IMG-004"),
        ("waiver", "give", "files/ledger", "IMG-004", "--until", "2020-01-01"),
        ("waiver", "give", "files/ledger", "IMG-004", "--path", "../x"),
        ("identify", "override", "files/ledger", "plan.zzq", "fmt/999999"),
        ("identify", "override", "files/ledger", "plan.zzq", "text"),
        ("identify", "override", "files/ledger", "/plan.zzq", "fmt/353"),
    ],
)
def test_what_cannot_be_ruled_is_refused_and_nothing_is_recorded(fresh: NearArchive, words: tuple[str, ...]):
    assert fresh.run(*words, *WHO).returncode == 2
    assert told(fresh, "waiver", "list") == []


def test_nobody_waives_without_a_name_and_a_reason(fresh: NearArchive):
    for who in (("--because", " ", "--by", "Ada"), ("--because", "burnt", "--by", "")):
        assert fresh.run("waiver", "give", "files/ledger", "IMG-004", *who).returncode == 2
    assert fresh.run("waiver", "end", "1", *WHO).returncode == 6


def test_where_rulings_cannot_be_read_nothing_is_judged(strict: NearArchive, tmp_path: Path):
    told(strict, "waiver", "give", "files/ledger", "SCR-011", *WHO)
    file = strict.directory / "state" / "rulings.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    [one] = strict.preserve(a_drop(tmp_path, "ledger", blank=b""), collection="files")
    assert one["verdict"] == "interrupted"
    assert "rulings.jsonl" in one["sentence"]


@pytest.mark.parametrize("code", ["VIR-001", "FIX-001", "BAG-001", "INT-001", "POL-001", "VER-001"])
def test_a_waiver_that_somebody_wrote_into_the_file_waives_nothing_that_no_policy_demands(code: str):
    today = now()
    forged = Waiver(1, code, CollectionName("files"), None, "", None, today.date(), "so", "Eve", today)
    assert not may_be_waived(code)
    assert not forged.takes(Issue(IssueCode(code), Severity.ERROR, "It is so.", because="as it says"))


def test_of_screening_only_what_the_policy_demands_is_waived():
    today = now()
    waiver = Waiver(1, "SCR-011", CollectionName("files"), None, "", None, today.date(), "so", "Ada", today)
    demanded = Issue(IssueCode("SCR-011"), Severity.ERROR, "It is so.", because="as it says")
    assert waiver.takes(demanded)
    assert not waiver.takes(Issue(demanded.code, Severity.ERROR, "It is so."))
    assert not waiver.takes(Issue(demanded.code, Severity.WARNING, "It is so.", because="as it says"))
