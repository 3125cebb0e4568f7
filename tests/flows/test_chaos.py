"""Rehearsals by the command: a store that is there for it is damaged, and repair puts it right again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.archives import Archive
from support.command_runs import near
from support.kept_object import Letters, keep_letters
from support.replica_damage import damages_between

from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.bagit.validation import validate
from preservation.model.identifiers import StoreName
from storage.injuries import InjuryKind


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Letters:
    return keep_letters(tmp_path_factory.mktemp("rehearsed"))


@pytest.fixture
def archive(kept_once: Letters, tmp_path: Path) -> Archive:
    return near(kept_once.copied(tmp_path).archive)


def rehearsal(archive: Archive, store: str = "second") -> None:
    file = archive.directory / "muniment.toml"
    name = f'name = "{store}"\n'
    assert name in file.read_text()
    file.write_text(file.read_text().replace(name, f"{name}rehearsal = true\n"))


def chaos(archive: Archive, seed: int, *words: str) -> list[dict[str, object]]:
    finished = archive.run("chaos", "--store", "second", "--seed", str(seed), "--json", *words)
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_a_store_that_is_not_there_to_be_damaged_is_refused(archive: Archive):
    before = archive.kept("second")
    for store in ("second", "third"):
        finished = archive.run("chaos", "--store", store, "--seed", "1")
        assert finished.returncode == 2
        assert "rehearsal = true" in finished.stderr
    rehearsal(archive)
    assert archive.run("chaos", "--store", "first", "--seed", "1").returncode == 2
    assert archive.kept("second") == before
    assert archive.kept("first") == before


def test_a_dry_run_names_what_would_be_done_and_does_not_do_it(archive: Archive):
    rehearsal(archive)
    before = archive.kept("second")
    planned = chaos(archive, 5, "--dry-run")
    assert archive.kept("second") == before
    done = chaos(archive, 5)
    assert [(one["injury"], one["keys"]) for one in planned] == [(one["injury"], one["keys"]) for one in done]
    assert {one["what"] for one in planned} == {""}
    assert all(one["what"] for one in done)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_it_says_it_did_is_what_is_damaged_and_repair_puts_all_of_it_right(archive: Archive, seed: int):
    rehearsal(archive)
    before = archive.kept("second")
    done = chaos(archive, seed, "--count", "4")
    now = archive.kept("second")
    changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
    injured = {key for one in done for key in one["keys"]}  # type: ignore[attr-defined]  # of JSON
    beside = changed - injured
    assert injured <= changed
    assert bool(beside) == any(one["injury"] == InjuryKind.FORGED for one in done)
    assert all("manifest-" in key for key in beside)
    with open_installation(load_settings(archive.directory)) as opened:
        opened.audits.record_damage(list(damages_between(StoreName("second"), before, now)), ())
        numbers = [str(one.number) for one in opened.audits.damages()]
    assert len(numbers) == len(changed)
    approved = archive.run("repair", "approve", *numbers, "--because", "a rehearsal", "--by", "A. Turner")
    assert approved.returncode == 0, approved.stderr
    finished = archive.run("repair", "--all")
    assert finished.returncode == 0, finished.stdout
    assert archive.kept("second") == before
    assert archive.kept("first") == before
    assert validate(archive.store("second") / "files/letters/v1").valid


def test_an_empty_store_has_nothing_to_damage(installation: Archive):
    archive = near(installation)
    rehearsal(archive)
    finished = archive.run("chaos", "--store", "second", "--seed", "1")
    assert finished.stdout == "Store second holds nothing to damage.\n"
