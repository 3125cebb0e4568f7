"""Bucket inboxes where others mean harm, or much goes wrong at once: names, claims, takes, room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.bucket_inboxes import PAGES, SHEET, Station, WatchedBucket, away, content, drop_into, keys
from support.bucket_watch import answer_all, watching_installation
from support.inboxes import terms
from support.memory_drop_bucket import Contents
from support.takes import contents as files_in
from support.waiting import until

from flows.inboxes.bucket import service, watcher
from flows.inboxes.bucket.download import DownloadProgress, StoppedError
from flows.inboxes.bucket.fetch import NotFetched
from flows.inboxes.bucket.service import BucketInbox
from flows.inboxes.queue.takes import Take, new_take_id, remove_take, take_folders
from flows.installation.disk_space import DiskSpace, require_room_for_drop, reserve_space
from flows.installation.processes import this_process
from flows.installation.settings import Settings
from preservation.errors import DeniedError, StoreFullError
from preservation.model.paths import StoreKey
from preservation.model.verdicts import Verdict
from storage.stores.s3.bucket import BucketAddress

MANIFEST = terms("settle = 10", 'complete_when = "manifest"')


@pytest.mark.parametrize("ending", [".receipt.html", ".receipt.json"])
def test_a_drop_that_is_called_as_a_receipt_is_never_replaced_by_one(
    station: Station, contents: Contents, ending: str
):
    drop_into(contents, f"{SHEET}{ending}", b"an original")
    station.answered(station.taken(), Verdict.REJECTED)
    drop_into(contents, SHEET, PAGES)
    station.answered(station.taken(), Verdict.REJECTED)
    assert content(contents, f"rejected/{SHEET}{ending}") == b"an original"
    assert content(contents, f"rejected/{SHEET} (2)/page 1.tif") == b"page 1"
    assert b"rejected" in content(contents, f"rejected/{SHEET} (2).receipt.html")


def test_a_drop_is_never_replaced_by_a_sentinel_that_comes_back(tmp_path: Path, contents: Contents):
    asked = terms("settle = 10", 'complete_when = "sentinel"', 'sentinels = [".done"]')
    station = Station(tmp_path / "ours", WatchedBucket(contents), asked=asked)
    contents.place(StoreKey(f"rejected/{SHEET}.done"), b"an original")
    drop_into(contents, SHEET, PAGES)
    drop_into(contents, f"{SHEET}.done", b"")
    station.answered(station.taken(), Verdict.REJECTED)
    assert content(contents, f"rejected/{SHEET}.done") == b"an original"
    assert content(contents, f"rejected/{SHEET} (2).done") == b""


def test_what_lies_in_accepted_is_never_replaced(station: Station, contents: Contents):
    contents.place(StoreKey(f"accepted/{SHEET}.receipt.json"), b"somebody's")
    drop_into(contents, SHEET, PAGES)
    station.answered(station.taken(), Verdict.STORED)
    assert content(contents, f"accepted/{SHEET}.receipt.json") == b"somebody's"
    assert b"stored" in content(contents, f"accepted/{SHEET} (2).receipt.html")


def claim(**changed: object) -> bytes:
    by = msgspec.to_builtins(this_process())
    at = datetime(2026, 11, 21, tzinfo=UTC)
    sound: dict[str, Any] = {"installation": "theirs", "by": by, "take": new_take_id(at), "since": at}
    return msgspec.json.encode({**sound, **changed})


PROCESS = {"host": "h", "space": "s", "pid": 1, "born": "b"}


@pytest.mark.parametrize(
    "hostile",
    [
        claim(take="A" * 300),
        claim(take="../../.."),
        claim(take="\0", installation="ours"),
        claim(take="", installation="ours"),
        claim(installation=""),
        claim(by={**PROCESS, "host": "x" * 5000}),
        claim(by={**PROCESS, "host": "here\n\u202eall is well"}),
        claim(by={**PROCESS, "pid": 10**40}),
        b'{"installation": "\xff"}',
        b'{"other": ' + b"[" * 60_000,
    ],
    ids=[
        *("a long take", "a take that climbs", "ours, a take of a NUL", "ours, no take", "nobody's"),
        *("a long host", "a host of two lines", "a large number"),
        *("not UTF-8", "nested"),
    ],
)
def test_a_claim_that_no_installation_writes_is_of_another_one_and_ends_nothing(
    station: Station, contents: Contents, hostile: bytes
):
    drop_into(contents, SHEET, PAGES)
    drop_into(contents, "maps/other", PAGES)
    contents.place(StoreKey(f"processing/{SHEET}.json"), hostile)
    looked = station.settled()
    assert [listed.place.name for listed in looked.complete] == ["other"]
    [told] = looked.status.waiting
    assert told.sentence == "waiting: an installation whose claim cannot be read works on it"
    for _ in range(3):
        station.look(40)
    assert keys(contents, "processing/") == [f"processing/{SHEET}.json"]


def said_while_waiting(station: Station) -> str:
    """All that is told of the only drop while it is looked at, and is never complete."""
    said = []
    for _ in range(6):
        looked = station.look()
        assert not looked.complete
        said.append(looked.status.waiting[0].sentence)
    return "\n".join(said)


def test_a_manifest_larger_than_any_is_named_and_not_fetched(
    tmp_path: Path, bucket: WatchedBucket, contents: Contents, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watcher, "MANIFEST_BYTES", 10)
    station = Station(tmp_path / "ours", bucket, asked=MANIFEST)
    opened: list[str] = []
    bucket.before["open"] = opened.append
    drop_into(contents, SHEET, {**PAGES, "deeper/manifest-sha256.txt": b"0" * 11})
    told = said_while_waiting(station)
    assert "deeper/manifest-sha256.txt has the name of a manifest" in told
    assert not opened


def test_a_manifest_for_which_there_is_no_room_is_not_fetched(
    tmp_path: Path, bucket: WatchedBucket, contents: Contents, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.installation.disk_space._space", lambda _: DiskSpace(1, 0, 0))
    station = Station(tmp_path / "ours", bucket, asked=MANIFEST)
    bucket.before["open"] = away
    drop_into(contents, SHEET, {**PAGES, "manifest-sha256.txt": b"0" * 11})
    assert "of it reserved" in said_while_waiting(station)


@pytest.mark.parametrize("start", ["processing/", "inbox/"])
def test_looking_is_ended_in_the_midst_of_a_listing(
    station: Station, bucket: WatchedBucket, contents: Contents, start: str
):
    drop_into(contents, SHEET, PAGES)
    station.taken()
    bucket.before["list"] = lambda key: station.stopped.set() if key == start else None
    with pytest.raises(StoppedError):
        station.look()


def test_the_fetching_of_manifests_is_ended(tmp_path: Path, bucket: WatchedBucket, contents: Contents):
    station = Station(tmp_path / "ours", bucket, asked=MANIFEST)
    drop_into(contents, SHEET, {"manifest-sha256.txt": b"0" * 11})
    bucket.before["open"] = lambda _: station.stopped.set()
    with pytest.raises(StoppedError):
        station.settled()


@pytest.mark.parametrize("act", ["copy", "remove"])
def test_an_answer_is_ended_between_two_objects_and_is_gone_on_with(
    station: Station, bucket: WatchedBucket, contents: Contents, act: str
):
    pages = {f"page {number}.tif": b"page" for number in range(40)}
    drop_into(contents, SHEET, pages)
    take = station.taken()
    station.ended(take, Verdict.REJECTED)
    done: list[str] = []

    def stop(key: str) -> None:
        done.append(key)
        station.stopped.set()

    bucket.before[act] = stop
    with pytest.raises(StoppedError):
        station.answering.answer(take)
    assert len(done) <= 4
    station.stopped.clear()
    bucket.before.clear()
    assert station.answering.answer(take)
    assert len(keys(contents, f"rejected/{SHEET}/")) == len(pages)
    assert not keys(contents, "inbox/")


def test_room_is_given_once_and_less_of_it_is_held_the_more_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.installation.disk_space._space", lambda _: DiskSpace(1, 2000, 1000))
    progress = DownloadProgress()
    with reserve_space(500, tmp_path, lambda: progress.bytes):
        require_room_for_drop(400, tmp_path)
        with pytest.raises(StoreFullError, match=r"600 bytes of it reserved"):
            require_room_for_drop(401, tmp_path)
        with ExitStack() as second, pytest.raises(StoreFullError):
            second.enter_context(reserve_space(401, tmp_path, lambda: 0))
        progress.add(300)
        require_room_for_drop(700, tmp_path)
    require_room_for_drop(900, tmp_path)


def test_two_drops_that_fit_only_one_after_the_other_are_not_fetched_together(
    station: Station, bucket: WatchedBucket, contents: Contents, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flows.installation.disk_space._space", lambda _: DiskSpace(1, 0, 30))
    drop_into(contents, SHEET, PAGES)
    drop_into(contents, "maps/other", PAGES)
    first, second = station.settled().complete
    refused: list[Take | NotFetched] = []

    def fetch_the_other(_: str) -> None:
        bucket.before.clear()
        refused.append(station.fetcher.fetch(second, DownloadProgress()))

    bucket.before["open"] = fetch_the_other
    assert isinstance(station.fetcher.fetch(first, DownloadProgress()), Take)
    [other] = refused
    assert isinstance(other, NotFetched)
    assert "it needs 18 bytes; 30 bytes are free" in other.sentence
    assert isinstance(station.fetcher.fetch(second, DownloadProgress()), Take)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for seconds in ("_ANSWER_SECONDS", "_RESUME_SECONDS", "_AWAY_SECONDS"):
        monkeypatch.setattr(service, seconds, 0.05)
    return watching_installation(tmp_path / "ours", BucketAddress("scans", "", "http://nobody.example"))


@contextmanager
def at_work(settings: Settings, bucket: WatchedBucket) -> Iterator[tuple[BucketInbox, list[Take]]]:
    taken: list[Take] = []
    inbox = BucketInbox(settings, settings.bucket_inbox[0], taken.append, lambda: None, bucket)
    inbox.start()
    try:
        yield inbox, taken
    finally:
        inbox.stop()
        inbox.wait()


def told(inbox: BucketInbox) -> str:
    return " | ".join(f"{fault.path}: {fault.sentence}" for fault in inbox.status.faults)


def test_a_take_that_cannot_be_fetched_keeps_no_other_from_it_and_is_reported_until_it_is_gone(
    settings: Settings, bucket: WatchedBucket, contents: Contents
):
    drop_into(contents, "files/a-cold", PAGES)
    drop_into(contents, "files/b-warm", PAGES)
    in_hand: list[list[str]] = []
    frozen = True

    def denied(key: str) -> None:
        if frozen or "a-cold" in key:
            raise DeniedError(f"{key} is in an archive of the service")
        in_hand.append([waiting.sentence for waiting in inbox.status.waiting if "b-warm" in waiting.path])

    bucket.before["open"] = denied
    with at_work(settings, bucket) as (inbox, taken):
        until(lambda: told(inbox).count("what is being fetched waits") == 2)
        frozen = False
        until(lambda: taken)
        assert [take.name for take in taken] == ["b-warm"]
        assert in_hand[0][0].startswith("being fetched: ")
        until(lambda: told(inbox).count("what is being fetched waits") == 1)
        # As another service of this installation does that can read it, and has it answered.
        [cold] = [folder for folder in take_folders(settings.areas[0]) if folder.name != taken[0].id]
        del contents.objects[StoreKey("processing/files/a-cold.json")]
        for page in PAGES:
            del contents.objects[StoreKey(f"inbox/files/a-cold/{page}")]
        until(lambda: remove_take(cold))
        until(lambda: not told(inbox))


def test_an_answer_that_waits_is_reported_until_another_process_has_put_it(
    settings: Settings, bucket: WatchedBucket, contents: Contents, tmp_path: Path
):
    drop_into(contents, "files/sheet", PAGES)
    bucket.before["put"] = away
    with at_work(settings, bucket) as (inbox, taken):
        until(lambda: taken)
        answer_all(settings, tmp_path / "receipts")
        until(lambda: "the answer waits to be put into the bucket" in told(inbox))
        taken[0].folder.rename(tmp_path / "elsewhere")
        until(lambda: not told(inbox))


@pytest.mark.parametrize("act", ["list", "open", "put"])
def test_an_unexpected_error_is_reported_as_the_inbox_s_fault_and_tried_again(
    settings: Settings, bucket: WatchedBucket, contents: Contents, tmp_path: Path, act: str
):
    def mistaken(_: str) -> None:
        raise KeyError("a mistake of ours")

    bucket.before[act] = mistaken
    drop_into(contents, "files/sheet", PAGES)
    with at_work(settings, bucket) as (inbox, taken):
        until(lambda: answer_all(settings, tmp_path / "receipts") or "a mistake of ours" in told(inbox))
        inbox.require_alive()
        bucket.before.clear()
        until(lambda: taken)
        answer_all(settings, tmp_path / "receipts")
        until(lambda: "accepted/files/sheet.receipt.html" in keys(contents))
        until(lambda: not told(inbox))
        # Stopped before, it would do the rest when it runs again.
        until(lambda: files_in(settings.areas[0].accepted / "files" / "sheet") == PAGES)
