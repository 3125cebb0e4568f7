"""The whole way into one folder and one bucket of a real service."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from services.buckets import client, new_address, speak_as_the_archive
from support.archives import Archive
from support.bucket_archives import copied, put_second_store_into
from support.clocks import set_clocks
from support.command_runs import near, run_command
from support.database_rows import database_rows
from support.flow_runs import installed

from demonstration.drawing import photograph, save_scan, srgb_profile
from storage.stores.s3.bucket import BucketAddress


@pytest.fixture
def address() -> BucketAddress:
    speak_as_the_archive()
    return new_address()


@pytest.fixture
def archive_with_bucket(installation: Archive, address: BucketAddress) -> Archive:
    put_second_store_into(installation, address)
    return near(installation)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    return make_scans(tmp_path / "drops")


def make_scans(folder: Path) -> Path:
    drop = folder / "sheet-012"
    drop.mkdir(parents=True)
    save_scan(photograph((640, 420), 0.2), drop / "page\n001 \u00e9.tif", 300, srgb_profile())
    save_scan(photograph((640, 420), 0.9), drop / "cover.bmp", 300)
    return drop


@dataclass(frozen=True)
class Kept:
    """An archive that keeps the scans in a folder and in a bucket, and what was told of them."""

    archive: Archive
    address: BucketAddress
    scans: Path
    told: dict[str, Any]


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Made once, and only copied."""
    folder = tmp_path_factory.mktemp("in bucket")
    speak_as_the_archive()
    archive, address = near(installed(folder / "archive")), new_address()
    put_second_store_into(archive, address)
    scans = make_scans(folder / "drops")
    [told] = archive.preserve(scans)
    assert told["verdict"] == "stored", told
    return Kept(archive, address, scans, told)


@pytest.fixture
def kept(kept_once: Kept, tmp_path: Path) -> Kept:
    """One of its own, to be changed at will."""
    archive, address = copied(kept_once.archive, kept_once.address, tmp_path / "archive")
    scans = shutil.copytree(kept_once.scans, tmp_path / "drops" / kept_once.scans.name)
    return replace(kept_once, archive=archive, address=address, scans=scans)


def in_bucket(address: BucketAddress) -> dict[str, bytes]:
    service, prefix = client(), f"{address.prefix}/"
    page = service.list_objects_v2(Bucket=address.bucket, Prefix=prefix)
    return {
        found["Key"].removeprefix(prefix): service.get_object(Bucket=address.bucket, Key=found["Key"])[
            "Body"
        ].read()
        for found in page["Contents"]
        if "/" in found["Key"].removeprefix(prefix)
        and not found["Key"].removeprefix(prefix).startswith((".", "_"))
    }


def test_folder_and_bucket_hold_the_same_bytes_and_the_bag_checks_by_itself(kept_once: Kept, tmp_path: Path):
    told, address = kept_once.told, kept_once.address
    assert [replica["store"] for replica in told["replicas"]] == ["first", "second"]
    assert told["replicas"][1]["location"] == f"s3://{address.bucket}/{address.prefix}/images/sheet-012/v1"
    kept = in_bucket(address)
    assert kept == kept_once.archive.kept("first")
    for key, content in kept.items():
        (tmp_path / "fetched" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fetched" / key).write_bytes(content)
    bag = tmp_path / "fetched" / "images" / "sheet-012" / "v1"
    assert run_command("validate", bag).returncode == 0
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", "tagmanifest-sha256.txt"], cwd=bag, check=False
    )
    assert checked.returncode == 0


def test_doctor_tries_the_bucket(archive_with_bucket: Archive, address: BucketAddress):
    finished = archive_with_bucket.run("doctor", "--json")
    [found] = [
        finding
        for line in finished.stdout.splitlines()
        for finding in [json.loads(line)]
        if finding.get("what") == "store second"
    ]
    assert found["state"] == "ok", found
    assert address.bucket in found["detail"]


