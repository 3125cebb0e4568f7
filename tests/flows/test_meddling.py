"""Somebody meddles while a drop is on its way, or between two tries; nothing is waved through."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from services.failing_prefect import at_stage
from support.archives import Archive
from support.command_runs import NearArchive, near
from support.flow_runs import installed, preserved_together

from demonstration.drawing import photograph, save_scan
from preservation.model.verdicts import Verdict

SIZE = (240, 160)


@pytest.fixture
def archive(fresh: NearArchive) -> Archive:
    return fresh


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    return make_scans(tmp_path / "drops")


def make_scans(folder: Path) -> Path:
    drop = folder / "sheet-012"
    drop.mkdir(parents=True)
    for number in range(4):
        save_scan(photograph(SIZE, number / 4), drop / f"page_{number:03d}.bmp", 300)
    return drop


def make_bag(folder: Path) -> Path:
    drop = folder / "letters"
    drop.mkdir(parents=True)
    (drop / "letter.txt").write_text("Dear brother\n")
    subprocess.run([sys.executable, "-m", "bagit", drop], check=True, capture_output=True)
    return drop


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> tuple[Archive, Path]:
    """An installation that keeps scans and a bag, and the folder of these drops: made once, only copied."""
    folder = tmp_path_factory.mktemp("kept")
    archive, drops = installed(folder / "archive", prefect_url), folder / "drops"
    made = (make_scans(drops), make_bag(drops))
    results = preserved_together(archive, *made, collection="images")
    assert [told.ending.verdict for told in results] == [Verdict.STORED] * 2, results
    return archive, drops


@pytest.fixture
def kept(kept_once: tuple[Archive, Path], tmp_path: Path) -> tuple[Archive, Path]:
    """An installation and drops of one's own, with the same content."""
    archive, drops = kept_once
    own = near(Archive(shutil.copytree(archive.directory, tmp_path / "archive"), archive.api_url))
    return own, shutil.copytree(drops, tmp_path / "drops")


def preserved_while(stage: str, act: Callable[[], None], archive: Archive, drop: Path) -> dict[str, Any]:
    """Preserve ``drop``, and do something as soon as ``stage`` begins."""
    with at_stage(stage, act):
        [told] = archive.preserve(drop)
    return told


def test_a_file_that_comes_while_the_drop_is_on_its_way_is_not_silently_left_out(
    archive: Archive, scans: Path
):
    told = preserved_while(
        "screen", lambda: save_scan(photograph(SIZE, 0.9), scans / "page_009.tif", 300), archive, scans
    )
    assert told["verdict"] == "rejected"
    assert "changed" in told["sentence"]
    assert archive.kept() == {}
    [told] = archive.preserve(scans)
    assert (told["verdict"], told["files"]) == ("stored", 5)


def test_a_policy_that_is_edited_on_the_way_does_not_shape_half_a_package(archive: Archive, scans: Path):
    file = archive.directory / "policies" / "digitized-images.toml"
    before = file.read_bytes()

    def edit() -> None:
        file.write_bytes(re.sub(rb"revision( *)= \d+", rb"revision\1= 99", before))
        assert file.read_bytes() != before

    told = preserved_while("plan", edit, archive, scans)
    assert told["verdict"] == "stored"
    kept = archive.kept()
    assert kept["images/sheet-012/v1/metadata/policy.toml"] == before
    assert b"revision 99" not in kept["images/sheet-012/v1/metadata/premis.xml"]
    assert "revision 99" not in Path(told["receipt"]).read_text()


def test_a_bag_that_was_kept_and_is_broken_now_is_rejected_not_already_kept(kept: tuple[Archive, Path]):
    archive, bag = kept[0], kept[1] / "letters"
    (bag / "bag-info.txt").write_text("Bag-Software-Agent: somebody else\n")
    [told] = archive.preserve(bag)
    assert told["verdict"] == "rejected"
    assert any(issue["code"].startswith("BAG-") for issue in told["issues"])


def test_a_bag_whose_tag_files_were_corrected_becomes_the_next_version(kept: tuple[Archive, Path]):
    archive, bag = kept[0], kept[1] / "letters"
    payload = (bag / "data" / "letter.txt").read_text()
    (bag / "bag-info.txt").unlink()
    for path in [*bag.glob("*manifest*.txt"), bag / "bagit.txt"]:
        path.unlink()
    (bag / "data" / "letter.txt").rename(bag / "letter.txt")
    (bag / "data").rmdir()
    subprocess.run(
        [sys.executable, "-m", "bagit", "--contact-name", "Ada Lund", bag], check=True, capture_output=True
    )
    assert (bag / "data" / "letter.txt").read_text() == payload
    [told] = archive.preserve(bag)
    assert (told["verdict"], told["object_version"]) == ("stored", 2)


def test_a_link_added_to_a_kept_drop_is_rejected_not_already_kept(kept: tuple[Archive, Path]):
    archive, scans = kept[0], kept[1] / "sheet-012"
    (scans / "master.bmp").symlink_to("page_000.bmp")
    [told] = archive.preserve(scans)
    assert told["verdict"] == "rejected"


def test_nobody_approves_what_was_not_asked(archive: Archive, tmp_path: Path):
    drop = tmp_path / "drops" / "unknown"
    drop.mkdir(parents=True)
    (drop / "capture.raw8").write_bytes(bytes((place * 97 + 31) % 251 for place in range(9000)))
    [told] = archive.preserve(drop, more=("--approve", "looks fine", "--by", "Bob"))
    assert told["verdict"] == "waiting"
    assert "looks fine" not in archive.run("journal", "show", "--json").stdout


def test_a_missing_key_is_told_as_itself_and_the_drop_is_stored(archive: Archive, scans: Path):
    (archive.directory / "state" / "keys").rename(archive.directory / "state" / "keys-away")
    finished = archive.run("preserve", scans, "--collection", "images", "--json")
    told = json.loads(finished.stdout)
    assert (told["verdict"], told["object_version"]) == ("stored", 1)
    assert finished.returncode == 2
    assert "journal was not sealed" in finished.stderr


def test_one_drops_trouble_is_not_the_others(archive: Archive, tmp_path: Path):
    drops = [tmp_path / "drops" / name for name in ("one", "two")]
    for number, drop in enumerate(drops):
        drop.mkdir(parents=True)
        save_scan(photograph(SIZE, number / 2), drop / "page.bmp", 300)
    # What should be a folder of the first object's package in a store is a file.
    (archive.store("second") / "images").mkdir()
    (archive.store("second") / "images" / "one").write_text("in the way")
    told = archive.preserve(*drops)
    assert [one["verdict"] for one in told] == ["interrupted", "stored"]
    assert "one" in told[0]["sentence"]


def test_a_policy_that_asks_for_more_than_there_is_says_so_before_a_byte_is_read(
    archive: Archive, scans: Path
):
    file = archive.directory / "policies" / "digitized-images.toml"
    file.write_bytes(file.read_bytes().replace(b"copies = 2", b"copies = 3"))
    for more in ((), ("--dry-run",)):
        finished = archive.run("preserve", scans, "--collection", "images", *more)
        assert finished.returncode == 2
        assert "3 copies" in finished.stderr
    doctor = archive.run("doctor")
    assert doctor.returncode == 2
    assert "3 copies" in doctor.stdout
