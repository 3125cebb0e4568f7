"""What lies in a bucket becomes the same objects as what lies so in a folder, and is fetched whole or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from support import bags
from support.memory_drop_bucket import Contents, MemoryDropBucket

from flows.adoption.bucket_holding import BucketHolding
from flows.adoption.candidates import AdoptionCandidate, CandidateKind, FoundEntry, candidates_in
from preservation.errors import ConfigurationError, SourceChangedError, UnavailableError
from preservation.model.paths import StoreKey
from preservation.policy.load import parse
from preservation.policy.shipped import shipped_policies
from preservation.settling.terms import SettlingTerms, settling_terms


@pytest.fixture(scope="module")
def terms() -> SettlingTerms:
    return settling_terms(parse(shipped_policies()["bit-level.toml"], "bit-level.toml"))


def placed(root: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{root}/{path}": content for path, content in files.items()}


INNER = {f"data/inner/{path}": content for path, content in bags.bag_files().items()}
TREES: dict[str, dict[str, bytes]] = {
    "a bag": placed("sheet", bags.bag_files()),
    "a bag deeper down, with litter": {
        **placed("box/deep/bag", bags.bag_files()),
        "box/.DS_Store": b"\0",
    },
    "bags beside each other": {
        **placed("maps/1911/north", bags.bag_files()),
        **placed("maps/1911/south", bags.bag_files()),
        **placed("maps/east", bags.bag_files(INNER)),
    },
    "bags, and what belongs to none": {
        **placed("maps/north", bags.bag_files()),
        **placed("maps/south", bags.bag_files()),
        "maps/a.txt": b"x",
        "maps/deep/b.txt": b"x",
    },
    "a bag and a note": {**placed("maps/north", bags.bag_files()), "maps/z.txt": b"x"},
    "folders and files": {
        "letters/page 1.txt": b"one",
        "letters/1911/page 2.txt": b"two",
        "scan.tif": b"II*\0",
        "packed.zip": b"PK",
        "packed.zip.md5": b"x",
        "Thumbs.db": b"x",
        ".hidden/a": b"x",
        "_odd/a": b"x",
    },
}


def holding(tmp_path: Path, files: Mapping[str, bytes]) -> tuple[BucketHolding, Contents]:
    contents = Contents()
    for key, content in files.items():
        contents.place(StoreKey(key), content)
    return BucketHolding(MemoryDropBucket("old", contents), tmp_path / "fetched", 2), contents


def summary(found: FoundEntry, root: str) -> tuple[object, ...]:
    if isinstance(found, AdoptionCandidate):
        return found.object_name, found.kind, found.files, found.bytes
    return found.place.removeprefix(root), found.refused


@pytest.mark.parametrize("tree", TREES)
def test_a_bucket_makes_up_the_objects_that_a_folder_does(tmp_path: Path, terms: SettlingTerms, tree: str):
    files = TREES[tree]
    place = bags.write(tmp_path / "place", files, folders=())
    bucket, _ = holding(tmp_path, files)
    # A bucket never lists what begins with a dot at its top.
    in_folder = [one for one in candidates_in(place, terms) if not one.place.endswith("/.hidden")]
    in_bucket = [one for one in bucket.candidates(terms) if not one.place.endswith("/.hidden")]
    assert [summary(one, "memory://old/") for one in in_bucket] == [
        summary(one, f"{place}/") for one in in_folder
    ]
    for one in in_bucket:
        if isinstance(one, AdoptionCandidate):
            bucket.fetch(one)
            original = place / one.key
            fetched = {str(path.relative_to(one.path)) for path in one.path.rglob("*")}
            assert fetched == {str(path.relative_to(original)) for path in original.rglob("*")}
            bucket.let_go(one)
            assert not one.path.exists()


def test_what_a_killed_run_had_half_fetched_is_fetched_anew(tmp_path: Path, terms: SettlingTerms):
    bucket, _ = holding(tmp_path, {"letters/a": b"one", "letters/b": b"two"})
    [found] = bucket.candidates(terms)
    assert isinstance(found, AdoptionCandidate)
    half = found.path.parent.parent / "arriving" / "letters"
    half.mkdir(parents=True)
    (half / "a").write_bytes(b"???")
    bucket.fetch(found)
    assert {path.name: path.read_bytes() for path in found.path.iterdir()} == {"a": b"one", "b": b"two"}


def test_what_was_fetched_whole_is_not_fetched_again_unless_it_changed(tmp_path: Path, terms: SettlingTerms):
    bucket, contents = holding(tmp_path, {"letters/a": b"one"})
    [found] = bucket.candidates(terms)
    assert isinstance(found, AdoptionCandidate)
    bucket.fetch(found)
    inode = (found.path / "a").stat().st_ino
    bucket.fetch(found)
    assert (found.path / "a").stat().st_ino == inode
    contents.place(StoreKey("letters/a"), b"new")
    [changed] = BucketHolding(MemoryDropBucket("old", contents), tmp_path / "fetched", 2).candidates(terms)
    assert isinstance(changed, AdoptionCandidate)
    bucket.fetch(changed)
    assert (changed.path, (found.path / "a").read_bytes()) == (found.path, b"new")


def test_what_is_gone_since_it_was_listed_is_said_to_be(tmp_path: Path, terms: SettlingTerms):
    bucket, contents = holding(tmp_path, {"letters/a": b"one"})
    [found] = bucket.candidates(terms)
    assert isinstance(found, AdoptionCandidate)
    contents.objects.clear()
    with pytest.raises(SourceChangedError):
        bucket.fetch(found)


def test_two_processes_do_not_fetch_from_one_place_at_once(tmp_path: Path, terms: SettlingTerms):
    bucket, contents = holding(tmp_path, {"letters/a": b"one"})
    [found] = bucket.candidates(terms)
    assert isinstance(found, AdoptionCandidate)
    bucket.fetch(found)
    other = BucketHolding(MemoryDropBucket("old", contents), tmp_path / "fetched", 2)
    with pytest.raises(UnavailableError):
        other.fetch(found)
    bucket.close()
    other.fetch(found)
    other.close()


def test_a_place_that_is_a_bag_itself_is_not_taken_file_by_file(tmp_path: Path, terms: SettlingTerms):
    bucket, _ = holding(tmp_path, bags.bag_files())
    with pytest.raises(ConfigurationError, match="name the place above it"):
        list(bucket.candidates(terms))


def test_the_signature_of_a_file_tells_a_mended_manifest_beside_it(tmp_path: Path, terms: SettlingTerms):
    files = {"scan.tif": b"II*\0", "scan.tif.md5": b"0", "box/a": b"x", "box.md5": b"0"}
    mended = {**files, "scan.tif.md5": b"1", "box.md5": b"1"}
    bucket, contents = holding(tmp_path, files)
    before = {one.object_name: one for one in bucket.candidates(terms) if isinstance(one, AdoptionCandidate)}
    for key in ("scan.tif.md5", "box.md5"):
        contents.place(StoreKey(key), mended[key])
    again = BucketHolding(MemoryDropBucket("old", contents), tmp_path / "fetched", 2)
    after = {one.object_name: one for one in again.candidates(terms) if isinstance(one, AdoptionCandidate)}
    assert before["scan.tif"].signature != after["scan.tif"].signature
    assert before["box"] == after["box"]


@pytest.mark.parametrize("came", ["letters/../../../../../outside", "letters//a", "letters/b"])
def test_what_came_since_it_was_listed_is_not_fetched(tmp_path: Path, terms: SettlingTerms, came: str):
    bucket, contents = holding(tmp_path / "deep" / "down", {"letters/a": b"one"})
    [found] = bucket.candidates(terms)
    assert isinstance(found, AdoptionCandidate)
    contents.place(StoreKey(came), b"evil")
    with pytest.raises(SourceChangedError, match="listed"):
        bucket.fetch(found)
    assert not found.path.exists()
    assert not [path for path in tmp_path.rglob("*") if path.name == "outside"]


def test_what_has_fewer_files_than_were_listed_is_not_fetched(tmp_path: Path, terms: SettlingTerms):
    bucket, contents = holding(tmp_path, {"letters/a": b"one", "letters/b": b"two"})
    [found] = bucket.candidates(terms)
    assert isinstance(found, AdoptionCandidate)
    del contents.objects[StoreKey("letters/b")]
    with pytest.raises(SourceChangedError, match="other files lie there"):
        bucket.fetch(found)
    assert not found.path.exists()


@pytest.mark.parametrize("name", ["vienna", "v1"])
def test_a_bag_of_anybody_in_a_folder_called_as_a_version_is_no_package(
    tmp_path: Path, terms: SettlingTerms, name: str
):
    bag = {**bags.bag_files(), "tagmanifest-sha256.txt": b"x", "bag-info.txt": b"Contact-Name: Ada\n"}
    bucket, _ = holding(tmp_path, placed(f"region/1911/{name}", bag))
    [found] = bucket.candidates(terms)
    assert isinstance(found, AdoptionCandidate)
    assert found.kind is CandidateKind.BAG
