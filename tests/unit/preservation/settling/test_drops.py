"""What in an inbox is a drop, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.inboxes import terms
from support.surveys import drop

from preservation.errors import UnavailableError
from preservation.settling.drops import Drop, PassedOver, PassedOverFor, drops_among, drops_in
from preservation.settling.terms import SettlingTerms


def names(inbox: Path, policy: SettlingTerms) -> list[str]:
    entries = drops_in(inbox, policy)
    return ["/".join((*entry.groups, entry.path.name)) for entry in entries if isinstance(entry, Drop)]


def passed_over(inbox: Path, policy: SettlingTerms) -> dict[str, PassedOverFor]:
    return {
        entry.path.relative_to(inbox).as_posix(): entry.reason
        for entry in drops_in(inbox, policy)
        if isinstance(entry, PassedOver)
    }


def test_folders_files_and_archives_directly_in_the_inbox_are_drops(tmp_path: Path):
    drop(tmp_path, {"sheet-012/a.tif": b"", "plate 7.tif": b"", "bag.zip": b"", "Ärzte/x": b""})
    (tmp_path / "link").symlink_to("/etc/passwd")

    assert names(tmp_path, terms()) == ["bag.zip", "link", "plate 7.tif", "sheet-012", "Ärzte"]
    assert passed_over(tmp_path, terms()) == {}
    assert next(drops_in(tmp_path, terms())) == Drop(tmp_path / "bag.zip")


def test_hidden_temporary_and_junk_names_are_no_drops_and_stay(tmp_path: Path):
    files = {
        ".hidden/a": PassedOverFor.HIDDEN,
        "sheet.tif.part": PassedOverFor.TEMPORARY,
        "upload.part/a": PassedOverFor.TEMPORARY,
        ".sheet.tif.Ab3xYz": PassedOverFor.TEMPORARY,
        "~scan.tif": PassedOverFor.TEMPORARY,
        "Thumbs.db": PassedOverFor.JUNK,
        "$RECYCLE.BIN/x": PassedOverFor.JUNK,
        "notes.bak": PassedOverFor.JUNK,
    }
    drop(tmp_path, dict.fromkeys(files, b""))
    policy = terms('junk = ["*.bak"]')

    assert names(tmp_path, policy) == []
    assert passed_over(tmp_path, policy) == {name.partition("/")[0]: why for name, why in files.items()}
    assert all((tmp_path / name).exists() for name in files)


def test_what_loses_its_temporary_name_becomes_a_drop(tmp_path: Path):
    drop(tmp_path, {"sheet.part/a.tif": b""})
    (tmp_path / "sheet.part").rename(tmp_path / "sheet")
    assert names(tmp_path, terms()) == ["sheet"]


def test_sentinels_are_no_drops_where_they_are_asked_for(tmp_path: Path):
    drop(tmp_path, {"plate.tif": b"", "plate.tif.done": b"", "gone.ready": b"", ".done": b""})
    policy = terms('complete_when = "sentinel"')

    assert names(tmp_path, policy) == ["plate.tif"]
    sentences = {
        entry.path.name: entry.sentence
        for entry in drops_in(tmp_path, policy)
        if isinstance(entry, PassedOver)
    }
    assert sentences["plate.tif.done"] == "it shows that plate.tif is complete"
    assert "gone is complete, which is not here" in sentences["gone.ready"]
    assert names(tmp_path, terms()) == ["gone.ready", "plate.tif", "plate.tif.done"]


def test_groups_are_folders_above_drops(tmp_path: Path):
    drop(
        tmp_path, {"2026/05/sheet-1/a": b"", "2026/05/plate.tif": b"", "2026/stray.tif": b"", "top.tif": b""}
    )
    drop(tmp_path, {"2026/.hidden/x/a": b""})
    policy = terms("grouping = 2")

    assert names(tmp_path, policy) == ["2026/05/plate.tif", "2026/05/sheet-1"]
    assert passed_over(tmp_path, policy) == {
        "2026/.hidden": PassedOverFor.HIDDEN,
        "2026/stray.tif": PassedOverFor.STRAY,
        "top.tif": PassedOverFor.STRAY,
    }


def test_a_link_is_no_group(tmp_path: Path):
    drop(tmp_path / "elsewhere", {"sheet/a": b""})
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/2026").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "inbox", terms("grouping = 1")) == []


def test_a_name_that_no_object_can_have_is_passed_over_with_the_next_step(tmp_path: Path):
    for name in ("scan\udcff", "_draft", " space", "two\nlines", "ok"):
        (tmp_path / name).mkdir()
    assert names(tmp_path, terms()) == ["ok"]
    entries = [entry for entry in drops_in(tmp_path, terms()) if isinstance(entry, PassedOver)]
    assert len(entries) == 4
    assert all(entry.reason is PassedOverFor.UNNAMEABLE for entry in entries)
    assert all(entry.sentence.endswith("give it another name") for entry in entries)


def test_the_order_is_that_of_the_names_bytes(tmp_path: Path):
    for name in ("b", "a", "Z", "é", "10", "9"):
        (tmp_path / name).touch()
    assert names(tmp_path, terms()) == sorted(["b", "a", "Z", "é", "10", "9"], key=os.fsencode)


def test_an_inbox_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path):
    with pytest.raises(UnavailableError, match="see that it is there, that its share is mounted"):
        list(drops_in(tmp_path / "unmounted", terms()))


def test_the_manifest_of_one_file_is_taken_with_it_and_is_no_drop(tmp_path: Path):
    names_there = ("plate.tif", "plate.tif.md5", "gone.tif.SHA1", "box/a.tif.md5", "box.md5")
    drop(tmp_path, dict.fromkeys(names_there, b""))

    assert names(tmp_path, terms()) == ["box", "plate.tif"]
    reasons = passed_over(tmp_path, terms())
    assert reasons == dict.fromkeys(("box.md5", "gone.tif.SHA1", "plate.tif.md5"), PassedOverFor.SIDECAR)
    told = {one.path.name: one.sentence for one in drops_in(tmp_path, terms()) if isinstance(one, PassedOver)}
    assert "is taken with it" in told["plate.tif.md5"]
    assert "put it into that folder" in told["box.md5"]
    assert "gone.tif, which is not here" in told["gone.tif.SHA1"]


HOLD = 'loose_pages = "hold"\ndescriptive = ["metadata.csv"]'


def held(inbox: Path, policy: SettlingTerms) -> dict[str, str]:
    return {
        entry.path.name: entry.sentence
        for entry in drops_in(inbox, policy)
        if isinstance(entry, PassedOver) and entry.reason is PassedOverFor.LOOSE
    }


def test_pages_that_lie_in_the_inbox_itself_are_held_together_and_the_policy_says_so(tmp_path: Path):
    pages = {f"register_{number:04}.tif": b"" for number in range(11)}
    drop(tmp_path, {**pages, "REGISTER_0011.TIF": b"", "cover.tif": b"", "sheet 1/a": b"", "sheet 2/a": b""})
    drop(
        tmp_path, {"box1.zip": b"", "box2.zip": b"", "x.mp3": b"", "x.mp4": b"", "12": b"", "2026-01 a": b""}
    )

    policy = terms(HOLD)
    alone = ["12", "2026-01 a", "box1.zip", "box2.zip", "cover.tif", "sheet 1", "sheet 2", "x.mp3", "x.mp4"]
    assert names(tmp_path, policy) == alone
    [(first, sentence)] = held(tmp_path, policy).items()
    assert first == "REGISTER_0011.TIF"
    assert sentence.startswith(
        "REGISTER_0011.TIF is one of 12 single files that differ in a number only: put"
    )
    # What policies without the key say has not changed.
    assert len(names(tmp_path, terms())) == len(alone) + 12
    for page in pages:
        (tmp_path / page).unlink()
    assert "REGISTER_0011.TIF" in names(tmp_path, policy)


def test_lists_and_descriptions_that_lie_in_the_inbox_itself_are_no_drops(tmp_path: Path):
    drop(tmp_path, {"checksums.txt": b"", "metadata.csv": b"", "plate.tif": b"", "plate.tif.sha256": b""})

    # A manifest of one file is taken with it.
    assert names(tmp_path, terms(HOLD)) == ["plate.tif"]
    assert sorted(held(tmp_path, terms(HOLD))) == ["checksums.txt", "metadata.csv"]
    assert names(tmp_path, terms()) == ["checksums.txt", "metadata.csv", "plate.tif"]


def test_a_single_file_that_a_person_declared_complete_is_a_drop_and_groups_have_rules_of_their_own(
    tmp_path: Path,
):
    files = {"plate 1.tif": b"", "plate 2.tif": b"", "plate 1.tif.done": b"", "plate 2.tif.done": b""}
    drop(tmp_path / "declared", files)
    sentinel = terms(f'{HOLD}\ncomplete_when = "sentinel"')
    assert names(tmp_path / "declared", sentinel) == ["plate 1.tif", "plate 2.tif"]
    drop(tmp_path / "grouped", {"box 1/p1.tif": b"", "box 1/p2.tif": b"", "box 2/p1.tif": b""})
    grouped = terms(f"{HOLD}\ngrouping = 1")
    assert names(tmp_path / "grouped", grouped) == ["box 2/p1.tif"]
    assert list(held(tmp_path / "grouped", grouped)) == ["p1.tif"]


def test_names_made_of_numbers_by_the_thousand_cost_little(tmp_path: Path):
    listed = [(f"{'1a' * 100}{number}.tif", False) for number in range(20_000)]
    [entry] = drops_among(sorted(listed), tmp_path, terms(HOLD), lambda _: [])
    assert isinstance(entry, PassedOver)
    assert "one of 20,000 single files" in entry.sentence
