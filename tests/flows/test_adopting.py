"""Old holdings come along: plain folders, bags of anybody's; what was not known of them is said."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import bagit
import pytest
from support import bags
from support.archives import MUNIMENT, Archive
from support.command_runs import NearArchive
from support.database_rows import database_rows
from support.json_lines import lines_of
from support.waiting import until


@pytest.fixture
def archive(fresh: NearArchive) -> NearArchive:
    return fresh


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An old server: two plain folders, bags of others, one of them damaged, and what is no object."""
    place = tmp_path / "old server"
    for folder, files in {"letters": 3, "diary 1911": 2}.items():
        (place / folder).mkdir(parents=True)
        for number in range(files):
            (place / folder / f"page {number}.txt").write_text(f"{folder}, page {number}\n" * 50)
    of_old = bags.bag_files(
        version="0.93",
        algorithms=("md5", "sha1"),
        replacing={"package-info.txt": b"Bagging-Date: 2008-02-29\n"},
    )
    bags.write(place / "boxes" / "box 1", of_old)
    _bag_of_the_library(place / "boxes" / "box 2")
    damaged = bags.write(place / "broken", bags.bag_files())
    (damaged / "data" / "letter.txt").write_bytes(b"Dear leader.\n")
    (place / "empty").mkdir()
    (place / "shortcut").symlink_to(place / "letters")
    (place / "Thumbs.db").write_bytes(b"\0")
    return place


def _bag_of_the_library(folder: Path) -> None:
    """A bag as the Library of Congress's program makes it; it changes the working directory meanwhile."""
    folder.mkdir(parents=True)
    (folder / "map.txt").write_text("Here be dragons\n")
    bagit.make_bag(str(folder), {"Bagging-Date": "2015-06-01"}, checksums=["sha512"])


