"""What is gone from a store as a whole is written anew from the others, and nothing is written over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from services.buckets import client, new_address, speak_as_the_archive
from support.archives import MUNIMENT, Archive
from support.bucket_archives import fetched, put_second_store_into
from support.command_runs import NearArchive, near
from support.flow_runs import preserved, preserved_together
from support.kept_object import make_ledger

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.archive.fill_request import Budget
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from preservation.bagit.validation import validate
from preservation.model.identifiers import StoreName
from preservation.model.verdicts import Verdict
from storage.audits.work import LEASE
from storage.ports.audits import Claimant

V1 = "files/ledger/v1"


@pytest.fixture
def archive(two_versions: Archive, tmp_path: Path) -> Archive:
    """An object in two versions; the second one relies on bytes of the first."""
    directory = shutil.copytree(two_versions.directory, tmp_path / "two" / "archive")
    return near(Archive(directory, two_versions.api_url))


@pytest.fixture(scope="module")
def two_versions(kept_ledger: Archive, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("two")
    archive = near(Archive(shutil.copytree(kept_ledger.directory, folder / "archive"), kept_ledger.api_url))
    ledger = make_ledger(folder / "ledger")
    (ledger / "one more.txt").write_text("One more\n")
    preserved(archive, ledger)
    return archive


def lines(finished: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in finished.stdout.splitlines()]


def alarms(archive: Archive) -> list[str]:
    found = outbox_of(load_settings(archive.directory)).open_alarms()
    return [one.alarm.happened for one in found if one.alarm.kind is AlarmKind.INTEGRITY]


def damage(archive: Archive) -> list[tuple[str, str, str, str]]:
    told = lines(archive.run("damage", "--all", "--json"))
    return [(one["package"], one["store"], one["path"], one["state"]) for one in told]


def test_an_emptied_store_gets_everything_again_and_the_journal_has_loss_and_return(archive: Archive):
    before = archive.kept("second")
    shutil.rmtree(archive.store("second") / "files")
    dry = lines(archive.run("replicate", "--missing", "--dry-run", "--json"))
    assert [(one["package"], one["was_gone"], one["filled"]) for one in dry] == [
        (V1, True, False),
        ("files/ledger/v2", True, False),
    ]
    assert archive.kept("second") == {}
    assert damage(archive) == []
    finished = archive.run("replicate", "--missing", "--json")
    assert finished.returncode == 0, finished.stdout
    assert [(one["package"], one["was_gone"], one["filled"]) for one in lines(finished)] == [
        (V1, True, True),
        ("files/ledger/v2", True, True),
    ]
    assert archive.kept("second") == before
    assert damage(archive) == [(V1, "second", "", "healed"), ("files/ledger/v2", "second", "", "healed")]
    [alarm] = alarms(archive)
    assert f"store second: 2 whole replicas of {V1}, files/ledger/v2 are gone" in alarm
    with open_installation(load_settings(archive.directory)) as opened:
        told = [(one.event_type, one.outcome, one.detail) for one in opened.journal.about(V1)][-3:]
        assert [kind for kind, _, _ in told] == ["fixity check", "replication", "fixity check"]
        assert [outcome for _, outcome, _ in told] == ["fail", "success", "success"]
        assert "which had lost all of it, and read back from it" in told[1][2]
    assert archive.run("journal", "verify").returncode == 0
    assert archive.run("audit", "--all").returncode == 0
    assert "No store lacks anything." in archive.run("replicate", "--missing").stdout


def test_where_only_some_files_are_gone_the_replica_stays_as_it_is_and_repair_is_named(archive: Archive):
    folder = archive.store("second") / V1
    folder.chmod(0o750)
    (folder / "tagmanifest-sha512.txt").unlink(missing_ok=True)
    (folder / "tagmanifest-sha256.txt").unlink(missing_ok=True)
    before = archive.kept("second")
    finished = archive.run("replicate", "--missing")
    assert finished.returncode == 4
    assert f"the tag manifest of {V1} is gone, and other files of it are there" in finished.stdout
    assert "muniment repair" in finished.stdout
    assert archive.kept("second") == before


def test_a_replica_that_somebody_put_back_is_read_and_its_loss_is_healed(archive: Archive):
    folder = archive.store("second") / V1
    folder.parent.chmod(0o750)
    folder.rename(archive.directory / "backup")
    assert archive.run("audit", "--all").returncode == 4
    (archive.directory / "backup").rename(folder)
    before = archive.kept("second")
    [told] = lines(archive.run("replicate", "--missing", "--json"))
    assert (told["package"], told["filled"]) == (V1, True)
    assert archive.kept("second") == before
    assert [state for *_, state in damage(archive)] == ["healed"]


def test_what_came_back_otherwise_than_it_was_kept_is_neither_replaced_nor_healed(archive: Archive):
    folder = archive.store("second") / V1
    folder.parent.chmod(0o750)
    folder.rename(archive.directory / "backup")
    assert archive.run("audit", "--all").returncode == 4
    for path in (archive.directory / "backup").rglob("*"):
        path.chmod(0o750)
    kept = archive.directory / "backup/data/originals/page 1.txt"
    kept.write_bytes(b"Another page")
    for manifest in (archive.directory / "backup").glob("tagmanifest-*"):
        manifest.unlink()
    (archive.directory / "backup").rename(folder)
    before = archive.kept("second")
    finished = archive.run("replicate", "--missing")
    assert finished.returncode == 4
    assert archive.kept("second") == before
    assert [state for *_, state in damage(archive)] == ["open"]


def test_a_source_that_is_damaged_is_not_copied_from(archive: Archive):
    shutil.rmtree(archive.store("second") / "files")
    page = archive.store("first") / V1 / "data/originals/page 1.txt"
    page.chmod(0o640)
    page.write_bytes(b"Another page")
    finished = archive.run("replicate", "--missing")
    assert finished.returncode == 4
    assert (
        f"DAMAGE  first: {V1}\n  store first: {V1}/data/originals/page 1.txt has other bytes"
        in finished.stdout
    )
    assert not list((archive.store("second") / "files/ledger").rglob("tagmanifest-*"))
    assert [state for *_, state in damage(archive)] == ["open", "open"]


def test_what_an_audit_reads_now_is_left_to_the_next_run(archive: Archive):
    shutil.rmtree(archive.store("second") / "files")
    with open_installation(load_settings(archive.directory)) as opened:
        [v1, _] = [kept.package for kept in opened.catalogue.packages()]
        other, at = Claimant("other"), now()
        assert opened.audits.claim_package(other, v1, StoreName("second"), at=at, until=at + LEASE)
        finished = archive.run("replicate", "--missing")
        assert finished.returncode == 6
        assert f"another run reads or writes {V1}" in finished.stdout
        opened.audits.release(other)
    assert archive.run("replicate", "--missing").returncode == 0
    assert archive.kept("second") == archive.kept("first")


def test_more_than_the_budget_is_left_for_the_next_run(archive: Archive):
    shutil.rmtree(archive.store("second") / "files")
    finished = archive.run("replicate", "--missing", "--budget", "1 kB", "--json")
    first, left, short = lines(finished)
    assert finished.returncode == 6
    assert (first["package"], first["filled"]) == (V1, True)
    assert (left["package"], left["filled"]) == (None, False)
    assert left["sentence"].startswith("1 replica, ")
    assert (short["store"], short["package"]) == (None, "files/ledger/v2")
    assert "its replica in second is damaged" in short["sentence"]
    assert archive.run("replicate", "--missing", "--budget", "1 GB").returncode == 0
    assert archive.kept("second") == archive.kept("first")


def test_nothing_is_copied_before_what_was_left_and_one_large_package_is_copied_alone():
    budget = Budget(100)
    assert budget.allows(500)
    budget.spend(500)
    assert not budget.allows(1)
    fresh = Budget(100)
    fresh.spend(60)
    assert not fresh.allows(50)
    assert not fresh.allows(10)
    assert (fresh.left, fresh.left_bytes) == (2, 60)


def test_other_collections_and_other_stores_stay_as_they_are(archive: Archive):
    shutil.rmtree(archive.store("second") / "files")
    assert archive.run("replicate", "--missing", "--collection", "images").returncode == 0
    assert archive.run("replicate", "--missing", "--store", "first").returncode == 0
    assert archive.kept("second") == {}
    assert archive.run("replicate", "--missing", "--store", "fifth").returncode == 2
    assert archive.run("replicate").returncode == 2
    assert archive.run("replicate", "--missing", "--collection", "files", "--store", "second").returncode == 0
    assert archive.kept("second") == archive.kept("first")


def test_a_store_of_which_more_than_a_tenth_is_gone_waits_for_a_person(archive: Archive, tmp_path: Path):
    drops = []
    for number in range(10):
        drops.append(tmp_path / "more" / f"note-{number}")
        drops[-1].mkdir(parents=True)
        (drops[-1] / "note.txt").write_text(f"Note {number}\n")
    assert {told.ending.verdict for told in preserved_together(archive, *drops)} == {Verdict.STORED}
    before = archive.kept("second")
    shutil.rmtree(archive.store("second") / "files")
    finished = archive.run("stores", "fill")
    assert finished.returncode == 4
    assert "at least 11 of its 12 replicas are gone as a whole" in finished.stdout
    assert "--really-all" in finished.stdout
    assert archive.kept("second") == {}
    assert len(alarms(archive)) == 1
    assert damage(archive) == []
    assert archive.run("replicate", "--missing", "--really-all").returncode == 0
    assert archive.kept("second") == before
    assert {state for *_, state in damage(archive)} == {"healed"}


def staged(store: Path) -> bool:
    return any(path.is_dir() and any(path.iterdir()) for path in (store / ".incoming").iterdir())


def arrived(store: Path) -> bool:
    return (store / V1 / "data").exists()


def killed(archive: Archive, instant: Callable[[Path], bool]) -> bool:
    """Empty the second store, fill it, and kill that at an instant; return whether it was still at work."""
    shutil.rmtree(archive.store("second") / "files")
    command = [MUNIMENT, "replicate", "--missing", "-C", str(archive.directory)]
    with subprocess.Popen(command, env=archive.environment, start_new_session=True) as running:
        while not instant(archive.store("second")) and running.poll() is None:
            pass
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    return running.returncode == -signal.SIGKILL


@pytest.mark.parametrize("instant", [staged, arrived])
def test_killed_while_it_writes_it_goes_on(keeping_many_files: NearArchive, instant: Callable[[Path], bool]):
    archive = keeping_many_files
    assert any(killed(archive, instant) for _ in range(5))
    assert damage(archive)[-1] == (V1, "second", "", "open")
    assert archive.run("replicate", "--missing").returncode == 0
    assert archive.kept("second") == archive.kept("first")
    assert validate(archive.store("second") / V1).valid
    assert {state for *_, state in damage(archive)} == {"healed"}
    assert archive.run("journal", "verify").returncode == 0


def test_what_is_gone_from_a_bucket_is_written_anew(installation: Archive, ledger: Path, tmp_path: Path):
    speak_as_the_archive()
    address = new_address()
    put_second_store_into(installation, address)
    archive = near(installation)
    preserved(archive, ledger)
    before = {path.name for path in fetched(address, tmp_path / "before").rglob("files/**/*.txt")}
    service, prefix = client(), f"{address.prefix}/files/"
    for found in service.list_objects_v2(Bucket=address.bucket, Prefix=prefix)["Contents"]:
        service.delete_object(Bucket=address.bucket, Key=found["Key"])
    finished = archive.run("replicate", "--missing", "--json")
    assert finished.returncode == 0, finished.stdout
    [told] = lines(finished)
    assert (told["store"], told["package"], told["was_gone"]) == ("second", V1, True)
    after = fetched(address, tmp_path / "after")
    assert {path.name for path in after.rglob("files/**/*.txt")} == before
    assert validate(after / V1).valid
    assert [state for *_, state in damage(archive)] == ["healed"]
