"""Drops in a bucket: waited for, claimed, fetched and answered, step by step, against people and kills."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from msgspec import structs
from services.small_disks import small_disk
from support.bucket_inboxes import (
    PAGES,
    SHEET,
    Station,
    WatchedBucket,
    away,
    content,
    drop_into,
    keys,
)
from support.bucket_watch import answer_all, watching_installation
from support.inbox_watch import watching
from support.inboxes import terms
from support.memory_drop_bucket import Contents
from support.takes import contents as files_in
from support.waiting import until

from flows.inboxes.bucket.download import DownloadProgress, StoppedError
from flows.inboxes.bucket.fetch import Fetcher, NotFetched
from flows.inboxes.bucket.report import BucketReport
from flows.inboxes.bucket.service import BucketInbox, orphaned_takes
from flows.inboxes.drop_names import KEPT
from flows.inboxes.queue.takes import Take, announce_take, take_folders
from flows.inboxes.recover import recover
from flows.inboxes.report import read_inbox_report
from flows.installation.areas import Area
from flows.installation.disk_space import DiskSpace
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.submission.drop import sidecars_of
from preservation.errors import UnavailableError
from preservation.model.issues import Issue, Severity
from preservation.model.paths import StoreKey
from preservation.model.verdicts import Verdict
from preservation.virus.codes import INFECTED
from storage.stores.s3.bucket import BucketAddress

RECEIPTS = [f"{SHEET}.receipt.html", f"{SHEET}.receipt.json"]


def another(tmp_path: Path, contents: Contents) -> Station:
    return Station(tmp_path / "theirs", WatchedBucket(contents), "theirs")


def answers(place: str) -> list[str]:
    reject_list = [f"{SHEET}.reject-list.csv"] if place == "rejected" else []
    return [f"{place}/{name}" for name in (*RECEIPTS, *reject_list)]


def restarted(station: Station) -> list[Take | NotFetched]:
    """What the next service makes of takes that have no drop yet."""
    return [station.fetcher.resume(take, DownloadProgress()) for take in station.fetcher.unfinished()]


def test_a_drop_that_grows_is_waited_for_and_taken_when_it_has_kept_still(
    station: Station, contents: Contents
):
    for name, page in PAGES.items():
        drop_into(contents, SHEET, {name: page})
        [waiting] = station.look().status.waiting
        assert waiting.sentence.startswith("waiting: ")
        assert waiting.path == f"memory://scans/inbox/{SHEET}"
    assert (waiting.files, waiting.bytes) == (3, 18)
    take = station.taken()
    assert files_in(take.path) == PAGES
    assert (str(take.object_id), take.bucket_inbox) == (SHEET, "scans")
    assert keys(contents, "processing/") == [f"processing/{SHEET}.json"]
    assert not take.arriving.exists()


def test_what_is_stored_leaves_the_inbox_and_its_receipts_are_in_the_bucket(
    station: Station, contents: Contents
):
    drop_into(contents, SHEET, PAGES)
    take = station.taken()
    station.answered(take, Verdict.STORED)
    assert keys(contents) == answers("accepted")
    assert b"stored" in content(contents, f"accepted/{RECEIPTS[0]}")
    assert files_in(station.area.accepted / SHEET) == PAGES
    assert (station.area.accepted / f"{SHEET}{KEPT}").exists()
    assert not take_folders(station.area)


def test_what_is_rejected_comes_back_unchanged_and_nothing_stays_here(station: Station, contents: Contents):
    drop_into(contents, SHEET, {**PAGES, "deeper/": b"", "deeper/notes.txt": b"notes"})
    take = station.taken()
    station.answered(take, Verdict.REJECTED)
    sent_back = {key.removeprefix(f"rejected/{SHEET}/") for key in keys(contents)} - set(answers("rejected"))
    assert sent_back == {*PAGES, "deeper/", "deeper/notes.txt"}
    assert content(contents, f"rejected/{SHEET}/page 1.tif") == b"page 1"
    assert b"rejected" in content(contents, f"rejected/{RECEIPTS[0]}")
    assert not take_folders(station.area)
    assert not files_in(station.area.rejected)


def test_what_is_rejected_again_gets_a_name_of_its_own(station: Station, contents: Contents):
    for text in (b"first", b"second"):
        drop_into(contents, SHEET, {"page.tif": text})
        station.answered(station.taken(), Verdict.REJECTED)
    assert content(contents, f"rejected/{SHEET}/page.tif") == b"first"
    assert content(contents, f"rejected/{SHEET} (2)/page.tif") == b"second"
    assert f"rejected/{SHEET} (2).receipt.html" in keys(contents)


def test_what_is_infected_is_in_quarantine_here_and_reported_there(station: Station, contents: Contents):
    drop_into(contents, SHEET, PAGES)
    infected = Issue(INFECTED, Severity.ERROR, "It is infected.", None, "Clean it.")
    station.answered(station.taken(), Verdict.REJECTED, infected)
    assert keys(contents) == answers("rejected")
    assert files_in(station.area.quarantine / SHEET) == PAGES


def test_one_file_is_a_drop_and_so_is_a_group_s_folder(tmp_path: Path, contents: Contents):
    grouped = Station(tmp_path / "ours", WatchedBucket(contents), asked=terms("settle = 10", "grouping = 1"))
    drop_into(contents, "maps/box-1/sheet.tar.gz", b"a bag")
    drop_into(contents, "maps/stray.tif", b"astray")
    take = grouped.taken()
    assert (str(take.object_id), take.path.read_bytes()) == ("maps/box-1__sheet", b"a bag")
    [astray] = grouped.look().status.passed_over
    assert astray.path.endswith("inbox/maps/stray.tif")
    grouped.answered(take, Verdict.REJECTED)
    assert content(contents, "rejected/maps/box-1/sheet.tar.gz") == b"a bag"
    assert "rejected/maps/box-1/sheet.tar.gz.receipt.html" in keys(contents)


def test_a_sentinel_beside_is_waited_for_and_goes_where_the_drop_goes(tmp_path: Path, contents: Contents):
    asked = terms("settle = 10", 'complete_when = "sentinel"', 'sentinels = [".done"]')
    station = Station(tmp_path / "ours", WatchedBucket(contents), asked=asked)
    drop_into(contents, SHEET, PAGES)
    for _ in range(4):
        [waiting] = station.look().status.waiting
    assert waiting.reason == "sentinel"
    drop_into(contents, f"{SHEET}.done", b"")
    [listed] = station.look().complete
    take = station.fetcher.fetch(listed, DownloadProgress())
    assert isinstance(take, Take)
    station.answered(take, Verdict.REJECTED)
    assert not keys(contents, "inbox/")
    assert f"rejected/{SHEET}.done" in keys(contents)


PLATE = "maps/plate-7.tif"


def test_the_manifest_of_one_file_is_fetched_with_it_and_goes_the_same_way(
    station: Station, contents: Contents
):
    drop_into(contents, PLATE, b"a plate")
    drop_into(contents, f"{PLATE}.MD5", b"its digest")
    drop_into(contents, f"{PLATE}.sha256", b"another")
    take = station.taken()
    assert files_in(take.beside.path) == {"plate-7.tif.MD5": b"its digest", "plate-7.tif.sha256": b"another"}
    assert [one.name for one in sidecars_of(take.path)] == ["plate-7.tif.MD5", "plate-7.tif.sha256"]
    assert (take.files, take.bytes) == (3, 24)
    # What somebody puts in its place meanwhile is the next one, and not what was compared.
    drop_into(contents, f"{PLATE}.sha256", b"a third")

    station.answered(take, Verdict.REJECTED)

    assert content(contents, f"rejected/{PLATE}.MD5") == b"its digest"
    assert content(contents, f"rejected/{PLATE}.sha256") == b"another"
    assert keys(contents, "inbox/") == [f"inbox/{PLATE}.sha256"]
    assert not take_folders(station.area)
    looked = station.settled()
    assert not looked.complete
    [left] = looked.status.passed_over
    assert "which is not here" in left.sentence


def test_the_manifest_of_a_kept_file_lies_beside_it_in_accepted(station: Station, contents: Contents):
    drop_into(contents, PLATE, b"a plate")
    drop_into(contents, f"{PLATE}.md5", b"its digest")
    station.answered(station.taken(), Verdict.STORED)
    kept = files_in(station.area.accepted / "maps")
    assert (kept["plate-7.tif"], kept["plate-7.tif.md5"]) == (b"a plate", b"its digest")
    assert not keys(contents, "inbox/")
    assert not take_folders(station.area)


def test_a_file_is_waited_for_while_its_manifest_changes_and_not_taken_with_one_that_was_replaced(
    station: Station, contents: Contents
):
    drop_into(contents, PLATE, b"a plate")
    for number in range(4):
        drop_into(contents, f"{PLATE}.md5", b"%d" % number)
        assert not station.look().complete
    [listed] = station.settled().complete
    drop_into(contents, f"{PLATE}.md5", b"another")
    refused = station.fetcher.fetch(listed, DownloadProgress())
    assert isinstance(refused, NotFetched)
    assert "replaced while it was being taken" in refused.sentence
    assert not take_folders(station.area)

    def replaced(key: str) -> None:
        if key.endswith(".md5"):
            drop_into(contents, f"{PLATE}.md5", b"once more")

    bucket = station.bucket
    assert isinstance(bucket, WatchedBucket)
    [listed] = station.settled().complete
    bucket.before["open"] = replaced
    assert isinstance(station.fetcher.fetch(listed, DownloadProgress()), NotFetched)
    assert not take_folders(station.area)
    assert not keys(contents, "processing/")


def test_a_manifest_that_is_named_for_no_file_is_no_drop_and_is_named(station: Station, contents: Contents):
    drop_into(contents, f"{SHEET}.md5", b"a digest")
    drop_into(contents, "maps/gone.tif.md5", b"a digest")
    drop_into(contents, SHEET, PAGES)
    looked = station.settled()
    assert [listed.place.name for listed in looked.complete] == ["sheet-012"]
    gone, of_folder = (entry.sentence for entry in looked.status.passed_over)
    assert "the manifest of gone.tif, which is not here" in gone
    assert "the manifest of the folder sheet-012, and nothing is compared with it here" in of_folder


def test_a_manifest_is_held_against_what_is_there(tmp_path: Path, contents: Contents):
    asked = terms("settle = 10", 'complete_when = "manifest"')
    station = Station(tmp_path / "ours", WatchedBucket(contents), asked=asked)
    digest = "0" * 64
    listed = f"{digest}  page 0.tif\n{digest}  deeper/last.tif\n".encode()
    drop_into(contents, SHEET, {"manifest-sha256.txt": listed, "page 0.tif": b"page"})
    for _ in range(4):
        looked = station.look()
        assert not looked.complete
    assert "waiting for deeper/last.tif, which manifest-sha256.txt names" in looked.status.waiting[0].sentence
    drop_into(contents, SHEET, {"deeper/last.tif": b"last"})
    assert station.settled().complete


def test_temporary_names_hidden_ones_and_junk_are_as_in_folders(station: Station, contents: Contents):
    drop_into(contents, SHEET, {"page.tif.part/half": b"half"})
    drop_into(contents, "maps/other.tmp", b"unfinished")
    drop_into(contents, "maps/Thumbs.db", b"junk")
    drop_into(contents, "maps/.hidden/x", b"hidden")
    drop_into(contents, "maps/empty/", b"")
    looked = station.settled()
    assert not looked.complete
    assert {waiting.reason for waiting in looked.status.waiting} == {"renaming", "content"}
    assert [entry.path.rpartition("/")[2] for entry in looked.status.passed_over] == [
        ".hidden",
        "Thumbs.db",
        "other.tmp",
    ]


@pytest.mark.parametrize(
    ("hostile", "named"),
    [
        (f"{SHEET}/../../../etc/passwd", ".."),
        (f"{SHEET}//etc/passwd", "absolute"),
        (f"{SHEET}/a//b", "empty"),
        (f"{SHEET}/a/./b", "'.'"),
        (f"{SHEET}/{'x' * 256}", "255 bytes"),
        (f"{SHEET}/bro\ufffdken", "broken"),
        (f"{SHEET}/folder/", "has bytes"),
        (SHEET, "others lie below it"),
        (f"{SHEET}/{'x/' * 495}y", "so long"),
    ],
)
def test_a_key_that_can_be_no_file_keeps_its_drop_where_it_is_and_is_named(
    station: Station, contents: Contents, hostile: str, named: str
):
    drop_into(contents, SHEET, PAGES)
    drop_into(contents, "maps/sound", PAGES)
    drop_into(contents, hostile, b"bytes")
    looked = station.settled()
    assert [str(listed.place.name) for listed in looked.complete] == ["sound"]
    [told] = looked.status.passed_over
    assert named in told.sentence
    assert told.path.endswith("inbox/maps/sheet-012")


@pytest.mark.parametrize("key", ["maps/../x", "maps//x", "../x", "x", "other/x", "/x"])
def test_keys_outside_of_any_drop_are_named_and_left(station: Station, contents: Contents, key: str):
    drop_into(contents, key, b"bytes")
    looked = station.settled()
    assert not looked.complete
    assert not looked.status.waiting
    assert len(looked.status.passed_over) == 1


def test_names_that_cannot_stand_beside_each_other_are_refused_for_good(station: Station, contents: Contents):
    drop_into(contents, SHEET, {"page": b"a file", "page/1": b"in a folder"})
    [listed] = station.settled().complete
    refused = station.fetcher.fetch(listed, DownloadProgress())
    assert isinstance(refused, NotFetched)
    assert refused.for_good
    assert "cannot be a file or a folder beside the others" in refused.sentence
    assert keys(contents, "processing/") == []
    assert not take_folders(station.area)


def test_what_was_refused_for_good_is_reported_and_not_tried_again_until_it_is_another(
    station: Station, bucket: WatchedBucket, contents: Contents
):
    report = BucketReport(bucket, lambda: None)
    drop_into(contents, SHEET, {"page": b"a file", "page/1": b"in a folder"})
    [(listed, progress)] = report.record_listing(station.settled())
    assert [waiting.reason for waiting in report.status.waiting] == ["fetching"]
    refused = station.fetcher.fetch(listed, progress)
    assert isinstance(refused, NotFetched)
    report.record_refused(listed, refused)
    assert not report.record_listing(station.settled())
    [told] = report.status.faults
    assert told.sentence == refused.sentence
    del contents.objects[StoreKey(f"inbox/{SHEET}/page")]
    [(mended, progress)] = report.record_listing(station.settled())
    taken = station.fetcher.fetch(mended, progress)
    assert isinstance(taken, Take)
    report.record_fetched(mended.place)
    assert not report.status.faults
    assert not report.status.waiting


def test_of_two_installations_one_gets_a_drop_and_the_other_says_who(
    station: Station, contents: Contents, tmp_path: Path
):
    theirs = another(tmp_path, contents)
    drop_into(contents, SHEET, PAGES)
    [listed] = theirs.settled().complete
    take = station.taken()
    assert theirs.fetcher.fetch(listed, DownloadProgress()) == NotFetched()
    assert not take_folders(theirs.area)
    [waiting] = theirs.look().status.waiting
    assert waiting.reason == "claimed"
    assert f"another installation works on it ({take.by}, since" in waiting.sentence
    assert not station.look().status.waiting
    station.answered(take, Verdict.STORED)
    assert not theirs.look().status.waiting


def test_a_drop_that_changed_since_it_was_listed_is_given_back(station: Station, contents: Contents):
    drop_into(contents, SHEET, PAGES)
    [listed] = station.settled().complete
    drop_into(contents, SHEET, {"page 3.tif": b"one more"})
    refused = station.fetcher.fetch(listed, DownloadProgress())
    assert isinstance(refused, NotFetched)
    assert refused.sentence == "waiting: it was replaced while it was being taken"
    assert keys(contents, "processing/") == []
    assert files_in(station.taken().path) == {**PAGES, "page 3.tif": b"one more"}


def test_an_object_overwritten_while_it_is_fetched_gives_the_drop_back(
    station: Station, bucket: WatchedBucket, contents: Contents
):
    drop_into(contents, SHEET, PAGES)
    [listed] = station.settled().complete
    bucket.before["open"] = lambda _: drop_into(contents, SHEET, {"page 2.tif": b"overwritten"})
    assert isinstance(station.fetcher.fetch(listed, DownloadProgress()), NotFetched)
    assert keys(contents, "processing/") == []
    bucket.before.clear()
    assert files_in(station.taken().path)["page 2.tif"] == b"overwritten"


@pytest.mark.parametrize("verdict", [Verdict.STORED, Verdict.REJECTED])
def test_an_object_overwritten_after_it_was_fetched_stays_and_is_the_next_drop(
    station: Station, contents: Contents, verdict: Verdict
):
    drop_into(contents, SHEET, PAGES)
    take = station.taken()
    drop_into(contents, SHEET, {"page 2.tif": b"overwritten"})
    station.answered(take, verdict)
    assert keys(contents, "inbox/") == [f"inbox/{SHEET}/page 2.tif"]
    if verdict is Verdict.REJECTED:
        assert content(contents, f"rejected/{SHEET}/page 2.tif") == b"page 2"
    assert files_in(station.taken().path) == {"page 2.tif": b"overwritten"}


def test_a_drop_for_which_there_is_no_room_is_not_claimed(
    station: Station, contents: Contents, monkeypatch: pytest.MonkeyPatch
):
    drop_into(contents, SHEET, PAGES)
    [listed] = station.settled().complete
    monkeypatch.setattr("flows.installation.disk_space._space", lambda _: DiskSpace(1, 0, 10))
    refused = station.fetcher.fetch(listed, DownloadProgress())
    assert isinstance(refused, NotFetched)
    assert "it needs 18 bytes; 10 bytes are free" in refused.sentence
    assert keys(contents, "processing/") == []


def test_a_disk_that_is_full_after_all_gives_the_drop_back_and_it_is_fetched_when_there_is_room(
    tmp_path: Path, bucket: WatchedBucket, contents: Contents, monkeypatch: pytest.MonkeyPatch
):
    page = os.urandom(3 << 20)
    with small_disk(tmp_path / "disk", "16m") as disk:
        station = Station(disk.point / "ours", bucket)
        drop_into(contents, SHEET, {"page.tif": page})
        [listed] = station.settled().complete
        ballast = disk.fill(leaving=(2 << 20) + 12_345)
        with monkeypatch.context() as wrong:
            wrong.setattr("flows.installation.disk_space._space", lambda _: None)
            refused = station.fetcher.fetch(listed, DownloadProgress())
        assert isinstance(refused, NotFetched)
        assert "No space left on device" in refused.sentence
        assert not take_folders(station.area)
        assert keys(contents, "processing/") == []
        ballast.unlink()
        assert files_in(station.taken().path) == {"page.tif": page}


def test_a_fetch_that_was_stopped_is_gone_on_with_and_what_is_here_is_not_fetched_again(
    station: Station, bucket: WatchedBucket, contents: Contents
):
    drop_into(contents, SHEET, PAGES)
    [listed] = station.settled().complete
    opened: list[str] = []

    def stop_at_the_last(key: str) -> None:
        if len(opened) == len(PAGES) - 1:
            station.stopped.set()
        opened.append(key)

    station.fetcher = Fetcher(bucket, station.claims, station.area, 1, station.stopped)
    bucket.before["open"] = stop_at_the_last
    with pytest.raises(StoppedError):
        station.fetcher.fetch(listed, station.progress)
    recover(station.area)
    station.stopped.clear()
    assert not station.look(0).status.waiting
    [take] = restarted(station)
    assert isinstance(take, Take)
    assert files_in(take.path) == PAGES
    # The one that was just on its way is fetched again, and no other.
    assert len(opened) == len(PAGES) + 1
    station.answered(take, Verdict.STORED)
    assert keys(contents) == answers("accepted")


def test_what_was_fetched_before_the_machine_went_down_is_fetched_again(
    station: Station, bucket: WatchedBucket, contents: Contents
):
    drop_into(contents, SHEET, PAGES)
    [listed] = station.settled().complete
    bucket.before["open"] = lambda key: away(key) if key.endswith("2.tif") else None
    with pytest.raises(UnavailableError):
        station.fetcher.fetch(listed, DownloadProgress())
    bucket.before.clear()
    [take] = station.fetcher.unfinished()
    # As a disk has it that was not written to in time: the size is there, the bytes are not.
    for arrived in (take.arrived.path / take.name).iterdir():
        arrived.write_bytes(b"\0" * arrived.stat().st_size)
    announce_take(structs.replace(take, by=structs.replace(take.by, born="another-boot 12")))
    [take] = restarted(station)
    assert isinstance(take, Take)
    assert files_in(take.path) == PAGES


def test_a_bucket_that_goes_away_while_it_is_fetched_is_waited_for(
    station: Station, bucket: WatchedBucket, contents: Contents
):
    drop_into(contents, SHEET, PAGES)
    [listed] = station.settled().complete
    bucket.before["open"] = away
    with pytest.raises(UnavailableError):
        station.fetcher.fetch(listed, DownloadProgress())
    with pytest.raises(UnavailableError):
        restarted(station)
    bucket.before.clear()
    [take] = restarted(station)
    assert isinstance(take, Take)
    assert files_in(take.path) == PAGES


@pytest.mark.parametrize("act", ["put", "copy", "remove"])
@pytest.mark.parametrize("verdict", [Verdict.STORED, Verdict.REJECTED])
def test_an_answer_waits_for_a_bucket_that_is_away_and_is_brought_once_it_is_back(
    station: Station, bucket: WatchedBucket, contents: Contents, act: str, verdict: Verdict
):
    drop_into(contents, SHEET, PAGES)
    take = station.taken()
    station.ended(take, verdict)
    happened = threading.Event()

    def away_from_the_second_on(key: str) -> None:
        if happened.is_set():
            away(key)
        happened.set()

    bucket.before[act] = away_from_the_second_on
    if (act, verdict) != ("copy", Verdict.STORED):
        with pytest.raises(UnavailableError):
            station.answering.answer(take)
    bucket.before.clear()
    recover(station.area)
    station.answering.answer(take)
    place = "accepted" if verdict is Verdict.STORED else "rejected"
    assert not keys(contents, "inbox/")
    assert not keys(contents, "processing/")
    assert set(answers(place)) <= set(keys(contents))
    assert not take_folders(station.area)


def test_a_claim_of_ours_without_a_take_is_removed_after_a_while_and_that_of_others_never(
    station: Station, contents: Contents, tmp_path: Path
):
    theirs = another(tmp_path, contents)
    drop_into(contents, SHEET, PAGES)
    drop_into(contents, "maps/other", PAGES)
    listed = {one.place.name: one for one in station.settled().complete}
    for claims, name in ((station.claims, "sheet-012"), (theirs.claims, "other")):
        take = theirs.fetcher._new_take(listed[name])
        assert claims.put(listed[name].place, take.id, take.at)
    for _ in range(3):
        station.look(40)
    assert keys(contents, "processing/") == ["processing/maps/other.json"]


def test_a_take_whose_claim_is_gone_before_it_was_fetched_is_given_up(
    station: Station, bucket: WatchedBucket, contents: Contents
):
    drop_into(contents, SHEET, PAGES)
    [listed] = station.settled().complete
    bucket.before["open"] = away
    with pytest.raises(UnavailableError):
        station.fetcher.fetch(listed, DownloadProgress())
    bucket.before.clear()
    del contents.objects[StoreKey(f"processing/{SHEET}.json")]
    assert restarted(station) == [NotFetched()]
    assert not take_folders(Area(station.area.root))
    assert keys(contents, "inbox/") == [f"inbox/{SHEET}/{name}" for name in PAGES]


def test_a_claim_that_cannot_be_read_is_of_another_installation(station: Station, contents: Contents):
    drop_into(contents, SHEET, PAGES)
    contents.place(StoreKey(f"processing/{SHEET}.json"), b"\xff no claim")
    [waiting] = station.settled().status.waiting
    assert waiting.sentence == "waiting: an installation whose claim cannot be read works on it"


def test_listing_again_is_left_for_as_long_as_keeps_it_cheap_and_no_longer(
    station: Station, contents: Contents
):
    spent = iter([0.0, 1.0, 1.0, 2.0, 2.0, 202.0])
    watcher = station._watcher
    watcher.cpu = lambda: next(spent)
    assert station.look().again == 5 + 100
    drop_into(contents, SHEET, PAGES)
    assert station.look().again == 10 + 10
    assert station.look().again == 15 + 600


def test_a_take_whose_bucket_inbox_is_in_the_settings_no_more_is_reported(
    tmp_path: Path, bucket: WatchedBucket, contents: Contents
):
    make_installation(tmp_path / "ours")
    station = Station(tmp_path / "ours", bucket)
    drop_into(contents, SHEET, PAGES)
    take = station.taken()
    [told] = orphaned_takes(load_settings(tmp_path / "ours"))
    assert told.path == take.folder
    assert "the bucket inbox scans, which is no longer in muniment.toml" in told.sentence


class MachineError(BaseException):
    """What no program can go on after."""


def test_what_ends_a_thread_by_itself_ends_the_watching(tmp_path: Path):
    make_installation(tmp_path / "ours")
    with (tmp_path / "ours" / "muniment.toml").open("a") as file:
        file.write('\n[[bucket_inbox]]\nname = "scans"\nbucket = "scans"\n')
    settings = load_settings(tmp_path / "ours")
    bucket = WatchedBucket(Contents())

    def broken(_: str) -> None:
        raise MachineError("out of order")

    bucket.before["list"] = broken
    inbox = BucketInbox(settings, settings.bucket_inbox[0], lambda _: None, lambda: None, bucket)
    inbox.start()
    with pytest.raises(MachineError, match="out of order"):
        until(inbox.require_alive)
    inbox.stop()
    inbox.wait()


def test_a_bucket_that_is_away_holds_up_nothing_else_and_is_gone_on_with_when_it_is_back(
    tmp_path: Path, bucket: WatchedBucket, contents: Contents
):
    settings = watching_installation(tmp_path / "ours", BucketAddress("scans", "", "http://nobody.example"))
    inbox = settings.areas[0].inbox / "files" / "beside"
    bucket.before["list"] = away
    drop_into(contents, "files/meanwhile", PAGES)
    with watching(settings, lambda _: bucket) as taken:
        until(lambda: (told := read_inbox_report(settings)) and told.faults)
        told = read_inbox_report(settings)
        assert told is not None
        assert told.faults[0].path == "memory://scans/inbox/"
        inbox.mkdir()
        (inbox / "page.tif").write_bytes(b"page")
        until(lambda: taken)
        bucket.before.clear()
        until(lambda: len(taken) == 2)
        assert [take.name for take in taken] == ["beside", "meanwhile"]
        answer_all(settings, tmp_path / "receipts")
        until(lambda: "accepted/files/meanwhile.receipt.html" in keys(contents))
        until(lambda: (told := read_inbox_report(settings)) and not told.faults)
