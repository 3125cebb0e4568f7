"""Services on a bucket of a real Ceph: two at once, killed at any moment, and while the bucket is away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from services.buckets import new_address, speak_as_the_archive
from support.bucket_watch import Place, answer_all, kill_while_watching, watching_installation
from support.inbox_watch import watching
from support.takes import contents as files_in
from support.waiting import until

KILLS = 3


@pytest.fixture
def place() -> Place:
    speak_as_the_archive()
    return Place(new_address())


def test_a_drop_written_slowly_is_taken_once_by_one_of_two_installations(place: Place, tmp_path: Path):
    both = [watching_installation(tmp_path / name, place.address) for name in ("ours", "theirs")]
    with watching(both[0]) as ours, watching(both[1]) as theirs:
        pages = {}
        for number in range(3):
            pages[f"page {number}.tif"] = b"page %d" % number
            place.put(f"inbox/files/slow/page {number}.tif", b"page %d" % number)
            time.sleep(0.6)
            assert not ours + theirs
        dropped = {name: place.drop(name) for name in ("one", "two", "three")} | {"slow": pages}
        until(lambda: len(ours) + len(theirs) == len(dropped))
        assert sorted(take.name for take in ours + theirs) == sorted(dropped)
        assert all(files_in(take.path) == dropped[take.name] for take in ours + theirs)
        for settings in both:
            answer_all(settings, tmp_path / "receipts")
        answers = {f"accepted/files/{name}.receipt.{kind}" for name in dropped for kind in ("html", "json")}
        until(lambda: place.listed() == answers)


# Every single request is a place to be killed at in test_bucket_inboxes_killed.py, which takes less time.
@pytest.mark.soak
def test_killed_while_fetching_and_answering_every_drop_is_answered_exactly_once(
    place: Place, tmp_path: Path
):
    kill_while_watching(place, tmp_path, kills=2, drops=1, seed=11)