def test_a_wrong_secret_interrupts_and_with_the_right_one_the_same_command_goes_on(
    archive_with_bucket: Archive, address: BucketAddress, scans: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as wrong:
        wrong.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        [told] = archive_with_bucket.preserve(scans)
    assert told["verdict"] == "interrupted", told
    [told] = archive_with_bucket.preserve(scans)
    assert told["verdict"] == "stored", told
    assert in_bucket(address) == archive_with_bucket.kept("first")


@pytest.mark.in_prefect
def test_a_clock_that_is_wrong_interrupts_and_with_the_right_one_the_same_command_goes_on(
    archive_with_bucket: Archive, address: BucketAddress, scans: Path, monkeypatch: pytest.MonkeyPatch
):
    elsewhere = Archive(archive_with_bucket.directory, archive_with_bucket.api_url)
    with monkeypatch.context() as wrong:
        set_clocks(wrong, "+2h")
        [told] = elsewhere.preserve(scans)
        doctor = elsewhere.run("doctor").stdout
    assert told["verdict"] == "interrupted", told
    assert "store second: cannot look " in told["sentence"]
    for said in (told["sentence"], doctor):
        assert "the clocks of this machine and of the service differ too much" in said
    [told] = archive_with_bucket.preserve(scans)
    assert told["verdict"] == "stored", told
    assert in_bucket(address) == archive_with_bucket.kept("first")


def changed_at_rest(address: BucketAddress, key: str) -> None:
    """Put other bytes, one bit away, where an object was: somebody else's client can."""
    service, where = client(), {"Bucket": address.bucket, "Key": f"{address.prefix}/{key}"}
    content = bytearray(service.get_object(**where)["Body"].read())  # type: ignore[arg-type]
    content[len(content) // 2] ^= 1
    service.put_object(**where, Body=bytes(content))  # type: ignore[arg-type]


def test_an_object_changed_at_rest_is_not_restored_and_the_folder_has_it(kept: Kept, tmp_path: Path):
    archive_with_bucket, address, scans = kept.archive, kept.address, kept.scans
    changed_at_rest(address, "images/sheet-012/v1/data/originals/cover.bmp")
    target = tmp_path / "back"
    finished = archive_with_bucket.run("restore", "images/sheet-012", target, "--from", "second", "--json")
    told = json.loads(finished.stdout)
    assert (told["complete"], told["sources"]) == (True, {"first": 1, "second": 1})
    assert [issue["path"] for issue in told["issues"]] == ["data/originals/cover.bmp"]
    assert (target / "cover.bmp").read_bytes() == (scans / "cover.bmp").read_bytes()


def test_a_second_version_in_the_bucket_is_completed_by_what_its_readme_says(kept: Kept, tmp_path: Path):
    assert kept.told["object_version"] == 1
    save_scan(photograph((640, 420), 0.5), kept.scans / "back.bmp", 300)
    told = kept.archive.preserve(kept.scans)[0]
    assert (told["verdict"], told["object_version"]) == ("stored", 2), told
    objects = in_bucket(kept.address)
    assert "images/sheet-012/v2/data/originals/back.bmp" in objects
    assert "images/sheet-012/v2/data/originals/cover.bmp" not in objects
    for key, content in objects.items():
        (tmp_path / "fetched" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fetched" / key).write_bytes(content)
    bag = tmp_path / "fetched" / "images" / "sheet-012" / "v2"
    [script] = re.findall(
        r"^-{60,}\n(.*?)^-{60,}\n", (bag / "README.txt").read_text(), re.DOTALL | re.MULTILINE
    )
    subprocess.run([sys.executable, "-c", script], cwd=bag, check=True)
    subprocess.run([sys.executable, "-m", "bagit", "--validate", bag], check=True, capture_output=True)


def test_a_lost_database_comes_again_from_the_bucket_alone_and_a_copy_of_it_checks_itself(
    archive_with_bucket: Archive, address: BucketAddress, scans: Path, tmp_path: Path
):
    # An archive that is no copy, for the rows have the places where everything was written.
    archive = archive_with_bucket
    [told] = archive.preserve(scans)
    assert told["verdict"] == "stored", told
    assert archive.run("journal", "seal").returncode == 0
    before = database_rows(archive)
    for file in (archive.directory / "state").glob("muniment.db*"):
        file.unlink()
    archive.store("first").rename(tmp_path / "away")
    rebuilt = archive.run("rebuild", "--json")
    assert rebuilt.returncode == 6, rebuilt
    after = database_rows(archive)
    assert [one["name"] for one in after.pop("stores")] == ["second"]
    assert after == {name: rows for name, rows in before.items() if name != "stores"}
    service, prefix = client(), f"{address.prefix}/"
    for found in service.list_objects_v2(Bucket=address.bucket, Prefix=prefix)["Contents"]:
        target = tmp_path / "copy" / found["Key"].removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(service.get_object(Bucket=address.bucket, Key=found["Key"])["Body"].read())
    checked = subprocess.run(
        [sys.executable, "-I", tmp_path / "copy" / "verify.py"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, "SOUND: 0 faults" in checked.stdout) == (0, True), checked
