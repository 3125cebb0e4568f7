"""The whole way from a bucket into the stores and back, with a real Ceph and a real Prefect."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from services.buckets import new_address, speak_as_the_archive
from support.archives import Archive
from support.bucket_watch import Place, bucket_inbox, settle_in
from support.flow_runs import installed, surroundings
from support.inbox_watch import watching
from support.plain_runs import run_plainly
from support.waiting import until

from demonstration.drawing import photograph, save_scan
from flows.inboxes.queue.takes import Take
from flows.inboxes.report import read_inbox_report
from flows.installation.settings_file import load_settings
from flows.service.doctor import State, examine_installation


@pytest.fixture
def place() -> Place:
    speak_as_the_archive()
    return Place(new_address())


@pytest.fixture
def archive(tmp_path: Path, place: Place) -> Archive:
    made = installed(tmp_path / "archive")
    settle_in(made.directory, 1)
    with (made.directory / "muniment.toml").open("a") as settings:
        settings.write(bucket_inbox(place.address))
    return made


def verdict(place: Place, answer: str) -> str:
    return json.loads(place.content(f"{answer}.receipt.json"))["verdict"]


def run(archive: Archive, takes: list[Take]) -> None:
    with surroundings(archive):
        settings = load_settings(archive.directory)
        run_plainly(settings, [take.as_drop for take in takes])


def test_scans_in_a_bucket_are_kept_and_a_broken_one_comes_back(
    archive: Archive, place: Place, tmp_path: Path
):
    scan = tmp_path / "page.tif"
    save_scan(photograph((300, 200), 0.3), scan, 300)
    page = scan.read_bytes()
    place.put("inbox/images/sheet-012/page.tif", page)
    place.put("inbox/images/sheet-013/page.tif", page[:-2000])
    settings = load_settings(archive.directory)
    with watching(settings) as taken:
        until(lambda: len(taken) == 2)
        told = read_inbox_report(settings)
        assert told is not None
        assert not told.faults
        run(archive, taken)
        until(lambda: not place.listed("inbox/") and not place.listed("processing/"))
        assert verdict(place, "accepted/images/sheet-012") == "stored"
        assert verdict(place, "rejected/images/sheet-013") == "rejected"
        assert place.content("rejected/images/sheet-013/page.tif") == page[:-2000]
    assert archive.kept()["images/sheet-012/v1/data/originals/page.tif"] == page


def test_in_a_bucket_a_file_is_compared_with_its_manifest_and_an_odd_name_has_a_page(
    archive: Archive, place: Place
):
    letters = {"right.txt": b"Dear A.", "wrong.txt": b"Dear B."}
    for name, text in letters.items():
        digest = hashlib.sha256(letters["right.txt"]).hexdigest()
        place.put(f"inbox/files/{name}.sha256", f"{digest}  {name}\n".encode())
        place.put(f"inbox/files/{name}", text)
    place.put("inbox/files/_odd.txt", b"Dear C.")
    with watching(load_settings(archive.directory)) as taken:
        until(lambda: len(taken) == 2)
        run(archive, taken)
        until(lambda: place.listed("inbox/") == {"inbox/files/_odd.txt"} and not place.listed("processing/"))
    assert b"give it another name" in place.content("rejected/files/_odd.txt.receipt.html")
    assert verdict(place, "accepted/files/right.txt") == "stored"
    assert verdict(place, "rejected/files/wrong.txt") == "rejected"
    assert b"FIX-001" in place.content("rejected/files/wrong.txt.receipt.json")
    assert place.content("rejected/files/wrong.txt") == letters["wrong.txt"]
    assert place.content("rejected/files/wrong.txt.sha256").endswith(b"  wrong.txt\n")
    assert (archive.directory / "accepted/files/right.txt.sha256").exists()


def test_doctor_tries_a_bucket_inbox_and_names_what_is_wrong_with_one(archive: Archive, place: Place):
    settings = archive.directory / "muniment.toml"
    wrong = bucket_inbox(place.address).replace('"scans"', '"wrong"', 1)
    settings.write_text(settings.read_text() + wrong.replace(place.address.bucket, "no-such-bucket-here"))
    found = {told.what: told for told in examine_installation(load_settings(archive.directory))}
    assert found["bucket inbox scans"].state is State.OK, found
    assert "services on one inbox are kept apart by the service itself" in found["bucket inbox scans"].detail
    assert found["bucket inbox wrong"].state is State.FAILING
    assert "make the bucket, or mend its name" in found["bucket inbox wrong"].detail
    assert not place.listed()
