from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from services.small_disks import small_disk
from support.takes import NOON, a_drop, a_take, an_area, contents, found_complete, takes_in, told_of

from flows.inboxes import answer
from flows.inboxes.answer import place
from flows.inboxes.folder.take import take
from flows.inboxes.queue.attempts import attempts_of
from flows.inboxes.queue.backlog import Backlog
from flows.inboxes.queue.takes import Take
from flows.inboxes.recover import recover
from flows.installation.areas import Area
from flows.submission.drop import outline_of
from preservation.errors import UnavailableError
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, Severity
from preservation.model.verdicts import Verdict
from preservation.virus.codes import INFECTED

INFECTION = Issue(INFECTED, Severity.ERROR, "It is infected.", None, "Clean it.")


@pytest.mark.parametrize("verdict", [Verdict.STORED, Verdict.ALREADY_KEPT])
def test_what_is_kept_goes_to_accepted_with_the_name_of_its_package(tmp_path: Path, verdict: Verdict):
    taken = a_take(an_area(tmp_path))
    before = contents(taken.path)

    placed = place(told_of(taken, verdict, tmp_path / "receipts"), taken)

    target = tmp_path / "accepted/maps/sheet-012"
    assert placed == target
    assert contents(target) == before
    kept = json.loads((tmp_path / "accepted/maps/sheet-012.kept.json").read_text())
    assert kept["package"]["version"] == 1
    assert kept["verdict"] == verdict
    assert not taken.folder.exists()


def test_what_is_rejected_goes_back_unchanged_with_its_receipts_beside_it(tmp_path: Path):
    taken = a_take(an_area(tmp_path))
    before = contents(taken.path)

    place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)

    rejected = tmp_path / "rejected/maps"
    assert contents(rejected / "sheet-012") == before
    assert (rejected / "sheet-012.receipt.html").read_text() == f"{taken.id}: rejected"
    assert json.loads((rejected / "sheet-012.receipt.json").read_text()) == {"verdict": "rejected"}
    assert (rejected / "sheet-012.reject-list.csv").read_text() == f"{taken.id}: what to mend\n"
    assert len(list(rejected.iterdir())) == 4


def test_a_second_rejected_drop_of_the_name_gets_a_number_and_so_does_its_receipt(tmp_path: Path):
    area = an_area(tmp_path)
    for _ in range(3):
        taken = a_take(area)
        place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)

    names = {path.name for path in (tmp_path / "rejected/maps").iterdir()}
    assert names == {
        f"sheet-012{number}{ending}"
        for number in ("", " (2)", " (3)")
        for ending in ("", ".receipt.html", ".receipt.json", ".reject-list.csv")
    }


def test_the_receipt_of_a_drop_that_was_fetched_away_is_replaced(tmp_path: Path):
    area = an_area(tmp_path)
    first, rejected = a_take(area), tmp_path / "rejected/maps"
    place(told_of(first, Verdict.REJECTED, tmp_path / "receipts"), first)
    shutil.rmtree(rejected / "sheet-012")
    second = a_take(area)

    place(told_of(second, Verdict.REJECTED, tmp_path / "receipts"), second)

    assert (rejected / "sheet-012.receipt.html").read_text() == f"{second.id}: rejected"
    assert len(list(rejected.iterdir())) == 4


def test_a_drop_that_has_the_name_of_a_receipt_is_not_replaced_by_one(tmp_path: Path):
    area = an_area(tmp_path)
    for name in ("sheet-012.receipt.html", "sheet-012"):
        file = area.inbox / "maps" / name
        file.write_text(f"dropped as {name}")
        taken = take(found_complete(area, file), NOON)
        assert isinstance(taken, Take)
        place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)

    rejected = tmp_path / "rejected/maps"
    assert (rejected / "sheet-012.receipt.html").read_text() == "dropped as sheet-012.receipt.html"
    assert (rejected / "sheet-012 (2)").read_text() == "dropped as sheet-012"


def test_what_is_infected_goes_where_only_the_service_looks_and_the_receipt_where_people_do(tmp_path: Path):
    taken = a_take(an_area(tmp_path))

    placed = place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts", issues=(INFECTION,)), taken)

    assert placed == tmp_path / "quarantine/maps/sheet-012"
    assert (tmp_path / "quarantine").stat().st_mode & 0o777 == 0o700
    assert {path.name for path in (tmp_path / "rejected/maps").iterdir()} == {
        "sheet-012.receipt.html",
        "sheet-012.receipt.json",
        "sheet-012.reject-list.csv",
    }


@pytest.mark.parametrize("verdict", [Verdict.INTERRUPTED, Verdict.WAITING])
def test_what_has_not_ended_for_good_stays_and_its_end_is_recorded(tmp_path: Path, verdict: Verdict):
    area = an_area(tmp_path)
    taken = a_take(area)

    placed = place(told_of(taken, verdict), taken)

    assert placed == taken.path
    noted = attempts_of(taken)
    assert noted is not None
    assert (noted.runs, noted.verdict) == (1, verdict)
    assert [one.attempts for one in Backlog([area]).pending()] == [noted]


