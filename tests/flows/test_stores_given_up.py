"""A store that is lost, and one that is drained while it works: every package is where it is promised."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.archives import MUNIMENT, Archive
from support.command_runs import NearArchive
from support.flow_runs import preserved

from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.bagit.validation import validate
from preservation.model.verdicts import Verdict

THIRD = '\n[[store]]\nname = "third"\nkind = "folder"\npath = "stores/third"\nsite = "far"\n'
LOST = ("stores", "lost", "second", "--by", "A. Turner", "--because", "its disk burned")
EVACUATE = ("stores", "evacuate", "second")


@pytest.fixture
def archive(keeping: NearArchive) -> Archive:
    return keeping


def lines(finished: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in finished.stdout.splitlines()]


def add_third(archive: Archive) -> None:
    file = archive.directory / "muniment.toml"
    file.write_text(f"{file.read_text()}{THIRD}")
    assert archive.run("stores", "init", "third").returncode == 0


def take_out_second(archive: Archive) -> None:
    file = archive.directory / "muniment.toml"
    tables = re.split(r"(?m)^(?=\[\[?)", file.read_text())
    file.write_text("".join(table for table in tables if 'name = "second"' not in table))


def retire_second(archive: Archive) -> None:
    file = archive.directory / "muniment.toml"
    file.write_text(file.read_text().replace('name = "second"\n', 'name = "second"\nretired = true\n'))


def stores_of(archive: Archive) -> list[list[str]]:
    with open_installation(load_settings(archive.directory)) as opened:
        return [[replica.store for replica in kept.replicas] for kept in opened.catalogue.packages()]


def test_a_store_that_is_lost_leaves_the_catalogue_and_packages_come_into_the_others(archive: Archive):
    archive.store("second").rename(archive.directory / "burned")
    [dry, whole] = lines(archive.run(*LOST, "--dry-run", "--json"))
    assert (dry["package"], dry["is_last"]) == ("files/ledger/v1", False)
    assert dry["sentence"] == "its policy asks for 2 copies on 2 sites, and it has 1 on 1"
    assert (whole["replicas"], whole["last"], whole["lost"]) == (1, 0, False)
    assert stores_of(archive) == [["first", "second"]]
    finished = archive.run(*LOST)
    assert finished.returncode == 0, finished.stdout
    assert stores_of(archive) == [["first"]]
    story = archive.run("journal", "show", "files/ledger").stdout
    assert "struck from the catalogue" in story
    assert "A. Turner" in story
    assert "the store is lost: its disk burned" in story
    assert archive.run("journal", "verify").returncode == 6  # the store that is in the settings is away
    take_out_second(archive)
    short = archive.run("replicate", "--missing")
    assert short.returncode == 6
    assert "BELOW POLICY  files/ledger/v1" in short.stdout
    add_third(archive)
    assert archive.run("replicate", "--missing").returncode == 0
    assert stores_of(archive) == [["first", "third"]]
    assert archive.kept("third") == archive.kept("first")
    assert archive.run("journal", "verify").returncode == 0


def test_a_new_disk_takes_the_place_of_a_lost_one_under_its_name(archive: Archive):
    archive.store("second").rename(archive.directory / "burned")
    archive.store("second").mkdir()
    assert archive.run("stores", "init", "second").returncode == 6
    assert archive.run(*LOST).returncode == 0
    assert archive.run("stores", "init", "second").returncode == 0
    assert archive.run("replicate", "--missing").returncode == 0
    assert stores_of(archive) == [["first", "second"]]
    assert archive.kept("second") == archive.kept("first")


def test_a_lost_store_that_is_found_again_is_read_and_counts_again(archive: Archive):
    burned = archive.store("second").rename(archive.directory / "burned")
    assert archive.run(*LOST).returncode == 0
    burned.rename(archive.store("second"))
    before = archive.kept("second")
    [told] = lines(archive.run("replicate", "--missing", "--json"))
    assert (told["store"], told["filled"], told["was_gone"]) == ("second", True, False)
    assert stores_of(archive) == [["first", "second"]]
    assert archive.kept("second") == before


def test_damage_and_readings_of_a_lost_store_end_with_it(archive: Archive):
    page = archive.store("second") / "files/ledger/v1/data/originals/page 1.txt"
    page.chmod(0o640)
    page.write_bytes(b"Another page")
    assert archive.run("audit", "--all").returncode == 4
    archive.store("second").rename(archive.directory / "burned")
    assert archive.run(*LOST).returncode == 0
    assert archive.run("damage").returncode == 0
    [one] = lines(archive.run("damage", "--all", "--json"))
    assert (one["state"], one["ended_by"]) == ("closed", "A. Turner")


def test_a_store_that_is_there_is_not_lost(archive: Archive):
    finished = archive.run(*LOST)
    assert finished.returncode == 6
    assert "it is there, with its identity, so it is not lost" in finished.stderr
    assert stores_of(archive) == [["first", "second"]]
    unknown = archive.run("stores", "lost", "fifth", "--by", "A", "--because", "b")
    assert unknown.returncode == 2


def test_the_last_replica_is_given_up_only_where_that_is_said(archive: Archive):
    archive.store("first").rename(archive.directory / "burned")
    first = ("stores", "lost", "first", *LOST[3:])
    assert archive.run(*first).returncode == 0
    archive.store("second").rename(archive.directory / "drowned")
    dry = archive.run(*LOST, "--dry-run")
    assert dry.returncode == 4
    assert "LAST REPLICA  files/ledger/v1" in dry.stdout
    refused = archive.run(*LOST)
    assert refused.returncode == 4
    assert "it has the only replica of 1 package" in refused.stderr
    assert stores_of(archive) == [["second"]]
    assert archive.run(*LOST, "--even-the-last").returncode == 4
    assert stores_of(archive) == [[]]


def test_a_store_is_drained_into_the_others_and_may_then_be_taken_away(archive: Archive, ledger: Path):
    (ledger / "one more.txt").write_text("One more\n")
    preserved(archive, ledger)
    add_third(archive)
    before = archive.kept("second")
    refused = archive.run(*EVACUATE)
    assert refused.returncode == 2
    assert "retired = true" in refused.stderr
    dry = lines(archive.run(*EVACUATE, "--dry-run", "--json"))
    assert [(one["store"], one["package"], one["filled"]) for one in dry] == [
        ("third", "files/ledger/v1", False),
        ("third", "files/ledger/v2", False),
    ]
    retire_second(archive)
    finished = archive.run(*EVACUATE)
    assert finished.returncode == 0, finished.stdout
    assert "second: may be taken away\n  Each of its 2 packages was just seen" in finished.stdout
    assert archive.kept("second") == before == archive.kept("third")
    assert stores_of(archive) == [["first", "third"]] * 2
    assert archive.run("journal", "verify").returncode == 0
    # What is kept from now on does not go there, and it is not filled again.
    (ledger / "two more.txt").write_text("Two more\n")
    assert preserved(archive, ledger).ending.verdict is Verdict.STORED
    assert archive.run("replicate", "--missing").returncode == 0
    assert stores_of(archive) == [["first", "third"]] * 3
    assert archive.kept("second") == before
    shutil.rmtree(archive.store("second"))
    take_out_second(archive)
    assert archive.run("audit", "--all").returncode == 0


def test_what_is_gone_from_a_retired_store_is_reported_and_not_written_anew(archive: Archive):
    retire_second(archive)
    shutil.rmtree(archive.store("second") / "files")
    finished = archive.run("replicate", "--missing")
    assert finished.returncode == 4
    assert "DAMAGE  second: files/ledger/v1" in finished.stdout
    assert archive.kept("second") == {}


def test_a_store_stays_where_the_others_have_less_than_the_policy_asks_for(archive: Archive):
    retire_second(archive)
    finished = archive.run(*EVACUATE)
    assert finished.returncode == 6
    assert "STILL NEEDED  second: files/ledger/v1" in finished.stdout
    assert "asks for 2 copies on 2 sites, and it has 1 on 1" in finished.stdout
    assert stores_of(archive) == [["first", "second"]]


def test_a_store_stays_where_another_does_not_hold_what_the_catalogue_has_there(archive: Archive):
    add_third(archive)
    assert archive.run("replicate", "--missing").returncode == 0
    retire_second(archive)
    (archive.store("third") / "files/ledger/v1").chmod(0o750)
    page = archive.store("third") / "files/ledger/v1/data/originals/page 1.txt"
    page.parent.chmod(0o750)
    page.unlink()
    finished = archive.run(*EVACUATE)
    assert finished.returncode == 4
    assert "DAMAGE  third: files/ledger/v1" in finished.stdout
    assert "STILL NEEDED  second: files/ledger/v1" in finished.stdout
    assert "may be taken away" not in finished.stdout
    assert stores_of(archive) == [["first", "second", "third"]]


@pytest.mark.parametrize("lost", ["", "tagmanifest-sha256.txt"])
def test_a_store_stays_where_a_version_lies_that_the_catalogue_lacks(archive: Archive, lost: str):
    add_third(archive)
    retire_second(archive)
    stranger = archive.store("second") / "files" / "somebodys" / "v1"
    shutil.copytree(archive.store("second") / "files" / "ledger" / "v1", stranger)
    if lost:
        subprocess.run(["chmod", "-R", "u+w", stranger], check=True)
        (stranger / lost).unlink()
    assert "files/somebodys/v1" in archive.run(*EVACUATE, "--dry-run").stdout
    finished = archive.run(*EVACUATE)
    assert finished.returncode == 6, finished.stdout
    assert "the catalogue has no files/somebodys/v1" in finished.stdout
    assert "may be taken away" not in finished.stdout
    assert "second" in stores_of(archive)[0]


def test_a_replica_elsewhere_of_which_damage_is_open_does_not_count(archive: Archive):
    add_third(archive)
    assert archive.run("replicate", "--missing").returncode == 0
    page = archive.store("third") / "files/ledger/v1/data/originals/page 1.txt"
    page.chmod(0o640)
    page.write_bytes(page.read_bytes().replace(b"Page", b"page"))
    assert archive.run("audit", "--all").returncode == 4
    archive.store("second").rename(archive.directory / "away")
    [dry, _] = lines(archive.run(*LOST, "--dry-run", "--json"))
    assert dry["sentence"].endswith("it has 1 on 1; its replica in third is damaged: muniment damage")
    (archive.directory / "away").rename(archive.store("second"))
    retire_second(archive)
    finished = archive.run(*EVACUATE)
    assert finished.returncode == 6
    assert "STILL NEEDED  second: files/ledger/v1" in finished.stdout
    assert "its replica in third is damaged: muniment damage" in finished.stdout
    assert stores_of(archive) == [["first", "second", "third"]]


def test_a_store_that_is_away_is_not_drained_into(archive: Archive):
    add_third(archive)
    retire_second(archive)
    archive.store("third").rename(archive.directory / "away")
    finished = archive.run(*EVACUATE)
    assert finished.returncode == 6
    assert "NOT FILLED  third: all that it lacks" in finished.stdout
    assert "STILL NEEDED  second" in finished.stdout
    assert stores_of(archive) == [["first", "second"]]


def test_the_stores_to_drain_into_can_be_named_and_the_budget_leaves_the_rest(archive: Archive, ledger: Path):
    policy = archive.directory / "policies" / "bit-level.toml"
    named = '[replication]\nstores = ["first", "second"]'
    policy.write_text(policy.read_text().replace("[replication]", named))
    (ledger / "one more.txt").write_text("One more\n")
    preserved(archive, ledger)
    add_third(archive)
    retire_second(archive)
    assert archive.run(*EVACUATE, "--to", "second").returncode == 2
    assert archive.run(*EVACUATE, "--to", "fifth").returncode == 2
    assert archive.run(*EVACUATE).returncode == 6
    part = archive.run(*EVACUATE, "--to", "third", "--budget", "1 kB")
    assert part.returncode == 6
    assert "LEFT  1 replica" in part.stdout
    assert stores_of(archive) == [["first", "second", "third"], ["first", "second"]]
    assert archive.run(*EVACUATE, "--to", "third").returncode == 0
    assert stores_of(archive) == [["first", "third"]] * 2
    assert archive.kept("third") == archive.kept("second")


def test_an_evacuation_that_is_killed_goes_on_and_nothing_is_struck_before_its_end(
    keeping_many_files: NearArchive,
):
    archive = keeping_many_files
    add_third(archive)
    retire_second(archive)
    third = archive.store("third") / "files/ledger/v1/data"
    command = [MUNIMENT, *EVACUATE, "-C", str(archive.directory)]
    with subprocess.Popen(command, env=archive.environment, start_new_session=True) as running:
        while not third.exists() and running.poll() is None:
            pass
        os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    assert stores_of(archive) == [["first", "second"]]
    assert archive.run(*EVACUATE).returncode == 0
    assert stores_of(archive) == [["first", "third"]]
    assert validate(archive.store("third") / "files/ledger/v1").valid
    assert archive.kept("third") == archive.kept("first") == archive.kept("second")


def test_a_rebuilt_catalogue_has_a_store_only_since_it_was_struck_last(archive: Archive, ledger: Path):
    page = archive.store("second") / "files/ledger/v1/data/originals/page 1.txt"
    page.chmod(0o640)
    page.write_bytes(b"Another page")
    assert archive.run("audit", "--all").returncode == 4
    archive.store("second").rename(archive.directory / "burned")
    assert archive.run(*LOST).returncode == 0
    archive.store("second").mkdir()
    assert archive.run("stores", "init", "second").returncode == 0
    (ledger / "one more.txt").write_text("One more\n")
    archive.store("first").rename(archive.directory / "away")
    archive.run("replicate", "--missing")
    (archive.directory / "away").rename(archive.store("first"))
    assert archive.run("journal", "seal").returncode == 0
    assert stores_of(archive) == [["first"]]
    damage = archive.run("damage", "--all", "--json").stdout
    for file in (archive.directory / "state").glob("muniment.db*"):
        file.unlink()
    rebuilt = archive.run("rebuild")
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    assert stores_of(archive) == [["first"]]
    assert archive.run("damage").returncode == 0
    # That of the lost store was closed when it was struck.
    assert '"state":"closed"' in damage.replace(" ", "")
    assert archive.run("damage", "--all", "--json").stdout == damage
    assert archive.run("replicate", "--missing").returncode == 0
    for file in (archive.directory / "state").glob("muniment.db*"):
        file.unlink()
    assert archive.run("rebuild").returncode == 0
    assert stores_of(archive) == [["first", "second"]]
