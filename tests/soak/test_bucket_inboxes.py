"""Bucket inboxes of a real Ceph: services killed again and again, and very many keys.

``MUNIMENT_SOAK_SEED`` repeats the instants of a run.
"""

from __future__ import annotations

import os
import secrets
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from services.buckets import new_address, speak_as_the_archive
from services.ceph import mortal_gateway
from support.bucket_inboxes import SHEET, Station
from support.bucket_watch import Place, answer_all, kill_while_watching, watching_installation
from support.drop_bucket_peers import s3_peer
from support.inbox_watch import watching
from support.takes import contents
from support.waiting import until

from flows.inboxes.report import read_inbox_report
from preservation.model.verdicts import Verdict
from storage.stores.s3.bucket import BucketAddress

KEYS = 5_000
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(20 * 60)]


@pytest.mark.parametrize("life", range(3))
def test_killed_again_and_again_every_drop_is_answered_exactly_once(tmp_path: Path, life: int):
    print(f"MUNIMENT_SOAK_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    speak_as_the_archive()
    kill_while_watching(Place(new_address()), tmp_path, kills=25, drops=6, seed=f"{SEED}/{life}")


def test_a_drop_of_thousands_of_objects_is_listed_in_flat_memory_fetched_and_sent_back(tmp_path: Path):
    speak_as_the_archive()
    peer = s3_peer(new_address())
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda page: peer.drop(f"inbox/{SHEET}/{page:05}.tif", b"page"), range(KEYS)))
    station = Station(tmp_path / "ours", peer.bucket)
    station.look()
    tracemalloc.start()
    try:
        station.look()
        # Of each page of a thousand keys, whatever their number.
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
    take = station.taken()
    assert len(contents(take.path)) == take.files == KEYS
    station.answered(take, Verdict.REJECTED)
    assert len(peer.keys("rejected/")) == KEYS + 3
    assert not peer.keys("inbox/")


def test_a_bucket_that_is_away_is_told_and_gone_on_with_when_it_is_back(tmp_path: Path):
    speak_as_the_archive()
    with mortal_gateway() as gateway:
        address = new_address()
        place = Place(address)
        there = BucketAddress(address.bucket, address.prefix, gateway.url, addressing="path")
        settings = watching_installation(tmp_path / "ours", there)
        inbox = settings.areas[0].inbox / "files" / "beside"
        with watching(settings) as taken:
            place.drop("before")
            until(lambda: taken)
            gateway.kill()
            place.drop("meanwhile")
            until(lambda: (told := read_inbox_report(settings)) and told.faults)
            told = read_inbox_report(settings)
            assert told is not None
            assert "see that the service runs and endpoint_url leads to it" in told.faults[0].sentence
            # Everything else goes on.
            inbox.mkdir()
            (inbox / "page.tif").write_bytes(b"page")
            until(lambda: len(taken) > 1)
            answer_all(settings, tmp_path / "receipts")
            gateway.start()
            until(lambda: "accepted/files/before.receipt.html" in place.listed())
            until(lambda: len(taken) > 2)
            assert {take.name for take in taken} == {"before", "beside", "meanwhile"}
            until(lambda: (told := read_inbox_report(settings)) and not told.faults)
