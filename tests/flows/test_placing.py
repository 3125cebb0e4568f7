from __future__ import annotations

import json
import shutil
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
from preservation.errors import UnavailableError
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
    assert len(list(rejected.iterdir())) == 3


def test_a_second_rejected_drop_of_the_name_gets_a_number_and_so_does_its_receipt(tmp_path: Path):
    area = an_area(tmp_path)
    for _ in range(3):
        taken = a_take(area)
        place(told_of(taken, Verdict.REJECTED, tmp_path / "receipts"), taken)

    names = {path.name for path in (tmp_path / "rejected/maps").iterdir()}
    assert names == {
        f"sheet-012{number}{ending}"
        for number in ("", " (2)", " (3)")
        for ending in ("", ".receipt.html", ".receipt.json")
    }


def test_the_receipt_of_a_drop_that_was_fetched_away_is_replaced(tmp_path: Path):
    area = an_area(tmp_path)
    first, rejected = a_take(area), tmp_path / "rejected/maps"
    place(told_of(first, Verdict.REJECTED, tmp_path / "receipts"), first)
    shutil.rmtree(rejected / "sheet-012")
    second = a_take(area)

    place(told_of(second, Verdict.REJECTED, tmp_path / "receipts"), second)

    assert (rejected / "sheet-012.receipt.html").read_text() == f"{second.id}: rejected"
    assert len(list(rejected.iterdir())) == 3


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
    assert len(list(rejected.iterdir())) == 3
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
