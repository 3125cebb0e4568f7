"""A version that lost files, or is another object, is never plainly green: the policy says what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import ask_prefect, surroundings
from support.kept_object import Letters, keep_letters

from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Letters:
    return keep_letters(tmp_path_factory.mktemp("lacking"))


@pytest.fixture
def kept(kept_once: Letters, tmp_path: Path) -> Letters:
    return kept_once.copied(tmp_path)


def set_policy(archive: Archive, old: str, new: str) -> None:
    policy = archive.directory / "policies" / "bit-level.toml"
    text = policy.read_text()
    assert old in text
    policy.write_text(text.replace(old, new))


def receipt_of(told: dict[str, Any]) -> tuple[dict[str, Any], str]:
    page = Path(told["receipt"])
    receipt: dict[str, Any] = json.loads(page.with_suffix(".json").read_bytes())
    return receipt, page.read_text()


def test_a_version_that_lost_a_page_waits_for_a_person_and_says_so_wherever_it_is_shown(
    kept: Letters, tmp_path: Path
):
    archive = kept.archive
    set_policy(archive, 'removed   = "keep"', 'removed = "ask"')
    (kept.drop / "1911" / "to my sister.txt").unlink()
    (kept.drop / "note.txt").rename(kept.drop / "notes.txt")
    (kept.drop / "1911" / "to Anna.txt").write_text("Dear Anna\n")
    question = "files/letters/v1 has 1 file that the drop does not have: 1911/to my sister.txt."

    dry = archive.run("preserve", kept.drop, "-c", "files", "--dry-run")
    assert dry.returncode == 7
    assert "compared with files/letters/v1: 1 added, 1 renamed, 1 removed" in dry.stdout
    assert question in dry.stdout
    [line] = archive.preserve(kept.drop, collection="files", more=("--dry-run",))
    assert line["compared"] == {
        "object_version": 1, "originals": 3, "added": 1, "changed": 0, "renamed": 1, "removed": 1,
    }  # fmt: skip

    [told] = archive.preserve(kept.drop, collection="files")
    assert told["verdict"] == "waiting"
    assert told["sentence"] == question
    [issue] = [one for one in told["issues"] if one["code"] == "VER-006"]
    assert issue["severity"] == "question"
    assert "have the drop approved" in issue["next_step"]
    receipt, page = receipt_of(told)
    differs = {
        "object_version": 1, "originals": 3, "added": ["1911/to Anna.txt"], "changed": [],
        "renamed": [["note.txt", "notes.txt"]], "removed": ["1911/to my sister.txt"],
    }  # fmt: skip
    assert receipt["compared"] == differs
    assert "Compared with version 1" in page

    approve = ("--approve", "the letter was never ours", "--by", "A. Turner")
    [told] = archive.preserve(kept.drop, collection="files", more=approve)
    assert (told["verdict"], told["object_version"], told["kept"]["files"]) == ("stored", 2, 3)
    assert "files/letters/v1 has 1 file that this version does not have." in told["sentence"]
    receipt, page = receipt_of(told)
    assert receipt["headline"] == "Kept, without 1 file of version 1."
    assert receipt["compared"] == differs
    assert "left out on purpose" in receipt["next_step"]
    assert "Removed: 1 file" in page

    restored = archive.run("restore", "files/letters", tmp_path / "back", "--dry-run")
    assert restored.returncode == 0
    assert "RST-010" in restored.stdout
    assert "files/letters/v1 has 1 file that files/letters/v2 does not have." in restored.stdout
    first = archive.run("restore", "files/letters", tmp_path / "back", "--dry-run", "--version", "1")
    assert "RST-010" not in first.stdout


def test_another_object_under_the_name_is_asked_about_or_rejected(kept: Letters):
    archive = kept.archive
    set_policy(archive, 'unrelated = "keep"', 'unrelated = "ask"')
    other = kept.drop.with_name("other") / "letters"
    other.mkdir(parents=True)
    (other / "page.txt").write_text("Another book\n")
    [told] = archive.preserve(other, collection="files")
    assert told["verdict"] == "waiting"
    assert "has nothing in common with files/letters/v1" in told["sentence"]
    assert {issue["code"] for issue in told["issues"] if issue["severity"] != "info"} == {"VER-007"}

    set_policy(archive, 'unrelated = "ask"', 'unrelated = "reject"')
    [told] = archive.preserve(other, collection="files")
    assert told["verdict"] == "rejected"


def test_a_policy_without_the_section_keeps_and_the_receipt_warns(kept: Letters):
    archive = kept.archive
    policy = archive.directory / "policies" / "bit-level.toml"
    policy.write_text(policy.read_text().partition("[versions]")[0])
    (kept.drop / "note.txt").unlink()
    [told] = archive.preserve(kept.drop, collection="files")
    assert told["verdict"] == "stored"
    graver = [(one["code"], one["severity"]) for one in told["issues"] if one["severity"] != "info"]
    assert graver == [("VER-006", "warning")]
    receipt, _ = receipt_of(told)
    assert receipt["headline"] == "Kept, without 1 file of version 1."
    # All that is in it had been kept, and yet it has a file of its own.
    [status] = [json.loads(archive.run("status", "files/letters", "--json").stdout)]
    assert [(one["files"], one["new_files"], one["kept_files"]) for one in status["versions"]] == [
        (3, 3, 0), (2, 1, 1),
    ]  # fmt: skip
    assert status["versions"][1]["new_bytes"] == len("Dear sister\n" * 50)
    assert "2 files of the package, 1 had been kept before" in told["sentence"]


def test_what_was_left_out_counts_as_kept_in_no_form_of_the_answer(kept: Letters, prefect_url: str):
    archive = near(Archive(kept.archive.directory, prefect_url), in_prefect=True)
    set_policy(archive, 'junk_action = "keep"', 'junk_action = "leave-out"')
    drop = kept.drop.with_name("with-junk")
    drop.mkdir()
    (drop / "photo.txt").write_text("A photo\n")
    (drop / "Thumbs.db").write_text("junk")
    finished = archive.run("preserve", drop, "-c", "files", "--json")
    assert finished.returncode == 0
    told = json.loads(finished.stdout)
    sentence = (
        "Kept as files/with-junk/v1: 1 file, read back from first and second and matched. "
        "1 file of the drop was left out."
    )
    assert told["sentence"] == sentence
    assert (told["files"], told["kept"]) == (2, {"files": 1, "bytes": 8})
    receipt, page = receipt_of(told)
    assert (receipt["sentence"], receipt["figures"]["kept"]) == (sentence, 1)
    assert sentence in page
    with surroundings(archive), open_installation(load_settings(archive.directory)) as opened:
        notes = [
            entry.note
            for entry in opened.journal.about("files/with-junk")
            if entry.event_type == "ingestion end"
        ]
        assert notes == [sentence]
        assert opened.catalogue.counts().files == 4
    [run] = ask_prefect(
        archive.api_url, "flow_runs", {"flow_runs": {"name": {"any_": ["preserve files/with-junk"]}}}
    )
    assert (run["state"]["name"], run["state"]["message"]) == ("Stored", sentence)
    status = json.loads(archive.run("status", "files/with-junk", "--json").stdout)
    assert [(one["files"], one["new_files"]) for one in status["versions"]] == [(1, 1)]
