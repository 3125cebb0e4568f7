"""The whole way into one folder and one bucket of a real service."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from archives import MUNIMENT, Archive
from buckets import client, new_address, speak_as_the_archive

from demonstration.drawing import photograph, save_scan, srgb_profile
from storage.stores.s3_bucket import BucketAddress


@pytest.fixture
def address() -> BucketAddress:
    speak_as_the_archive()
    return new_address()


@pytest.fixture
def archive_with_bucket(archive: Archive, address: BucketAddress) -> Archive:
    file = archive.directory / "muniment.toml"
    first, second, _ = file.read_text().partition('[[store]]\nname = "second"')
    assert second
    file.write_text(
        f'{first}[[store]]\nname = "second"\nkind = "s3"\nbucket = "{address.bucket}"\n'
        f'prefix = "{address.prefix}"\nendpoint_url = "{address.endpoint_url}"\naddressing = "path"\n'
        'site = "second-site"\n'
    )
    return archive


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    drop = tmp_path / "drops" / "sheet-012"
    drop.mkdir(parents=True)
    save_scan(photograph((640, 420), 0.2), drop / "page\n001 \u00e9.tif", 300, srgb_profile())
    save_scan(photograph((640, 420), 0.9), drop / "cover.bmp", 300)
    return drop


def in_bucket(address: BucketAddress) -> dict[str, bytes]:
    service, prefix = client(), f"{address.prefix}/"
    page = service.list_objects_v2(Bucket=address.bucket, Prefix=prefix)
    return {
        found["Key"].removeprefix(prefix): service.get_object(Bucket=address.bucket, Key=found["Key"])[
            "Body"
        ].read()
        for found in page["Contents"]
        if not found["Key"].removeprefix(prefix).startswith((".", "_"))
    }


def test_folder_and_bucket_hold_the_same_bytes_and_the_bag_checks_by_itself(
    archive_with_bucket: Archive, address: BucketAddress, scans: Path, tmp_path: Path
):
    [told] = archive_with_bucket.preserve(scans)
    assert told["verdict"] == "stored", told
    assert [replica["store"] for replica in told["replicas"]] == ["first", "second"]
    assert told["replicas"][1]["location"] == f"s3://{address.bucket}/{address.prefix}/images/sheet-012/v1"
    kept = in_bucket(address)
    assert kept == archive_with_bucket.kept("first")
    for key, content in kept.items():
        (tmp_path / "fetched" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fetched" / key).write_bytes(content)
    bag = tmp_path / "fetched" / "images" / "sheet-012" / "v1"
    subprocess.run([MUNIMENT, "validate", bag], check=True, capture_output=True)
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