def test_groups_and_sentinels_go_with_their_drop(tmp_path: Path):
    area = an_area(tmp_path)
    drop = a_drop(area, "sheet-012", "box-1")
    (drop.parent / "sheet-012.done").touch()
    taken = take(found_complete(area, drop, "sheet-012.done"), NOON)
    assert isinstance(taken, Take)

    place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)

    box = tmp_path / "rejected/maps/box-1"
    assert (box / "sheet-012").is_dir()
    assert (box / "sheet-012.done").is_file()
    assert not taken.folder.exists()


def test_a_folder_of_answers_that_became_a_link_is_not_followed(tmp_path: Path):
    taken = a_take(an_area(tmp_path))
    private = tmp_path / "private"
    private.mkdir()
    (tmp_path / "rejected/maps").symlink_to(private)

    with pytest.raises(UnavailableError):
        place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)

    assert taken.has_drop
    assert list(private.iterdir()) == []


def test_placing_twice_changes_nothing(tmp_path: Path):
    taken = a_take(an_area(tmp_path))
    told = told_of(taken, Verdict.REJECTED, tmp_path / "receipts")
    place(told, taken)
    before = contents(tmp_path)

    placed = place(told, taken)

    assert placed is None
    assert contents(tmp_path) == before


@pytest.mark.parametrize("instant", ["move", "put", "remove_take", "finish"])
def test_what_was_stopped_in_the_midst_of_placing_is_finished_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: str
):
    area = an_area(tmp_path)
    taken = a_take(area)
    before = contents(taken.path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    told = told_of(taken, Verdict.REJECTED, tmp_path / "receipts")
    with monkeypatch.context() as patched:
        patched.setattr(answer, instant, stop)
        with pytest.raises(KeyboardInterrupt):
            place(told, taken)
    assert Backlog([area]).pending() == []

    recover(area)

    rejected = tmp_path / "rejected/maps"
    assert contents(rejected / "sheet-012") == before
    assert (rejected / "sheet-012.receipt.html").is_file()
    assert len(list(rejected.iterdir())) == 4
    assert list(area.taken.iterdir()) == []


def test_a_receipt_that_is_gone_does_not_keep_the_drop_from_its_place(tmp_path: Path):
    taken = a_take(an_area(tmp_path))
    told = told_of(taken, Verdict.REJECTED, tmp_path / "receipts")
    shutil.rmtree(tmp_path / "receipts")

    placed = place(told, taken)

    assert placed is not None
    assert placed.is_dir()


def test_a_share_that_is_read_only_keeps_the_drop_and_its_answer_until_it_can_be_written(tmp_path: Path):
    with small_disk(tmp_path / "share", "2m") as disk:
        area = an_area(disk.point)
        taken = a_take(area)
        told = told_of(taken, Verdict.REJECTED, tmp_path / "receipts")
        disk.remount("ro")
        with pytest.raises(UnavailableError, match="it is then moved by itself"):
            place(told, taken)
        disk.remount("rw")
        assert list(takes_in(area)) == [taken]

        place(told, taken)

        assert (area.rejected / "maps/sheet-012").is_dir()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_what_waits_is_seen_where_people_look_until_it_is_answered(tmp_path: Path):
    area = an_area(tmp_path)
    first, second = a_take(area), a_take(area)
    for taken in (first, second):
        place(told_of(taken, Verdict.WAITING, tmp_path / "receipts"), taken)

    waiting = tmp_path / "waiting/maps"
    assert names_in(waiting) == {
        f"sheet-012{number}.receipt.{kind}" for number in ("", " (2)") for kind in ("html", "json")
    }
    assert (waiting / "sheet-012 (2).receipt.html").read_text() == f"{second.id}: waiting"

    place(told_of(first, Verdict.WAITING, tmp_path / "receipts"), first)
    place(told_of(first, Verdict.STORED, tmp_path / "receipts"), first)
    assert names_in(waiting) == {"sheet-012 (2).receipt.html", "sheet-012 (2).receipt.json"}
    place(told_of(second, Verdict.INTERRUPTED), second)
    assert names_in(waiting) == set()


def test_what_people_put_into_waiting_stays(tmp_path: Path):
    taken = a_take(an_area(tmp_path))
    waiting = tmp_path / "waiting/maps"
    place(told_of(taken, Verdict.WAITING, tmp_path / "receipts"), taken)
    (waiting / "sheet-012.receipt.html").write_text("My notes on this drop.")

    place(told_of(taken, Verdict.STORED, tmp_path / "receipts"), taken)

    assert names_in(waiting) == {"sheet-012.receipt.html"}
    assert not taken.folder.exists()


def test_a_share_without_a_place_for_what_waits_still_answers(tmp_path: Path):
    area = an_area(tmp_path)
    taken = a_take(area)
    area.waiting.rmdir()
    area.waiting.write_text("no folder")

    assert place(told_of(taken, Verdict.WAITING, tmp_path / "receipts"), taken) == taken.path
    placed = place(told_of(taken, Verdict.STORED, tmp_path / "receipts"), taken)

    assert placed == tmp_path / "accepted/maps/sheet-012"


def a_rejected_drop(tmp_path: Path, area: Area, name: str = "sheet-012") -> Path:
    taken = a_take(area, name)
    placed = place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)
    assert placed is not None
    return placed


