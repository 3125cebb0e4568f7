"""What was ordered, from the list to the receipt: imported, delivered, held against each other."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from support.command_runs import NearArchive, near, run_command
from support.flow_runs import installed

_LIST = (
    "object,files,names,due,vendor,batch\n"
    "ledger,3,page 0.txt|page 1.txt|page 2.txt,2027-01-31,Müller,3\n"
    "letters,2,,,Müller,3\n"
    "diary-0187,2,,2026-01-31,Maier,4\n"
)


def a_list(folder: Path, text: str = _LIST) -> Path:
    path = folder / "batch 3.csv"
    path.write_text(text, encoding="utf-8")
    return path


def a_drop(folder: Path, name: str, files: int) -> Path:
    drop = folder / "drops" / name
    drop.mkdir(parents=True)
    for number in range(files):
        (drop / f"page {number}.txt").write_text(f"{name}, page {number}\n" * 50)
    return drop


def imported(archive: NearArchive, path: Path, *more: str) -> list[dict[str, Any]]:
    finished = archive.run("order", "import", path, "--collection", "files", "--json", *more)
    assert finished.returncode == 0, finished
    return [json.loads(line) for line in finished.stdout.splitlines()]


def codes_of(told: dict[str, Any]) -> list[str]:
    return [issue["code"] for issue in told["issues"] if issue["code"].startswith("ORD")]


def test_deliveries_are_held_against_their_orders(fresh: NearArchive, tmp_path: Path):
    imported(fresh, a_list(tmp_path))
    drops = [
        a_drop(tmp_path, "ledger", 3),
        a_drop(tmp_path, "letters", 1),
        a_drop(tmp_path, "diary-0178", 2),
        a_drop(tmp_path, "nobody's", 1),
    ]
    right, few, near_miss, other = fresh.preserve(*drops, collection="files")
    assert (right["verdict"], codes_of(right)) == ("stored", [])
    assert (few["verdict"], codes_of(few)) == ("waiting", ["ORD-003"])
    assert "2 files of files/letters were ordered, and 1 is delivered" in few["sentence"]
    assert (near_miss["verdict"], codes_of(near_miss)) == ("stored", ["ORD-001"])
    assert "Did you mean 'diary-0187'?" in Path(near_miss["receipt"]).read_text("utf-8").replace("&#39;", "'")
    assert (other["verdict"], codes_of(other)) == ("stored", [])
    late, again = fresh.preserve(a_drop(tmp_path, "diary-0187", 2), drops[0], collection="files")
    assert (late["verdict"], codes_of(late)) == ("stored", ["ORD-007"])
    assert (again["verdict"], codes_of(again)) == ("already-kept", [])


def test_a_drop_without_an_order_is_what_the_policy_says(fresh: NearArchive, tmp_path: Path):
    policy = fresh.directory / "policies" / "bit-level.toml"
    policy.write_text(f'{policy.read_text()}\n[order]\nunordered = "reject"\n')
    drop = a_drop(tmp_path, "letters", 2)
    [refused] = fresh.preserve(drop, collection="files")
    assert (refused["verdict"], codes_of(refused)) == ("rejected", ["ORD-001"])
    imported(fresh, a_list(tmp_path))
    would = fresh.preserve(drop, collection="files", more=("--dry-run",))
    assert [codes_of(one) for one in would] == [[]]
    assert (
        fresh.run("order", "withdraw", "files/letters", "--because", "too fragile", "--by", "Ada").returncode
        == 0
    )
    [refused] = fresh.preserve(drop, collection="files")
    assert "was withdrawn on" in refused["sentence"]
    assert refused["sentence"].endswith("too fragile.")


def test_what_is_only_looked_at_is_held_against_no_order(fresh: NearArchive, tmp_path: Path):
    policy = fresh.directory / "policies" / "bit-level.toml"
    policy.write_text(f'{policy.read_text()}\n[order]\nunordered = "reject"\n')
    looked = run_command("examine", a_drop(tmp_path, "letters", 1), "--policy", policy)
    assert looked.returncode == 0, looked


@pytest.fixture
def archive(tmp_path: Path) -> NearArchive:
    """An installation of which no drop is preserved."""
    return near(installed(tmp_path / "archive", ""))


def test_importing_says_what_is_new_changed_unchanged_and_not_listed(archive: NearArchive, tmp_path: Path):
    path = a_list(tmp_path)
    would = imported(archive, path, "--dry-run")
    assert [one["what"] for one in would] == ["new", "new", "new", "list"]
    assert imported(archive, path, "--dry-run") == would
    assert imported(archive, path)[-1]["dry_run"] is False
    a_list(tmp_path, _LIST.replace("letters,2", "letters,4").replace("diary-0187", "diary-0188"))
    new, changed, unlisted, told = imported(archive, path)
    assert (new["what"], new["object"]) == ("new", "files/diary-0188")
    assert (changed["before"]["files"], changed["files"]) == (2, 4)
    assert (unlisted["what"], unlisted["object"]) == ("unlisted", "files/diary-0187")
    assert (told["new"], told["changed"], told["unchanged"], told["unlisted"]) == (1, 1, 1, 1)
    gone, told = imported(archive, path, "--withdraw")
    assert (gone["what"], gone["object"]) == ("withdrawn", "files/diary-0187")
    assert imported(archive, path, "--withdraw")[-1]["unlisted"] == 0


def test_people_are_told_what_changes_and_how_the_list_was_read(archive: NearArchive, tmp_path: Path):
    path = a_list(tmp_path, _LIST.replace(",", ";").replace("page 0.txt", "note.txt"))
    first = archive.run("order", "import", path, "--collection", "files")
    assert first.returncode == 0, first
    assert "new        files/ledger  3 files, 3 names, due 2027-01-31, Müller, batch 3" in first.stdout
    assert "read as CSV, separated by semicolons" in first.stdout
    assert first.stdout.endswith("files: 3 orders new, 0 changed, 0 unchanged, 0 not listed\n")
    a_list(tmp_path, "object;files;remark\nletters;5;thick\n")
    changed = archive.run("order", "import", path, "--collection", "files", "--dry-run")
    assert "files: 2, now 5; vendor: Müller, now not set; batch: 3, now not set" in changed.stdout
    assert "columns that were not read: remark" in changed.stdout
    assert "files: 0 orders would be new, 1 would be changed, 0 unchanged, 2 not listed" in changed.stdout
    assert "--withdraw" in changed.stderr


def test_a_list_with_a_fault_imports_nothing_and_tells_all(archive: NearArchive, tmp_path: Path):
    path = a_list(tmp_path, "object,files\nsound,1\n=cmd|'x'!A1,2\nother,many\n")
    refused = archive.run("order", "import", path, "--collection", "files")
    assert refused.returncode == 3, refused
    assert "row 3, column A 'object'" in refused.stdout
    assert "row 4, column B 'files'" in refused.stdout
    assert "2 faults, so nothing of it was imported" in refused.stderr
    told = archive.run("order", "import", path, "--collection", "files", "--json")
    assert [json.loads(line)["row"] for line in told.stdout.splitlines()] == [3, 4]
    a_list(tmp_path, "object\nsound\n")
    assert imported(archive, path)[-1]["new"] == 1


def test_a_workbook_is_imported_out_of_the_cage_and_a_broken_one_is_not(archive: NearArchive, tmp_path: Path):
    book = Workbook()
    for row in (("object", "files", "due"), ("ledger", 3, date(2027, 1, 31)), ("letters", None, None)):
        book.active.append(row)
    path = tmp_path / "batch 3.xlsx"
    book.save(path)
    first, _, told = imported(archive, path)
    assert (first["object"], first["files"], first["due"]) == ("files/ledger", 3, "2027-01-31")
    assert (told["form"], told["new"]) == ("workbook, sheet 'Sheet'", 2)
    path.write_bytes(path.read_bytes()[:2000])
    refused = archive.run("order", "import", path, "--collection", "files")
    assert (refused.returncode, "it is no workbook" in refused.stdout) == (3, True), refused


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("import", "nowhere.csv", "-c", "files"), 6, "there is no such file"),
        (("import", "nowhere.csv"), 2, "Name it with --collection: "),
        (("import", "nowhere.csv", "-c", "fils"), 2, "did you mean files?"),
        (("import", "nowhere.csv", "-c", "A/B"), 2, "cannot name a collection"),
        (("withdraw", "files/x", "--because", "no", "--by", "Ada"), 6, "no order of it holds"),
        (("withdraw", "files/x", "--because", " ", "--by", "Ada"), 2, "give both"),
    ],
)
def test_what_cannot_be_done_is_said(
    archive: NearArchive, arguments: tuple[str, ...], code: int, sentence: str
):
    refused = archive.run("order", *arguments)
    assert (refused.returncode, sentence in refused.stderr) == (code, True), refused


def test_the_state_of_orders_is_shown_as_words_json_csv_and_a_page(keeping: NearArchive, tmp_path: Path):
    imported(keeping, a_list(tmp_path))
    words = keeping.run("order", "status")
    assert words.returncode == 0, words
    assert "files, batch 3, Müller\n    2 ordered, 1 delivered, 1 accepted" in words.stdout
    assert "NOT DELIVERED  files/diary-0187, due 2026-01-31" in words.stdout
    told = keeping.run("order", "status", "--batch", "3", "--json")
    first, second, group = (json.loads(line) for line in told.stdout.splitlines())
    assert (first["object"], first["state"], second["state"]) == ("ledger", "accepted", "not delivered")
    assert (group["ordered"], group["missing"], group["overdue"]) == (2, 1, 0)
    table = keeping.run("order", "status", "--vendor", "Maier", "--csv").stdout.splitlines()
    assert table[0].startswith("collection,object,batch,vendor,due,")
    assert table[1].startswith("files,diary-0187,4,Maier,2026-01-31,,2,not delivered,yes,0,0,,")
    page = keeping.run("order", "status", "--collection", "files", "--html").stdout.split()[1]
    assert "3 objects ordered: 1 accepted (1 at once)" in Path(page).read_text("utf-8")
    both = keeping.run("order", "status", "--csv", "--json")
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)
