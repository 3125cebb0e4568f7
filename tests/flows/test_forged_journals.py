"""A person who can write to the database and to every store, and has not the key, is found out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ordeals import forgeries
from ordeals.forgeries import FORGERIES, Forger, Forgery, check, forger, make_archive, offline, prove

from flows.archive.journal_check import JournalState
from flows.archive.journal_export import export_checked
from flows.archive.journal_seal import seal
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.errors import IntegrityError
from storage.journal.witness import MEMORY_NAME

SAMPLE = [one for number, one in enumerate(FORGERIES) if number % 4 == 0 or not one.entries]
"""Every fourth with other entries, and all with the same; make soak has all of them."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_archive(folder)
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "archive", tmp_path / "archive"))


@pytest.mark.parametrize("forgery", SAMPLE, ids=lambda one: one.name)
def test_a_forged_journal_is_never_taken_for_a_sound_one(forgery: Forgery, made: Path, tmp_path: Path):
    prove(forgery, made, tmp_path, "1")


def test_what_was_not_forged_is_intact_and_its_export_is_proved(home: Path, tmp_path: Path):
    assert check(home).state is JournalState.INTACT
    exported = export_checked(load_settings(home), tmp_path / "export")
    assert exported.checked.state is JournalState.INTACT
    assert offline(tmp_path / "export") == 0


def test_a_rollback_of_everything_is_found_by_a_witness_alone(made: Path, home: Path, tmp_path: Path):
    forgeries.old_everything(forger(home, made / "older", "1"))
    assert check(home).state is JournalState.INTACT
    witness = made / "witness.jsonl"
    checked = check(home, (witness,))
    assert checked.state is JournalState.BROKEN
    assert any(f"witness {witness}" in sentence for sentence in checked.sentences)
    export_checked(load_settings(home), tmp_path / "export")
    assert offline(tmp_path / "export") == 0
    assert offline(tmp_path / "export", "--witness", str(witness)) == 1


def test_a_witness_of_a_journal_that_went_on_finds_nothing(made: Path, home: Path, tmp_path: Path):
    assert check(home, (made / "witness.jsonl",)).state is JournalState.INTACT
    export_checked(load_settings(home), tmp_path / "export")
    assert offline(tmp_path / "export", "--witness", str(made / "witness.jsonl")) == 0


def test_without_the_memory_a_journal_that_nothing_vouches_for_is_not_signed(home: Path, tmp_path: Path):
    (home / "state" / "keys" / MEMORY_NAME).unlink()
    one = forger(home, home, "2")
    one.write(forgeries.rewrite(one, one.lines()))
    forgeries.no_folder_anywhere(one)
    assert check(home).state is JournalState.NOT_COMPARED
    assert export_checked(load_settings(home), tmp_path / "export").checked.state is JournalState.NOT_COMPARED
    assert offline(tmp_path / "export") == 1
    with (
        open_installation(load_settings(home)) as opened,
        pytest.raises(IntegrityError, match="nothing vouches for it"),
    ):
        seal(opened)


@pytest.mark.parametrize(
    "damage",
    [
        forgeries.no_heads,
        forgeries.no_heads_in_one_store,
        forgeries.no_heads_anywhere,
        forgeries.no_folder_anywhere,
        forgeries.a_copy_altered,
        forgeries.a_copy_removed,
        forgeries.a_copy_rehashed,
        forgeries.a_folder_removed,
    ],
)
def test_what_stores_or_database_lost_of_a_sound_journal_is_given_again(
    damage: Callable[[Forger], None], made: Path, tmp_path: Path
):
    for seed in ("1", "2", "3"):
        home = Path(shutil.copytree(made / "archive", tmp_path / seed))
        damage(forger(home, home, seed))
        before = check(home)
        assert before.state in {JournalState.DISAGREES, JournalState.NOT_COMPARED}
        with open_installation(load_settings(home)) as opened:
            sealed = seal(opened)
            assert sealed.repairs
            assert any("has " in entry.note for entry in opened.journal.about("_journal"))
        assert check(home).state is JournalState.INTACT