def test_a_mended_drop_gets_back_the_name_that_the_service_took_from_it(tmp_path: Path):
    area = an_area(tmp_path)
    a_rejected_drop(tmp_path, area)
    numbered = a_rejected_drop(tmp_path, area)
    back = numbered.rename(area.inbox / "maps" / numbered.name)
    (back / "000.txt").write_text("mended")

    taken = take(found_complete(area, back), NOON)

    assert isinstance(taken, Take)
    assert (numbered.name, taken.name, str(taken.object_id)) == (
        "sheet-012 (2)",
        "sheet-012",
        "maps/sheet-012",
    )
    assert taken.tree == outline_of(taken.path).signature


def test_the_same_goes_for_a_single_file(tmp_path: Path):
    area = an_area(tmp_path)
    for _ in range(2):
        file = area.inbox / "maps/sheet.zip"
        file.write_text("a zip")
        taken = take(replace(found_complete(area, file), object_name=ObjectName("sheet")), NOON)
        assert isinstance(taken, Take)
        place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)
    numbered = tmp_path / "rejected/maps/sheet.zip (2)"
    back = numbered.rename(area.inbox / "maps" / numbered.name)
    # As the watcher names it, which knows of no number.
    taken = take(found_complete(area, back), NOON)

    assert isinstance(taken, Take)
    assert (taken.name, taken.object_name) == ("sheet.zip", "sheet")
    assert taken.tree == outline_of(taken.path).signature


@pytest.mark.parametrize("case", ["another folder", "never rejected"])
def test_a_number_that_the_service_did_not_give_stays(tmp_path: Path, case: str):
    area = an_area(tmp_path)
    a_rejected_drop(tmp_path, area)
    if case == "another folder":
        numbered = a_rejected_drop(tmp_path, area)
        keeps_its_inode = tmp_path / "elsewhere"
        numbered.rename(keeps_its_inode)
    own = a_drop(area, "sheet-012 (2)")

    taken = take(found_complete(area, own), NOON)

    assert isinstance(taken, Take)
    assert (taken.name, taken.object_name) == ("sheet-012 (2)", "sheet-012 (2)")


def test_what_is_kept_takes_the_receipts_of_its_rejections_along(tmp_path: Path):
    area = an_area(tmp_path)
    first, second = a_rejected_drop(tmp_path, area), a_rejected_drop(tmp_path, area)
    other = a_rejected_drop(tmp_path, area, "sheet-013")
    shutil.rmtree(other)
    shutil.rmtree(first)
    rejected = tmp_path / "rejected/maps"

    mended = a_take(area)
    place(told_of(mended, Verdict.STORED, tmp_path / "receipts"), mended)
    # What still lies there keeps its receipt, and so does another object.
    endings = ("receipt.html", "receipt.json", "reject-list.csv")
    receipts = {f"{second.name}.{ending}" for ending in endings}
    receipts |= {f"{other.name}.{ending}" for ending in endings}
    assert names_in(rejected) == {second.name, *receipts}

    shutil.rmtree(second)
    (rejected / f"{second.name}.receipt.html").write_text("My notes.")
    again = a_take(area)
    place(told_of(again, Verdict.ALREADY_KEPT, tmp_path / "receipts"), again)
    assert f"{second.name}.receipt.html" in names_in(rejected)
    assert not {f"{second.name}.receipt.json", f"{second.name}.reject-list.csv"} & names_in(rejected)


def test_receipts_of_what_waits_lie_beside_those_of_others_and_a_link_stops_no_answer(tmp_path: Path):
    area = an_area(tmp_path)
    taken = a_take(area)
    waiting = area.waiting / "maps"
    waiting.mkdir(parents=True)
    (waiting / "sheet-012.receipt.json").write_text("of another")

    place(told_of(taken, Verdict.WAITING, tmp_path / "receipts"), taken)

    assert sorted(path.name for path in waiting.iterdir()) == [
        "sheet-012 (2).receipt.html",
        "sheet-012 (2).receipt.json",
        "sheet-012.receipt.json",
    ]
    waiting.rename(tmp_path / "elsewhere")
    waiting.symlink_to(tmp_path / "elsewhere")
    place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)
    assert not taken.folder.exists()
    assert len(list((tmp_path / "elsewhere").iterdir())) == 3
