"""A service that ends at any request to the bucket, before it or after: the next one does what is left."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from support.bucket_inboxes import PAGES, SHEET, Station, WatchedBucket, content, drop_into, keys
from support.memory_drop_bucket import Contents
from support.takes import contents as files_in
from support.takes import takes_in

from flows.inboxes.bucket.download import DownloadProgress
from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.takes import Take, take_folders, take_of
from flows.inboxes.recover import recover
from preservation.model.issues import Issue, Severity
from preservation.model.verdicts import Verdict
from preservation.virus.codes import INFECTED

ACTS = ("list", "create", "open", "copy", "put", "remove")
INFECTION = Issue(INFECTED, Severity.ERROR, "It is infected.", None, "Clean it.")


class Killed(BaseException):
    """The end of a process, as far as one can have it and go on."""


class MortalBucket(WatchedBucket):
    """A bucket whose client dies with the request of that number."""

    def __init__(self, contents: Contents, last: int) -> None:
        super().__init__(contents)
        self._numbers = count()
        self._last = last
        self.before = dict.fromkeys(ACTS, self._die)

    def _die(self, _: str) -> None:
        if next(self._numbers) >= self._last:
            raise Killed


def one_life(root: Path, contents: Contents, last: int, verdict: Verdict, *issues: Issue) -> bool:
    """Do all there is, from the inbox to the answer, until the request of that number; say if we lived."""
    station = Station(root, MortalBucket(contents, last))
    try:
        recover(station.area)
        for take in station.fetcher.unfinished():
            station.fetcher.resume(take, DownloadProgress())
        for listed in station.settled().complete:
            station.fetcher.fetch(listed, DownloadProgress())
        for take in takes_in(station.area):
            if not is_answered(take):
                station.ended(take, verdict, *issues)
        for folder in take_folders(station.area):
            answered = take_of(folder, station.area)
            if isinstance(answered, Take) and is_answered(answered):
                station.answering.answer(answered)
        # A claim whose take is gone counts as left after a minute.
        for _ in range(3):
            station.look(40)
    except Killed:
        return False
    return True


@pytest.mark.parametrize(
    ("verdict", "issues"),
    [(Verdict.STORED, ()), (Verdict.REJECTED, ()), (Verdict.REJECTED, (INFECTION,))],
    ids=["stored", "rejected", "infected"],
)
def test_whenever_a_service_ends_the_next_one_brings_the_drop_to_the_same_end(
    tmp_path: Path, verdict: Verdict, issues: tuple[Issue, ...]
):
    place = "accepted" if verdict is Verdict.STORED else "rejected"
    for last in count():
        contents, root = Contents(), tmp_path / f"dies at {last}"
        drop_into(contents, SHEET, PAGES)
        lived = one_life(root, contents, last, verdict, *issues)
        assert one_life(root, contents, 1000, verdict, *issues)
        assert not keys(contents, "inbox/"), last
        assert not keys(contents, "processing/"), last
        assert {f"{place}/{SHEET}.receipt.html", f"{place}/{SHEET}.receipt.json"} <= set(keys(contents)), last
        area = Station(root, WatchedBucket(contents)).area
        assert not take_folders(area), last
        if verdict is Verdict.STORED:
            assert files_in(area.accepted / SHEET) == PAGES
        elif issues:
            assert files_in(area.quarantine / SHEET) == PAGES
            assert len(keys(contents)) == 3, last
        else:
            sent_back = {name: content(contents, f"rejected/{SHEET}/{name}") for name in PAGES}
            assert sent_back == PAGES, last
            assert len(keys(contents)) == len(PAGES) + 3, last
        if lived:
            break
    assert last > 10


PLATE = "maps/plate-7.tif"


@pytest.mark.parametrize(
    ("verdict", "issues"),
    [(Verdict.STORED, ()), (Verdict.REJECTED, ()), (Verdict.REJECTED, (INFECTION,))],
    ids=["stored", "rejected", "infected"],
)
def test_a_file_and_its_manifest_come_to_the_same_end_whenever_a_service_ends(
    tmp_path: Path, verdict: Verdict, issues: tuple[Issue, ...]
):
    beside = {f"{PLATE}.md5": b"its digest", PLATE: b"a plate"}
    for last in count():
        contents, root = Contents(), tmp_path / f"dies at {last}"
        for key, bytes_of_it in beside.items():
            drop_into(contents, key, bytes_of_it)
        lived = one_life(root, contents, last, verdict, *issues)
        assert one_life(root, contents, 1000, verdict, *issues)
        answers = {
            key
            for key in keys(contents)
            if not key.endswith((".receipt.html", ".receipt.json", ".reject-list.csv"))
        }
        area = Station(root, WatchedBucket(contents)).area
        assert not take_folders(area), last
        if verdict is Verdict.STORED:
            assert (
                files_in(area.accepted / "maps").items()
                >= {key.removeprefix("maps/"): one for key, one in beside.items()}.items()
            ), last
            assert not answers, last
        elif issues:
            assert files_in(area.quarantine / "maps")["plate-7.tif"] == b"a plate"
            assert not answers, last
        else:
            assert {key: content(contents, f"rejected/{key}") for key in beside} == beside, last
            assert answers == {f"rejected/{key}" for key in beside}, last
        if lived:
            break
    assert last > 10


def test_killed_again_and_again_it_comes_to_the_same_end(tmp_path: Path):
    contents, root = Contents(), tmp_path / "ours"
    drop_into(contents, SHEET, PAGES)
    lives = next(
        lives for lives in range(1, 100) if one_life(root, contents, 3 + 5 * lives, Verdict.REJECTED)
    )
    assert lives > 2
    assert {name: content(contents, f"rejected/{SHEET}/{name}") for name in PAGES} == PAGES
    papers = {f"rejected/{SHEET}.{name}" for name in ("receipt.html", "receipt.json", "reject-list.csv")}
    assert set(keys(contents)) == {f"rejected/{SHEET}/{name}" for name in PAGES} | papers