def tree_of(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder: its mode, its time of change, its content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


def adopted(archive: Archive, place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return archive.run("adopt", place, "--collection", "files", "--json", *more)


def test_a_dry_run_says_what_each_becomes_and_changes_nothing(archive: NearArchive, old: Path):
    before, rows, state = tree_of(old), database_rows(archive), sorted(tree_of(archive.directory))
    dry = adopted(archive, old, "--dry-run")
    assert dry.returncode == 3, dry
    assert {line["object"]: line["kind"] for line in lines_of(dry, "object")} == {
        "files/boxes__box 1": "bag",
        "files/boxes__box 2": "bag",
        "files/broken": "bag",
        "files/diary 1911": "folder",
        "files/letters": "folder",
    }
    left = {Path(line["place"]).name: line["refused"] for line in lines_of(dry, "left")}
    assert left == {"empty": True, "shortcut": True, "Thumbs.db": False}
    [plan] = lines_of(dry, "plan")
    assert (plan["objects"], plan["files"], plan["seconds"]) == (5, 24, None)
    assert plan["bytes"] == sum(line["bytes"] for line in lines_of(dry, "object"))
    assert tree_of(old) == before
    assert database_rows(archive) == rows
    assert sorted(tree_of(archive.directory)) == sorted([*state, "state/.adopting.lock"])


def test_what_was_never_listed_is_kept_and_its_fixity_before_is_said_to_be_unknown(
    archive: NearArchive, old: Path
):
    before = tree_of(old)
    done = adopted(archive, old)
    assert done.returncode == 3, done
    results = {line["object"]: line for line in lines_of(done, "result")}
    assert {name: line["verdict"] for name, line in results.items()} == {
        "files/boxes__box 1": "stored",
        "files/boxes__box 2": "stored",
        "files/broken": "rejected",
        "files/diary 1911": "stored",
        "files/letters": "stored",
    }
    assert tree_of(old) == before
    plain, bag = (
        archive.store("first") / "files" / name / "v1" / "metadata" / "premis.xml"
        for name in ("letters", "boxes__box 1")
    )
    assert "fixity unknown before: nothing that others had recorded" in plain.read_text()
    held = "held against the bag&#39;s own manifests of md5 and sha1, dated 2008-02-29"
    assert held.replace("&#39;", "'") in bag.read_text().replace("&#39;", "'").replace("&apos;", "'")
    assert "INT-011" in _codes(results["files/letters"])
    assert "INT-012" in _codes(results["files/boxes__box 1"])
    # What is wrong with it is named, file by file, and nothing says that it was held to be right.
    wrong = results["files/broken"]["issues"]
    assert "letter.txt" in {issue["path"] for issue in wrong}
    assert "every file has the digests" not in json.dumps(wrong)
    assert not (archive.store("first") / "files" / "broken").exists()
    shown = archive.run("journal", "show", "files/letters").stdout
    assert f"an old holding that is to be adopted, from {old}/letters; fixity unknown before" in shown


def _codes(result: dict[str, Any]) -> set[str]:
    return {issue["code"] for issue in result["issues"]}


def test_what_is_kept_and_lies_there_unchanged_is_not_read_again(archive: NearArchive, old: Path):
    assert adopted(archive, old).returncode == 3
    rows = database_rows(archive)
    again = adopted(archive, old)
    assert again.returncode == 3
    assert lines_of(again, "result") == []
    before = {line["object"]: line["before"] for line in lines_of(again, "object")}
    assert before["files/broken"] == "rejected"
    assert {name for name, verdict in before.items() if verdict == "stored"} == set(before) - {"files/broken"}
    assert database_rows(archive) == rows
    (old / "letters" / "page 3.txt").write_text("found in a drawer\n")
    planned = {line["object"]: line for line in lines_of(adopted(archive, old, "--dry-run"), "object")}
    assert (planned["files/letters"]["before"], planned["files/letters"]["kept_version"]) == (None, 1)
    assert planned["files/diary 1911"]["kept_version"] is None
    # It is mended: a damaged bag that was made anew is looked at again.
    (old / "broken" / "data" / "letter.txt").write_bytes(bags.PAYLOAD["data/letter.txt"])
    (old / "empty").rmdir()
    (old / "shortcut").unlink()
    more = adopted(archive, old)
    assert more.returncode == 0, more
    assert {line["object"]: line["object_version"] for line in lines_of(more, "result")} == {
        "files/broken": 1,
        "files/letters": 2,
    }


def test_a_budget_stops_and_the_next_run_goes_on(archive: NearArchive, old: Path):
    shutil.rmtree(old / "broken")
    (old / "empty").rmdir()
    (old / "shortcut").unlink()
    seen: list[str] = []
    for _ in range(9):
        run = adopted(archive, old, "--budget", "2 kB")
        seen += [line["object"] for line in lines_of(run, "result")]
        if not (later := lines_of(run, "later")):
            break
        assert run.returncode == 6
        assert later[0]["objects"] == 4 - len(seen)
    assert run.returncode == 0
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.in_prefect
def test_killed_in_the_midst_it_goes_on_and_keeps_nothing_twice(archive: NearArchive, tmp_path: Path):
    place = tmp_path / "old"
    for number in range(6):
        (place / f"box {number}").mkdir(parents=True)
        (place / f"box {number}" / "page.txt").write_text(f"Page {number}\n" * 100)
    with subprocess.Popen(
        [str(MUNIMENT), "adopt", place, "-c", "files", "-C", archive.directory],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**archive.environment, "MUNIMENT_WORK__BATCH": "2"},
    ) as process:
        until(lambda: len(list(archive.store("first").glob("files/*/v1/tagmanifest-*.txt"))) > 2)
        process.send_signal(signal.SIGKILL)
    again = adopted(archive, place)
    assert again.returncode == 0, again
    for store in ("first", "second"):
        kept = sorted(path.parent.name for path in archive.store(store).glob("files/*/v*"))
        assert kept == [f"box {number}" for number in range(6)]
    assert archive.run("journal", "verify").stdout.startswith("INTACT")
    assert not list((archive.directory / "processing").glob("files/*"))


def test_a_folder_is_one_object_where_that_is_asked(archive: NearArchive, old: Path):
    shutil.rmtree(old / "broken")
    (old / "shortcut").unlink()
    done = adopted(archive, old, "--one", "--as", "old-server", "--dry-run")
    assert done.returncode == 0, done
    [line] = lines_of(done, "object")
    assert (line["object"], line["kind"]) == ("files/old-server", "folder")
    assert archive.run("adopt", old, "-c", "files", "--as", "x").returncode == 2


def test_nothing_of_the_installation_itself_is_adopted(archive: NearArchive):
    for place in (
        archive.store("first") / ".incoming",
        archive.directory.parent,
        archive.directory / "stores",
    ):
        refused = archive.run("adopt", place, "-c", "files")
        assert refused.returncode == 2, refused
        assert "belongs to this installation" in refused.stderr


def test_bags_of_every_version_are_adopted_where_they_are_valid_and_no_others(
    archive: NearArchive, corpora: Path
):
    suite = corpora / "bagit-conformance-suite"
    results = lines_of(adopted(archive, suite), "result")
    verdicts = {Path(line["place"]).relative_to(suite).parts: line["verdict"] for line in results}
    assert {version for version, *_ in verdicts} == {
        f"v{one}" for one in ("0.93", "0.94", "0.95", "0.96", "0.97", "1.0")
    }
    assert {verdict for (_, truth, *_), verdict in verdicts.items() if truth == "valid"} == {"stored"}
    wrong = {"invalid", "linux-only"}
    assert {verdict for (_, truth, *_), verdict in verdicts.items() if truth in wrong} == {"rejected"}


def test_without_the_record_of_what_was_adopted_it_is_found_to_be_kept(archive: NearArchive, old: Path):
    assert adopted(archive, old / "letters", "--one").returncode == 0
    shutil.rmtree(archive.directory / "state" / "adopted")
    [line] = lines_of(adopted(archive, old / "letters", "--one"), "result")
    assert (line["verdict"], line["object_version"]) == ("already-kept", 1)


@pytest.fixture
def asking(archive: NearArchive) -> NearArchive:
    """An installation whose policy asks a person about every file."""
    policy = archive.directory / "policies" / "bit-level.toml"
    head, _, rest = policy.read_text().partition("[otherwise]\naction")
    assert rest
    policy.write_text(f'{head}[otherwise]\naction = "ask"{rest[rest.index(chr(10)) :]}')
    return archive


def test_what_waits_costs_no_budget_and_what_a_person_refused_is_not_asked_again(
    asking: NearArchive, tmp_path: Path
):
    place = tmp_path / "boxes"
    for number in range(2):
        (place / f"box {number}").mkdir(parents=True)
        (place / f"box {number}" / "page.txt").write_text("Page\n" * 200)
    first, second = (adopted(asking, place, "--budget", "1 kB") for _ in range(2))
    assert (first.returncode, second.returncode) == (6, 7), second
    assert [line["object"] for one in (first, second) for line in lines_of(one, "result")] == [
        "files/box 0",
        "files/box 1",
    ]
    assert asking.run("refuse", "files/box 0", "--because", "not ours", "--by", "Ada").returncode == 0
    asking.run("approve", "files/box 1", "--because", "seen", "--by", "Ada")
    third = adopted(asking, place)
    assert third.returncode == 3, third
    before = {line["object"]: (line["before"], line["sentence"]) for line in lines_of(third, "object")}
    assert before["files/box 0"][0] == "rejected"
    assert "Ada" in before["files/box 0"][1]
    assert [line["verdict"] for line in lines_of(third, "result")] == ["already-kept"]
    (place / "box 0" / "page.txt").write_text("Page\n" * 201)
    assert [line["verdict"] for line in lines_of(adopted(asking, place), "result")] == ["waiting"]
