"""Old holdings in buckets come along: fetched object by object, and never changed there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from services.buckets import CEPH, client, new_address, speak_as_the_archive
from support import bags
from support.archives import Archive
from support.command_runs import NearArchive
from support.database_rows import database_rows
from support.json_lines import lines_of

from storage.stores.s3.bucket import BucketAddress


@pytest.fixture
def archive(fresh: NearArchive, monkeypatch: pytest.MonkeyPatch) -> NearArchive:
    speak_as_the_archive()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", CEPH.url())
    return fresh


@pytest.fixture
def address(archive: NearArchive) -> BucketAddress:  # noqa: ARG001  it has the keys of the service
    """A place in a bucket with two bags, one of them damaged, and a folder."""
    address = new_address()
    for name in ("north", "south"):
        for path, content in bags.bag_files(algorithms=("md5",)).items():
            put(address, f"maps/{name}/{path}", content)
    put(address, "maps/south/data/letter.txt", b"Dear leader.\n")
    put(address, "letters/page 1.txt", b"Dear brother\n")
    put(address, "letters/1911/page 2.txt", b"Dear sister\n")
    put(address, "letters/", b"")
    return address


def put(address: BucketAddress, key: str, content: bytes) -> None:
    client().put_object(Bucket=address.bucket, Key=f"{address.prefix}/{key}", Body=content)


def listing(address: BucketAddress) -> list[tuple[str, str]]:
    page = client().list_objects_v2(Bucket=address.bucket, Prefix=f"{address.prefix}/")
    return [(found["Key"], found["ETag"]) for found in page["Contents"]]


def adopted(archive: Archive, address: BucketAddress, *more: str) -> subprocess.CompletedProcess[str]:
    place = f"s3://{address.bucket}/{address.prefix}"
    return archive.run("adopt", place, "--collection", "files", "--json", *more)


def test_bags_and_folders_of_a_bucket_are_fetched_and_kept_and_stay_there(
    archive: NearArchive, address: BucketAddress
):
    before, rows = listing(address), database_rows(archive)
    dry = adopted(archive, address, "--dry-run")
    assert dry.returncode == 0, dry
    kinds = {line["object"]: (line["kind"], line["files"]) for line in lines_of(dry, "object")}
    assert kinds == {
        "files/letters": ("folder", 2),
        "files/maps__north": ("bag", 6),
        "files/maps__south": ("bag", 6),
    }
    assert database_rows(archive) == rows
    assert not (archive.directory / "processing" / ".adopted").exists()
    done = adopted(archive, address)
    assert done.returncode == 3, done
    results = {line["object"]: line for line in lines_of(done, "result")}
    assert {name: line["verdict"] for name, line in results.items()} == {
        "files/letters": "stored",
        "files/maps__north": "stored",
        "files/maps__south": "rejected",
    }
    kept = archive.store("first") / "files" / "letters" / "v1" / "data" / "originals"
    assert (kept / "1911" / "page 2.txt").read_bytes() == b"Dear sister\n"
    shown = archive.run("journal", "show", "files/maps__north").stdout
    assert f"from s3://{address.bucket}/{address.prefix}/maps/north; held against the bag's own" in shown
    assert listing(address) == before
    assert not list((archive.directory / "processing" / ".adopted").glob("*/*/drop"))
    again = adopted(archive, address)
    assert (again.returncode, lines_of(again, "result")) == (3, [])
    put(address, "letters/page 3.txt", b"Found in the attic\n")
    [line] = lines_of(adopted(archive, address), "result")
    assert (line["object"], line["object_version"]) == ("files/letters", 2)


def test_a_serialized_bag_is_taken_with_the_checksum_beside_it(archive: NearArchive, tmp_path: Path):
    address = new_address()
    packed = bags.zipped(tmp_path / "packed.zip", bags.bag_files()).read_bytes()
    put(address, "packed.zip", packed)
    put(address, "packed.zip.md5", b"0" * 32 + b"  packed.zip\n")
    done = adopted(archive, address)
    assert done.returncode == 3, done
    [line] = lines_of(done, "result")
    assert (line["object"], line["verdict"]) == ("files/packed", "rejected")
    assert "FIX-001" in {issue["code"] for issue in line["issues"]}


def test_an_object_that_waits_keeps_its_copy_until_it_is_answered(
    archive: NearArchive, address: BucketAddress
):
    policy = archive.directory / "policies" / "bit-level.toml"
    text = policy.read_text()
    assert "[otherwise]\naction" in text
    head, _, rest = text.partition("[otherwise]\naction")
    policy.write_text(f'{head}[otherwise]\naction = "ask"{rest[rest.index(chr(10)) :]}')
    results = lines_of(adopted(archive, address), "result")
    assert {line["object"] for line in results if line["verdict"] == "waiting"} == {
        "files/letters",
        "files/maps__north",
    }
    assert list((archive.directory / "processing" / ".adopted").glob("*/*/drop/letters"))
    answer = archive.run("approve", "files/letters", "--because", "seen", "--by", "Ada")
    assert "STORED" in answer.stdout, answer
    [line] = [line for line in lines_of(adopted(archive, address), "result") if "letters" in line["object"]]
    assert line["verdict"] == "already-kept"
    assert not list((archive.directory / "processing" / ".adopted").glob("*/*/drop/letters"))


def test_what_a_person_refused_keeps_no_copy_also_where_nothing_else_is_adopted(
    archive: NearArchive, address: BucketAddress
):
    policy = archive.directory / "policies" / "bit-level.toml"
    head, _, rest = policy.read_text().partition("[otherwise]\naction")
    policy.write_text(f'{head}[otherwise]\naction = "ask"{rest[rest.index(chr(10)) :]}')
    waiting = [line["object"] for line in lines_of(adopted(archive, address), "result")]
    copies = archive.directory / "processing" / ".adopted"
    assert list(copies.glob("*/*/drop/letters"))
    for name in waiting:
        archive.run("refuse", name, "--because", "not ours", "--by", "Ada")
    assert lines_of(adopted(archive, address), "result") == []
    assert not list(copies.glob("*/*/drop/*"))


def test_a_service_that_is_away_stops_before_anything_is_done(
    archive: NearArchive, address: BucketAddress, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    away = adopted(archive, address)
    assert (away.returncode, away.stdout) == (6, "")


def test_keys_that_can_be_no_paths_and_what_lies_beside_bags_are_refused(
    archive: NearArchive, address: BucketAddress
):
    put(address, "maps/note.txt", b"x")
    put(address, "/nameless", b"x")
    put(address, "odd//double", b"x")
    put(address, "both", b"x")
    put(address, "both/page.txt", b"x")
    dry = adopted(archive, address, "--dry-run")
    assert dry.returncode == 3, dry
    refused = {
        line["place"].removeprefix(f"s3://{address.bucket}/{address.prefix}/"): line["sentence"]
        for line in lines_of(dry, "left")
        if line["refused"]
    }
    assert set(refused) == {"maps", "/nameless", "odd", "both"}
    assert "'maps/note.txt', which no bag has" in refused["maps"]


def test_a_store_of_another_installation_in_a_bucket_is_not_taken_for_folders(archive: NearArchive):
    address = new_address()
    put(address, "files/sheet/v1/bag-info.txt", b"Muniment-Object-Version: v1\n")
    put(address, "files/sheet/v1/tagmanifest-sha256.txt", b"x")
    refused = adopted(archive, address)
    assert (refused.returncode, "add it as a [[store]]" in refused.stderr) == (2, True)
