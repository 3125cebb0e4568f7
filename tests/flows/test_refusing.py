"""Drops that wait for a person: shown where people look, approved or refused wherever they came from."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.archives import Archive
from support.bucket_inboxes import SHEET, Station, content, drop_into, keys
from support.command_runs import NearArchive, near
from support.flow_runs import surroundings
from support.memory_drop_bucket import Contents
from support.plain_runs import run_plainly
from support.takes import found_complete

from flows.inboxes.folder.take import take
from flows.inboxes.queue.backlog import Backlog
from flows.inboxes.queue.takes import Take
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.submission.answer import SubmissionResult
from flows.submission.drop import DropRequest
from flows.submission.workspace import Refusal, Workspace
from preservation.model.identifiers import CollectionName
from preservation.model.paths import StoreKey
from preservation.model.verdicts import Verdict


@pytest.fixture
def asking(installation: Archive) -> NearArchive:
    """An installation whose images ask an archivist about what is no image."""
    settings = installation.directory / "muniment.toml"
    settings.write_text(f'{settings.read_text()}\n[alarms]\ncontact = "the desk in room 12"\n')
    return near(installation)


def waiting_take(archive: Archive, name: str, file: str = "letter.raw8") -> Take:
    """A drop from the inbox whose run has ended as waiting."""
    settings = load_settings(archive.directory)
    area = settings.areas[0]
    area.make_folders()
    drop = area.inbox / "images" / name
    drop.mkdir(parents=True)
    (drop / file).write_bytes(b"\x01\x02\x03" * len(file) * 10)
    taken = take(found_complete(area, drop, collection=CollectionName("images")), now())
    assert isinstance(taken, Take)
    assert preserved(archive, taken.as_drop).ending.verdict is Verdict.WAITING
    return taken


def preserved(archive: Archive, drop: DropRequest) -> SubmissionResult:
    with surroundings(archive):
        [result] = run_plainly(load_settings(archive.directory), [drop]).results
    return result


def answer(archive: NearArchive, verb: str, *more: str) -> subprocess.CompletedProcess[str]:
    return archive.run(verb, "images/odd", "--because", "It is no scan.", "--by", "A. Turner", *more)


def ends(archive: NearArchive) -> list[dict[str, str]]:
    """How the submissions of the object ended, the oldest first."""
    found = json.loads(archive.run("status", "images/odd", "--json").stdout)
    return sorted(found["tries"], key=lambda one: one["received_at"])


def tries(archive: NearArchive) -> list[str]:
    """The verdicts of these ends."""
    return [one["verdict"] for one in ends(archive)]


def events_of(archive: Archive, name: str) -> list[tuple[str, str, str]]:
    with open_installation(load_settings(archive.directory)) as opened:
        return [(one.event_type, one.detail, one.note) for one in opened.journal.about(name, 100)]


def test_a_drop_from_an_inbox_waits_in_sight_and_is_refused(asking: NearArchive):
    taken = waiting_take(asking, "odd")
    waiting, rejected = asking.directory / "waiting/images", asking.directory / "rejected/images"
    page = (waiting / "odd.receipt.html").read_text()
    fields = json.loads((waiting / "odd.receipt.json").read_text())

    assert "muniment refuse images/odd --because" in page
    assert page.count("the desk in room 12") == 1
    assert "inbox/images/odd" in page
    assert ".taken" not in page
    assert "clamd" not in page.partition("<details>")[0]
    assert fields["how_to_answer"][0].startswith("muniment approve images/odd ")

    tried = json.loads(answer(asking, "refuse", "--dry-run", "--json").stdout)
    assert (tried["dry_run"], tried["receipt"]) == (True, None)
    assert "letter.raw8" in tried["waited_for"]
    assert (waiting / "odd.receipt.html").exists()

    done = answer(asking, "refuse", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["receipt"].endswith(".html")
    assert (rejected / "odd/letter.raw8").exists()
    assert list(waiting.iterdir()) == []
    receipt = json.loads((rejected / "odd.receipt.json").read_text())
    assert receipt["verdict"] == "rejected"
    assert (receipt["decision"]["by"], receipt["decision"]["because"]) == ("A. Turner", "It is no scan.")
    assert receipt["decision"]["approves"] is False
    assert "Refused by A. Turner" in (rejected / "odd.receipt.html").read_text()
    about = events_of(asking, "images/odd")
    assert ("policy assignment", "refused: it is not to be kept", "It is no scan.") in about
    assert [detail for kind, detail, _ in about if kind == "ingestion end"] == ["waiting", "rejected"]
    assert not taken.folder.exists()
    assert Backlog(load_settings(asking.directory).areas).pending() == []
    assert list(asking.kept()) == []
    assert answer(asking, "refuse").returncode == 6


def test_a_refusal_is_told_apart_from_the_submission_that_took_its_folder(asking: NearArchive):
    first = waiting_take(asking, "odd")
    # A later drop of the object has its folder in processing/ now, and waits too.
    second = waiting_take(asking, "odd")

    assert tries(asking) == ["waiting", "waiting"]
    assert answer(asking, "refuse").returncode == 0
    assert not first.folder.exists()
    assert second.has_drop
    assert (asking.directory / "waiting/images/odd (2).receipt.html").exists()
    assert tries(asking) == ["rejected", "waiting"]
    assert answer(asking, "refuse").returncode == 0
    assert not second.folder.exists()
    assert tries(asking) == ["rejected", "rejected"]
    # Each has one receipt, that of its end.
    receipts = (asking.directory / "receipts/images/odd").glob("*.json")
    assert [json.loads(one.read_text())["verdict"] for one in receipts] == ["rejected", "rejected"]


def test_an_approval_counts_though_another_drop_had_the_folder_and_only_for_what_was_asked(
    asking: NearArchive,
):
    first = waiting_take(asking, "odd")
    second = waiting_take(asking, "odd", "other.raw8")

    def approved(one: Take) -> SubmissionResult:
        return preserved(asking, replace(one.as_drop, approved_by="A. Turner", because="It is no scan."))

    kept = approved(first)
    assert (kept.ending.verdict, kept.ending.package and kept.ending.package.version) == (Verdict.STORED, 1)
    assert ("policy assignment", "approved to be kept as it is", "It is no scan.") in events_of(
        asking, "images/odd"
    )
    # The submission that waited does so no more, and its own end says where it went on.
    assert tries(asking) == ["interrupted", "waiting", "stored"]
    waited, _, went_on = ends(asking)
    assert "approved by A. Turner" in waited["sentence"]
    assert waited["sentence"].endswith(f"as submission {went_on['submission']}.")

    # Nobody was asked whether it may follow what is kept since.
    asked = approved(second)
    assert asked.ending.verdict is Verdict.WAITING
    assert {"VER-007"} <= {one.code for one in asked.issues}
    assert asked.receipt is not None
    assert "Approved by" not in asked.receipt.read_text()
    kept = approved(second)
    assert (kept.ending.verdict, kept.ending.package and kept.ending.package.version) == (Verdict.STORED, 2)
    assert "waiting" not in tries(asking)


def test_a_refusal_that_was_stopped_does_not_stand_in_the_answer_to_what_is_approved_then(
    asking: NearArchive, tmp_path: Path
):
    a_given_drop(asking, tmp_path)
    # As a kill leaves it, after the refusal was recorded and before the end was.
    workspace = Workspace(asking.directory / "processing/images/odd")
    workspace.refusal.write([Refusal("B. Early", "It is no scan.", now())])

    assert answer(asking, "approve").returncode == 0

    assert all("refused" not in detail for _, detail, _ in events_of(asking, "images/odd"))
    [receipt] = (asking.directory / "receipts/images/odd").glob("*.json")
    assert json.loads(receipt.read_text())["decision"]["approves"] is True


def a_given_drop(archive: NearArchive, tmp_path: Path) -> Path:
    drop = tmp_path / "scans/odd"
    drop.mkdir(parents=True)
    (drop / "letter.raw8").write_bytes(b"\x01\x02\x03" * 100)
    assert archive.run("preserve", drop, "-c", "images").returncode == 7
    return drop


def test_a_drop_given_to_preserve_is_refused_where_it_lies(asking: NearArchive, tmp_path: Path):
    drop = a_given_drop(asking, tmp_path)

    assert answer(asking, "refuse").returncode == 0

    assert (drop / "letter.raw8").exists()
    assert not (asking.directory / "processing/images/odd").exists()
    assert ("policy assignment", "refused: it is not to be kept", "It is no scan.") in events_of(
        asking, "images/odd"
    )


def test_a_drop_given_to_preserve_is_approved_too_and_nothing_asks_any_more(
    asking: NearArchive, tmp_path: Path
):
    a_given_drop(asking, tmp_path)
    tried = answer(asking, "approve", "--dry-run")
    assert (tried.returncode, "would be approved" in tried.stdout) == (0, True)

    done = answer(asking, "approve")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("STORED  images/odd")
    assert "An archivist decides" not in done.stdout
    assert "Approved by A. Turner." in done.stdout
    [page] = (asking.directory / "receipts/images/odd").glob("*.html")
    assert "A. Turner" in page.read_text()
    assert "It is no scan." in page.read_text()


def test_what_waits_in_a_bucket_is_seen_there(station: Station, contents: Contents):
    drop_into(contents, SHEET, {"page 1.tif": b"one"})
    taken = station.taken()
    names = [f"waiting/{SHEET}.receipt.{kind}" for kind in ("html", "json")]

    station.ended(taken, Verdict.WAITING)
    station.answering.show_waiting(taken)
    assert keys(contents, "waiting/") == names
    assert content(contents, names[0]).decode() == f"{taken.id}: waiting"
    station.ended(taken, Verdict.INTERRUPTED)
    station.answering.show_waiting(taken)
    assert keys(contents, "waiting/") == []
    station.ended(taken, Verdict.WAITING)
    station.answering.show_waiting(taken)
    station.answered(taken, Verdict.STORED)
    assert keys(contents, "waiting/") == []


def test_what_is_kept_takes_the_receipts_of_its_rejections_along_in_a_bucket_too(
    station: Station, contents: Contents
):
    for verdict in (Verdict.REJECTED, Verdict.REJECTED, Verdict.STORED):
        drop_into(contents, SHEET, {"page 1.tif": b"one"})
        station.answered(station.taken(), verdict)
        # The first one was fetched away to be mended; the second still lies there.
        contents.objects.pop(f"rejected/{SHEET}/page 1.tif", None)

    still_there = f"rejected/{SHEET} (2)"
    assert keys(contents, "rejected/") == [
        f"{still_there}.receipt.html",
        f"{still_there}.receipt.json",
        f"{still_there}.reject-list.csv",
        f"{still_there}/page 1.tif",
    ]


def test_what_others_have_in_waiting_in_a_bucket_is_neither_replaced_nor_removed(
    station: Station, contents: Contents
):
    others = StoreKey(f"waiting/{SHEET}.receipt.html")
    contents.place(others, b"of another drop of that name")
    drop_into(contents, SHEET, {"page 1.tif": b"one"})
    taken = station.taken()

    station.ended(taken, Verdict.WAITING)
    station.answering.show_waiting(taken)

    own = [f"waiting/{SHEET} (2).receipt.{kind}" for kind in ("html", "json")]
    assert keys(contents, "waiting/") == [*own, others]
    station.answered(taken, Verdict.STORED)
    assert keys(contents, "waiting/") == [others]
    assert content(contents, others) == b"of another drop of that name"
