"""What is said of an old holding: what it was held against, and what nothing can tell any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import bags

from preservation.bagit import codes
from preservation.intake.former_fixity import (
    bagging_date,
    former_fixity_by,
    former_fixity_issue,
    former_fixity_of_bag,
)
from preservation.model.events import EventOutcome
from preservation.model.supplied import ManifestTally


@pytest.mark.parametrize("version", ["0.93", "0.94", "0.95", "0.96", "0.97", "1.0"])
def test_the_date_of_a_bag_is_found_in_the_metadata_of_its_version(tmp_path: Path, version: str):
    name = "package-info.txt" if version < "0.96" else "bag-info.txt"
    dated = {name: b"Contact-Name: Ada\nbagging-date: 2009-03-14\n"}
    bag = bags.write(tmp_path / "bag", bags.bag_files(version=version, replacing=dated))
    assert bagging_date(bag) == "2009-03-14"


@pytest.mark.parametrize("metadata", [b"", b"no colon\n", b"\xff\xfe\xff", b"Bagging-Date: " + b"9" * 70_000])
def test_a_date_that_cannot_be_read_is_none_and_a_long_one_is_cut(tmp_path: Path, metadata: bytes):
    bag = bags.write(tmp_path / "bag", bags.bag_files(replacing={"bag-info.txt": metadata}))
    assert bagging_date(bag) == "9" * 40 * metadata.startswith(b"Bagging")


def test_a_bag_without_metadata_is_undated(tmp_path: Path):
    bag = bags.write(tmp_path / "bag", bags.bag_files(replacing={"bag-info.txt": None}))
    former = former_fixity_of_bag(bag, ())
    assert former.statement == "held against the bag's own manifests of sha256, undated"
    assert former.outcome is EventOutcome.SUCCESS


def test_every_algorithm_of_a_bag_is_named(tmp_path: Path):
    bag = bags.write(tmp_path / "bag", bags.bag_files(algorithms=("sha1", "md5", "sha224")))
    assert "manifests of md5 and sha1 and sha224" in former_fixity_of_bag(bag, ()).statement


def test_a_bag_by_an_algorithm_that_nothing_computes_was_held_against_nothing(tmp_path: Path):
    bag = bags.write(tmp_path / "bag", bags.bag_files())
    (bag / "manifest-sha256.txt").rename(bag / "manifest-whirlpool9.txt")
    former = former_fixity_of_bag(bag, ())
    assert (former.record, former.outcome) == ("", EventOutcome.WARNING)
    assert former_fixity_issue(former).code == "INT-011"


def test_a_damaged_bag_is_not_said_to_have_what_it_lists(tmp_path: Path):
    bag = bags.write(tmp_path / "bag", bags.bag_files())
    former = former_fixity_of_bag(bag, [codes.error(codes.FILE_UNREADABLE, "It cannot be read.")])
    assert (former.outcome, former.sentence) == (EventOutcome.FAIL, "it is not valid")


@pytest.mark.parametrize(
    ("tally", "record", "outcome"),
    [
        (ManifestTally(), "", EventOutcome.WARNING),
        (ManifestTally(1, ("a.md5",), 3, unusable=3), "", EventOutcome.WARNING),
        (ManifestTally(1, ("a.md5",), 3, missing=3), "", EventOutcome.WARNING),
        (ManifestTally(1, ("a.md5",), 3, confirmed=3), "the manifests", EventOutcome.SUCCESS),
        (ManifestTally(1, ("a.md5",), 3, confirmed=3, unlisted=1), "the manifests", EventOutcome.WARNING),
        (ManifestTally(1, ("a.md5",), 3, confirmed=2, differing=1), "the manifests", EventOutcome.FAIL),
    ],
)
def test_manifests_count_only_where_a_file_was_compared(
    tally: ManifestTally, record: str, outcome: EventOutcome
):
    former = former_fixity_by(tally)
    assert former.record.startswith(record)
    assert bool(former.record) == bool(record)
    assert former.outcome is outcome
