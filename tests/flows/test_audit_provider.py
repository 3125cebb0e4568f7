"""What the provider of a bucket states is no reading, and sends what differs to be read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import pytest
from services.buckets import client, new_address, speak_as_the_archive
from support.archives import Archive
from support.audit_runs import age, lines
from support.bucket_archives import copied, put_second_store_into
from support.command_runs import near
from support.flow_runs import installed, preserved
from support.kept_object import make_ledger

from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.model.identifiers import StoreName
from preservation.model.verdicts import Verdict
from storage.stores.s3.bucket import BucketAddress

Kept: TypeAlias = tuple[Archive, BucketAddress]

PAGE = "files/ledger/v1/data/originals/page 1.txt"


@pytest.fixture(scope="module")
def kept_in_bucket(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """An archive with MD5s among its digests and a bucket as its second store: made once, and only copied."""
    folder = tmp_path_factory.mktemp("stated")
    speak_as_the_archive()
    address = new_address()
    archive = near(installed(folder / "archive"))
    put_second_store_into(archive, address)
    policy = archive.directory / "policies" / "bit-level.toml"
    own = '\n[[fixity.store]]\nname = "second"\nprovider_checksums = true\n'
    additional = '[packaging]\nadditional_algorithms = ["md5"]'
    policy.write_text(policy.read_text().replace("[packaging]", additional) + own)
    assert additional in policy.read_text()
    assert preserved(archive, make_ledger(folder / "ledger")).ending.verdict is Verdict.STORED
    return archive, address


@pytest.fixture(scope="module")
def kept_two(kept_in_bucket: Kept, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The same with one more object, a newer one."""
    folder = tmp_path_factory.mktemp("two")
    archive, address = copied(*kept_in_bucket, folder / "archive")
    assert preserved(archive, make_ledger(folder / "newer")).ending.verdict is Verdict.STORED
    return archive, address


@pytest.fixture
def one(kept_in_bucket: Kept, tmp_path: Path) -> Kept:
    return copied(*kept_in_bucket, tmp_path / "archive")


@pytest.fixture
def two(kept_two: Kept, tmp_path: Path) -> Kept:
    return copied(*kept_two, tmp_path / "archive")


def read_at(archive: Archive) -> list[object]:
    with open_installation(load_settings(archive.directory)) as opened:
        return [
            one.read_at for name in ("first", "second") for one in opened.audits.replicas(StoreName(name))
        ]


def events(archive: Archive) -> int:
    with open_installation(load_settings(archive.directory)) as opened:
        return opened.journal.head().seq


def test_what_the_provider_states_is_compared_and_counts_as_no_reading(one: Kept):
    archive, _ = one
    age(archive, 10)
    before, recorded = read_at(archive), events(archive)
    told = lines(archive.run("audit", "--provider", "--json"))
    [silent, found] = told
    assert silent["store"] == "first"
    assert "nobody states checksums" in silent["sentence"]
    assert not silent["is_fault"]
    states = found["provider_states"]
    assert (states["replicas"], states["differing"]) == (1, 0)
    # The gateway states no more than an ETag, which is an MD5: tag manifests have none.
    assert states["agreeing"] > 3
    assert states["silent"] == len([key for key in archive.kept("first") if "/tagmanifest-" in key])
    assert states["agreeing"] + states["silent"] == len(archive.kept("first"))
    assert (read_at(archive), events(archive)) == (before, recorded)
    said = archive.run("audit", "--provider", "--store", "second").stdout
    assert "the provider states, and nothing was read" in said
    assert "Nothing was to be read now." in said


def test_what_the_provider_states_otherwise_is_read_and_is_damage_only_by_that(one: Kept):
    archive, address = one
    client().put_object(Bucket=address.bucket, Key=f"{address.prefix}/{PAGE}", Body=b"Another page")
    finished = archive.run("audit", "--provider", "--store", "second", "--json")
    assert finished.returncode == 4
    stated, read = lines(finished)
    assert stated["provider_states"]["differing"] == 1
    assert PAGE in stated["provider_states"]["sentences"][0]
    assert (read["not_as_kept"], read["damage"][0]["kind"]) == (1, "mismatched")


def test_the_daily_audit_of_such_a_store_asks_about_a_part_each_day_before_it_reads(
    one: Kept, monkeypatch: pytest.MonkeyPatch
):
    archive, _ = one
    monkeypatch.setattr("flows.archive.audit_provider.DAYS", 1)
    age(archive, 100)
    told = lines(archive.run("audit", "--json"))
    assert [("provider_states" in line, line["store"]) for line in told] == [
        (False, "first"),
        (True, "second"),
        (False, "second"),
    ]
    assert told[-1]["not_as_kept"] == 0


def test_what_is_read_for_what_the_provider_states_is_paid_from_the_money_of_the_day(
    two: Kept, monkeypatch: pytest.MonkeyPatch
):
    archive, address = two
    monkeypatch.setattr("flows.archive.audit_provider.DAYS", 1)
    age(archive, 100)
    size = sum(len(content) for key, content in archive.kept("first").items() if "/newer/" in key)
    policy = archive.directory / "policies" / "bit-level.toml"
    policy.write_text(f"{policy.read_text()}price = 1e9\nmoney = {size}\n")
    page = PAGE.replace("/ledger/", "/newer/")
    client().put_object(Bucket=address.bucket, Key=f"{address.prefix}/{page}", Body=b"Another page")
    told = lines(archive.run("audit", "--store", "second", "--json"))
    # It comes before the one that is longer unread, and nothing is left for that one.
    assert [one["package"] for one in told if "package" in one] == ["files/newer/v1"]


@pytest.mark.parametrize("limit", ["budget", "requests"])
def test_what_the_provider_states_otherwise_is_read_within_the_limits_of_the_day(
    two: Kept, monkeypatch: pytest.MonkeyPatch, limit: str
):
    archive, address = two
    monkeypatch.setattr("flows.archive.audit_provider.DAYS", 1)
    age(archive, 100)
    for page in (PAGE, PAGE.replace("/ledger/", "/newer/")):
        client().put_object(Bucket=address.bucket, Key=f"{address.prefix}/{page}", Body=b"Another page")
    of = {"budget": '"0.5 kB"', "requests": "1"}[limit]
    policy = archive.directory / "policies" / "bit-level.toml"
    policy.write_text(f"{policy.read_text()}{limit} = {of}\n")
    told = lines(archive.run("audit", "--store", "second", "--json"))
    # One that is more than a day may read is read by itself.
    assert [one["package"] for one in told if one.get("package")] == ["files/ledger/v1"]
    [left] = [one["sentence"] for one in told if "is_fault" in one]
    assert "1 replica of which the provider states otherwise not read" in left
