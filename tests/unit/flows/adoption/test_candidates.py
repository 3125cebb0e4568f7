"""What in an old holding becomes which object, and what is left, without a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import bags

from flows.adoption.candidates import AdoptionCandidate, CandidateKind, LeftOut, candidates_in
from preservation.policy.load import parse
from preservation.policy.shipped import shipped_policies
from preservation.settling.terms import SettlingTerms, settling_terms


@pytest.fixture(scope="module")
def terms() -> SettlingTerms:
    return settling_terms(parse(shipped_policies()["bit-level.toml"], "bit-level.toml"))


def names_of(place: Path, terms: SettlingTerms) -> list[str]:
    return [one.object_name for one in candidates_in(place, terms) if isinstance(one, AdoptionCandidate)]


def refused_in(place: Path, terms: SettlingTerms) -> dict[str, str]:
    return {
        Path(one.place).name: one.sentence
        for one in candidates_in(place, terms)
        if isinstance(one, LeftOut) and one.refused
    }


def test_each_bag_below_a_folder_is_an_object_called_by_the_folders_on_the_way(
    tmp_path: Path, terms: SettlingTerms
):
    for bag in ("maps/1911/north", "maps/1911/south", "maps/east"):
        bags.write(tmp_path / bag, bags.bag_files())
    assert names_of(tmp_path, terms) == ["maps__1911__north", "maps__1911__south", "maps__east"]
    assert refused_in(tmp_path, terms) == {}


def test_a_bag_in_a_bag_is_a_part_of_it(tmp_path: Path, terms: SettlingTerms):
    inner = {f"data/inner/{path}": content for path, content in bags.bag_files().items()}
    bags.write(tmp_path / "house" / "outer", bags.bag_files(inner))
    bags.write(tmp_path / "house" / "other", bags.bag_files())
    bags.write(tmp_path / "alone", bags.bag_files(inner))
    assert names_of(tmp_path, terms) == ["alone", "house__other", "house__outer"]


def test_what_lies_beside_bags_is_named_and_litter_is_not(tmp_path: Path, terms: SettlingTerms):
    for bag in ("north", "south"):
        bags.write(tmp_path / "maps" / bag, bags.bag_files())
    (tmp_path / "maps" / ".DS_Store").write_bytes(b"\0")
    assert refused_in(tmp_path, terms) == {}
    for number in range(5):
        (tmp_path / "maps" / f"note {number}.txt").write_text("x")
    assert "'note 2.txt' and 2 more, which no bag has" in refused_in(tmp_path, terms)["maps"]
    assert names_of(tmp_path, terms) == ["maps__north", "maps__south"]


def test_a_bag_that_is_all_there_is_in_a_folder_is_the_folder(tmp_path: Path, terms: SettlingTerms):
    bags.write(tmp_path / "box" / "bag", bags.bag_files(algorithms=("md5",)))
    [found] = candidates_in(tmp_path, terms)
    assert isinstance(found, AdoptionCandidate)
    assert (found.object_name, found.kind, found.described) == (
        "box",
        CandidateKind.BAG,
        "a bag (md5; undated)",
    )


def test_names_that_could_be_those_of_two_objects_are_refused(tmp_path: Path, terms: SettlingTerms):
    bags.write(tmp_path / "maps" / "a__b", bags.bag_files())
    bags.write(tmp_path / "maps" / "c", bags.bag_files())
    assert "neither may have it" in refused_in(tmp_path, terms)["a__b"]
    assert names_of(tmp_path, terms) == ["maps__c"]


def test_what_has_no_file_but_something_that_cannot_be_kept_is_no_empty_folder(
    tmp_path: Path, terms: SettlingTerms
):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "there").symlink_to("/etc")
    (tmp_path / "hollow" / "deep").mkdir(parents=True)
    assert names_of(tmp_path, terms) == ["links"]
    assert list(refused_in(tmp_path, terms)) == ["hollow"]


def test_a_folder_that_is_a_bag_and_a_file_are_one_object(tmp_path: Path, terms: SettlingTerms):
    assert names_of(bags.write(tmp_path / "sheet", bags.bag_files()), terms) == ["sheet"]
    assert names_of(bags.zipped(tmp_path / "packed.zip", bags.bag_files()), terms) == ["packed"]


def test_a_file_of_the_name_of_a_declaration_that_is_a_link_makes_no_bag(
    tmp_path: Path, terms: SettlingTerms
):
    bag = bags.write(tmp_path / "bag", bags.bag_files())
    (tmp_path / "old" / "trap").mkdir(parents=True)
    (tmp_path / "old" / "trap" / "bagit.txt").symlink_to(bag / "bagit.txt")
    (tmp_path / "old" / "note.txt").write_text("x")
    assert names_of(tmp_path, terms) == ["bag", "old"]


def test_the_signature_tells_a_changed_file_from_an_unchanged_one(tmp_path: Path, terms: SettlingTerms):
    (tmp_path / "box").mkdir()
    page = tmp_path / "box" / "page.txt"
    page.write_text("one")
    [before] = candidates_in(tmp_path, terms)
    [same] = candidates_in(tmp_path, terms)
    page.write_text("two ")
    [after] = candidates_in(tmp_path, terms)
    assert isinstance(before, AdoptionCandidate)
    assert isinstance(after, AdoptionCandidate)
    assert before == same
    assert before.signature != after.signature


def test_the_signature_of_a_file_tells_a_mended_manifest_beside_it(tmp_path: Path, terms: SettlingTerms):
    (tmp_path / "scan.txt").write_text("one")
    (tmp_path / "other.txt").write_text("one")
    signatures = []
    for digest in ("0" * 32, "f97c5d29941bfb1b2fdab0874906ab82 "):
        (tmp_path / "scan.txt.md5").write_text(f"{digest}  scan.txt\n")
        found = [one for one in candidates_in(tmp_path, terms) if isinstance(one, AdoptionCandidate)]
        signatures.append({one.object_name: one.signature for one in found})
    before, after = signatures
    assert before["scan.txt"] != after["scan.txt"]
    assert before["other.txt"] == after["other.txt"]
