"""The database is lost, or older than what is kept: it comes again from what lies in the stores."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from services.postgres import Server
from support import bags
from support.archives import MUNIMENT, Archive
from support.command_runs import NearArchive, near
from support.database_rows import database_rows
from support.flow_runs import installed, preserved, preserved_together
from support.json_lines import lines_of
from support.records import sha256_of

from demonstration.drawing import photograph, save_scan
from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.archive.damage import close_damages
from flows.archive.orders.placement import place_list, withdraw_order
from flows.archive.repair_approval import approve_repairs
from flows.installation.settings_file import load_settings
from flows.installation.wiring import SOFTWARE, now, open_installation
from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Algorithm
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, PackageId, StoreName
from preservation.model.orders import Order
from preservation.model.paths import BagPath
from preservation.model.verdicts import Verdict
from preservation.orders.reading import ListedOrders
from storage.audits.events import damage_event, read_event
from storage.ports.audits import ReadReplica

_THIRD = '\n[[store]]\nname = "third"\nkind = "folder"\npath = "stores/third"\nsite = "far"\n'
_MAIL = '[alarms.mail]\nhost = "localhost"\nfrom = "muniment@example.org"\nto = ["archive@example.org"]\n'


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive with a bit of everything that a catalogue can have."""
    folder = tmp_path_factory.mktemp("rebuild")
    archive = near(installed(folder / "archive"))
    settings, policy = archive.directory / "muniment.toml", archive.directory / "policies" / "bit-level.toml"
    settings.write_text(f"{settings.read_text()}{_THIRD}{_MAIL}")
    assert archive.run("stores", "init", "third").returncode == 0
    letters = _text_drop(folder, "letters 100%")
    away = archive.store("third").rename(archive.directory / "away")
    _stored(archive, letters)
    away.rename(archive.store("third"))
    assert archive.run("stores", "fill").returncode == 0
    (letters / "page 1.txt").write_text("Another page\n")
    (letters / "again.txt").write_bytes((letters / "page 0.txt").read_bytes())
    _stored(archive, letters)
    text, sha256 = policy.read_text(), 'algorithm = "sha256"'
    assert sha256 in text
    policy.write_text(text.replace(sha256, 'algorithm = "sha512"\nadditional_algorithms = ["md5"]'))
    submitted = bags.bag_files(replacing={"notes/about.txt": b"from a friend\n"})
    scans = folder / "sheet-012"
    scans.mkdir()
    save_scan(photograph((60, 40), 0.5), scans / "page \u00e9.bmp", 300)
    (folder / "broken").mkdir()
    (folder / "broken" / "page.tif").write_bytes(b"II*\0 pretend")
    bag = bags.write(folder / "a bag", submitted)
    for drops, collection, verdicts in (
        ((bag, letters), "files", [Verdict.STORED, Verdict.ALREADY_KEPT]),
        ((scans, folder / "broken"), "images", [Verdict.STORED, Verdict.REJECTED]),
    ):
        results = preserved_together(archive, *drops, collection=collection)
        assert [told.ending.verdict for told in results] == verdicts, results
    _audit(archive)
    _order(archive, folder)
    sealed = archive.run("journal", "seal")
    assert sealed.returncode == 0, sealed
    return archive


def _order(archive: Archive, folder: Path) -> None:
    """Have orders that were placed, changed, withdrawn, and placed again."""
    images, listed = CollectionName("images"), folder / "orders.csv"
    one, other = (Order(ObjectId(images, ObjectName(name))) for name in "ab")
    lists = ((one,), (replace(one, pages=2, names=('a; "b".tif',)), other), (one,), (one, other))
    with open_installation(load_settings(archive.directory)) as opened:
        for orders in lists:
            place_list(ListedOrders("CSV", orders, digest="5c" * 32), images, listed, opened, withdraw=True)
        withdraw_order(other.object, opened, by="Ada", because="It is lost.")


def _text_drop(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    for number in range(3):
        (folder / name / f"page {number}.txt").write_text(f"Page {number}\n" * 100)
    return folder / name


def _stored(archive: Archive, drop: Path, collection: str = "files") -> None:
    told = preserved(archive, drop, collection)
    assert told.ending.verdict is Verdict.STORED, told


def _audit(archive: Archive) -> None:
    """Have damage of every kind found by readings, healed, and closed, as the journal states it."""
    settings = load_settings(archive.directory)
    with open_installation(settings) as opened:
        first, other, last, *_ = opened.audits.replicas(StoreName("second"))
        at, counts = now(), (9, 900)
        opened.audits.conclude([ReadReplica(first, at, at, ())], [read_event(first, at, counts, 0, SOFTWARE)])
        damages = [
            _damage_of(first.package, "data/originals/page 0.txt", DamageKind.MISMATCHED),
            _damage_of(other.package, "metadata/premis.xml", DamageKind.UNREADABLE),
            _damage_of(last.package, "more.txt", DamageKind.UNEXPECTED),
            _damage_of(last.package, "", DamageKind.MISSING),
            _damage_of(last.package, "data/gone; kept it.txt", DamageKind.MISSING),
        ]
        opened.audits.record_damage(damages, [damage_event(one, SOFTWARE) for one in damages])
        later = now()
        opened.audits.conclude(
            [ReadReplica(other, later, later, ())], [read_event(other, later, counts, 0, SOFTWARE)]
        )
    close_damages(settings, [3], by="Ada", because="It was mine.")
    # Of what is open, of what is healed, and of what is let be.
    approve_repairs(settings, [1, 2, 3, 4], by="Bea", because="The disk was exchanged.")


def _damage_of(package: PackageId, path: str, kind: DamageKind) -> Damage:
    """What an audit found, as far as the journal states it."""
    store, where = StoreName("second"), BagPath(path)
    if kind is DamageKind.MISMATCHED:
        promised, found = {Algorithm.SHA256: sha256_of("kept")}, {Algorithm.SHA256: sha256_of("found")}
        return Damage(package, store, where, kind, now(), promised, 10, found, 1234)
    reason = "Input/output error" if kind is DamageKind.UNREADABLE else ""
    # Of a whole replica, and of what was never kept, there are no digests.
    has_none = not path or kind is DamageKind.UNEXPECTED
    promised = {} if has_none else {Algorithm.SHA256: sha256_of("kept")}
    return Damage(package, store, where, kind, now(), promised, reason=reason)


@pytest.fixture
def kept(kept_once: Archive) -> NearArchive:
    """The archive itself, for paths stand in its rows; what a test changes is put back."""
    before = kept_once.directory.with_name("before")
    shutil.copytree(kept_once.directory, before, symlinks=True)
    return near(kept_once)


@pytest.fixture(autouse=True)
def _put_back(kept_once: Archive) -> Iterator[None]:
    yield
    before = kept_once.directory.with_name("before")
    if before.exists():
        subprocess.run(["chmod", "-R", "u+w", kept_once.directory], check=True)
        shutil.rmtree(kept_once.directory)
        before.rename(kept_once.directory)


def lose_database(archive: Archive) -> dict[str, list[dict[str, Any]]]:
    """Take the database away, and return what it had."""
    rows = database_rows(archive)
    for file in (archive.directory / "state").glob("muniment.db*"):
        file.unlink()
    return rows


def test_a_lost_database_comes_again_row_by_row(kept: NearArchive):
    before = lose_database(kept)
    assert all(before.values())
    rebuilt = kept.run("rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt
    assert database_rows(kept) == before
    assert kept.run("journal", "verify").stdout.startswith("INTACT")
    again = kept.run("rebuild", "--missing", "--json")
    assert (again.returncode, again.stdout) == (0, "")


def test_it_comes_again_in_postgresql_too(
    kept: NearArchive, postgresql: Server, monkeypatch: pytest.MonkeyPatch
):
    before = lose_database(kept)
    url, passwords = postgresql.new_database_without_password(kept.directory / "pgpass")
    settings = kept.directory / "muniment.toml"
    settings.write_text(settings.read_text().replace("sqlite:///state/muniment.db", url, 1))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    rebuilt = kept.run("rebuild", "--from", "second", "--json")
    assert rebuilt.returncode == 0, rebuilt
    assert database_rows(kept) == before


@pytest.mark.parametrize("store", ["first", "third"])
def test_one_store_alone_is_enough(kept: NearArchive, store: str):
    before = lose_database(kept)
    for other in {"first", "second", "third"} - {store}:
        kept.store(other).rename(kept.directory / f"away {other}")
    rebuilt = kept.run("rebuild", "--json")
    # It was asked of one store, and says that of the others nothing is known.
    assert (rebuilt.returncode, len(lines_of(rebuilt, "away"))) == (6, 2), rebuilt
    after = database_rows(kept)
    assert [one for one in before["stores"] if one["name"] == store] == after.pop("stores")
    assert {name: rows for name, rows in before.items() if name != "stores"} == after


def test_a_database_that_is_not_empty_is_left_as_it_is(kept: NearArchive):
    before = database_rows(kept)
    refused = kept.run("rebuild")
    assert refused.returncode == 6
    assert "it is not empty" in refused.stderr
    assert database_rows(kept) == before


def test_a_dry_run_says_what_would_be_added_and_writes_nothing(kept: NearArchive):
    lose_database(kept)
    dry = kept.run("rebuild", "--dry-run", "--json")
    assert dry.returncode == 0, dry
    empty = database_rows(kept)
    assert not any(rows for name, rows in empty.items() if name != "journal_head")
    done = kept.run("rebuild", "--json")
    for what in ("version", "end", "journal"):
        told = [{**line, "dry_run": False} for line in lines_of(dry, what)]
        assert told == lines_of(done, what)


def test_a_rebuild_that_is_killed_goes_on_where_it_was(kept: NearArchive):
    before = lose_database(kept)
    for lines in (1, 2, 4):
        with subprocess.Popen(
            [str(MUNIMENT), "rebuild", "--json", "-C", kept.directory],
            stdout=subprocess.PIPE,
            env=kept.environment,
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    rebuilt = kept.run("rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt
    assert database_rows(kept) == before


def integrity_alarms(archive: Archive) -> list[str]:
    waiting = outbox_of(load_settings(archive.directory)).waiting()
    return [one.alarm.happened for one in waiting if one.alarm.kind is AlarmKind.INTEGRITY]


def older_database(archive: Archive, change: Callable[[], None]) -> None:
    """Have ``change`` happen after the last backup of the database, which is then put back."""
    state = archive.directory / "state"
    backup = state.with_name("backup.db")
    shutil.copy(state / "muniment.db", backup)
    change()
    for file in state.glob("muniment.db*"):
        file.unlink()
    shutil.copy(backup, state / "muniment.db")


def test_what_was_kept_after_the_backup_is_known_again_and_dropping_it_again_alarms_nobody(
    kept: NearArchive, tmp_path: Path
):
    drop = _text_drop(tmp_path, "diary")
    rows: dict[str, Any] = {}

    def keep() -> None:
        _stored(kept, drop)
        rows.update(database_rows(kept))

    older_database(kept, keep)
    assert kept.run("journal", "restore").returncode == 0
    verified = kept.run("journal", "verify")
    assert verified.returncode == 4
    assert "uncatalogued" in kept.run("journal", "verify", "--json").stdout
    rebuilt = kept.run("rebuild", "--missing", "--json")
    assert rebuilt.returncode == 0, rebuilt
    assert [line["about"] for line in lines_of(rebuilt, "version")] == ["files/diary/v1"]
    assert database_rows(kept) == rows
    assert kept.run("journal", "verify").stdout.startswith("INTACT")
    assert preserved(kept, drop).ending.verdict is Verdict.ALREADY_KEPT
    assert integrity_alarms(kept) == []


def test_a_version_that_both_have_with_other_digests_is_an_integrity_failure(kept: NearArchive):
    manifest = kept.store("first") / "files" / "letters 100%" / "v1" / "tagmanifest-sha256.txt"
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b"bagit.txt", b"bagit.TXT"))
    before = database_rows(kept)
    compared = kept.run("rebuild", "--missing", "--json")
    assert compared.returncode == 4
    [fault] = lines_of(compared, "fault")
    assert (fault["about"], fault["damage"]) == ("files/letters 100%/v1", True)
    assert "tagmanifest-sha256.txt" in fault["sentence"]
    assert database_rows(kept) == before


@pytest.mark.parametrize("path", ["manifest-sha256.txt", "metadata/premis.xml", "tagmanifest-sha256.txt"])
def test_a_version_whose_lists_are_damaged_is_taken_from_another_store(kept: NearArchive, path: str):
    before = lose_database(kept)
    damaged = kept.store("first") / "files" / "letters 100%" / "v2" / path
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-20])
    rebuilt = kept.run("rebuild", "--json")
    assert rebuilt.returncode == 4
    assert {fault["about"] for fault in lines_of(rebuilt, "fault")} == {"files/letters 100%/v2"}
    taken = {line["about"]: line["store"] for line in lines_of(rebuilt, "version")}
    assert taken["files/letters 100%/v2"] == "second"
    assert database_rows(kept) == before


def test_a_version_that_no_store_has_as_it_was_kept_is_listed_and_the_others_are_rebuilt(kept: NearArchive):
    before = lose_database(kept)
    for store in ("first", "second", "third"):
        premis = kept.store(store) / "files" / "letters 100%" / "v2" / "metadata" / "premis.xml"
        premis.chmod(0o600)
        premis.write_bytes(premis.read_bytes()[:-1])
    rebuilt = kept.run("rebuild", "--json")
    assert rebuilt.returncode == 4
    assert any("is not rebuilt" in fault["sentence"] for fault in lines_of(rebuilt, "fault"))
    after = database_rows(kept)
    lacking = {
        **before,
        "versions": [
            one for one in before["versions"] if (one["name"], one["number"]) != ("letters 100%", 2)
        ],
    }
    assert after["versions"] == lacking["versions"]


def test_without_a_journal_that_holds_bags_alone_are_relied_on_once_they_were_read_back(kept: NearArchive):
    before = lose_database(kept)
    for store in ("first", "second", "third"):
        for segment in (kept.store(store) / "_journal").glob("000000001-*.jsonl"):
            segment.chmod(0o600)
            segment.write_bytes(segment.read_bytes().replace(b"letters", b"lettres"))
    page = kept.store("third") / "files" / "a bag" / "v1" / "data" / "originals" / "letter.txt"
    page.chmod(0o600)
    page.write_bytes(b"Dear raider,\n")
    rebuilt = kept.run("rebuild", "--json")
    assert rebuilt.returncode == 4
    faults = {fault["about"]: fault["sentence"] for fault in lines_of(rebuilt, "fault")}
    assert faults.keys() == {"journal", "files/a bag/v1"}
    assert "store third: files/a bag/v1/data/originals/letter.txt" in faults["files/a bag/v1"]
    assert {line["vouched"] for line in lines_of(rebuilt, "version")} == {False}
    after = database_rows(kept)
    assert sorted(map(str, after["files"])) == sorted(map(str, before["files"]))
    assert len(after["tag_digests"]) == len(before["tag_digests"])
    held = {(one["package_id"], one["store"]) for one in after["replicas"]}
    assert held == {(one["package_id"], one["store"]) for one in before["replicas"]} - {
        ("files/a bag/v1", "third")
    }
    told = kept.run("journal", "show", "files/a bag").stdout
    assert "the journal had no accession of it" in told
    # What was stated then is what a later rebuild relies on.
    again = kept.run("rebuild", "--missing", "--json")
    assert [line["about"] for line in lines_of(again, "version")] == []


def add_fourth_store(archive: Archive, other: str) -> Path:
    """Configure another store, which has all that a store has; nothing states it."""
    fourth, identity = archive.store("fourth"), str(uuid4())
    shutil.copytree(archive.store(other), fourth)
    (fourth / ".identity").unlink(missing_ok=True)
    (fourth / ".identity").write_text(f"{identity}\n")
    (fourth / ".incoming").mkdir(exist_ok=True)
    settings = archive.directory / "muniment.toml"
    table = '[[store]]\nname = "fourth"\nkind = "folder"\npath = "stores/fourth"\nsite = "farther"\n'
    settings.write_text(f'{settings.read_text()}\n{table}identity = "{identity}"\n')
    return fourth


def test_a_copy_that_the_journal_does_not_know_counts_once_every_byte_of_it_was_read_back(kept: NearArchive):
    fourth = add_fourth_store(kept, "third")
    page = fourth / "files" / "a bag" / "v1" / "data" / "originals" / "letter.txt"
    page.chmod(0o600)
    page.write_bytes(b"Dear raider,\n")
    versions = {one["package_id"] for one in database_rows(kept)["tag_digests"]}
    found = kept.run("rebuild", "--missing", "--json")
    assert found.returncode == 4
    assert {one["about"] for one in lines_of(found, "fault")} == {"files/a bag/v1"}
    added = {(one["about"], one["store"]) for one in lines_of(found, "replica")}
    assert added == {(version, "fourth") for version in versions - {"files/a bag/v1"}}
    # The journal has it now, so that a database that is lost then needs no reading.
    assert kept.run("journal", "seal").returncode == 0
    before = lose_database(kept)
    page.write_bytes(b"Dear reader,\n")
    again = kept.run("rebuild", "--from", "fourth", "--json")
    told = {(one["about"], one["store"]) for one in lines_of(again, "replica")}
    assert told >= added | {("files/a bag/v1", "fourth")}
    after = database_rows(kept)
    assert [one for one in after["replicas"] if (one["package_id"], one["store"]) in added] == [
        one for one in before["replicas"] if one["store"] == "fourth"
    ]


def test_ends_that_nothing_identifies_are_listed_as_lost(kept: NearArchive):
    before = lose_database(kept)
    shutil.rmtree(kept.directory / "receipts")
    rebuilt = kept.run("rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt
    # The journal names every submission; where its drop lay stood in the database and on its receipt.
    lost = lines_of(rebuilt, "lost")
    assert len(lost) == len(before["submissions"])
    after = database_rows(kept)["submissions"]
    bare = [
        {**one, "drop_path": Path(one["drop_path"].name), "receipt": None} for one in before["submissions"]
    ]
    assert after == bare


def test_a_store_that_does_not_exist_is_refused(kept: NearArchive):
    refused = kept.run("rebuild", "--from", "fourth")
    assert refused.returncode == 2
    assert "there is no store fourth" in refused.stderr


def test_what_0_1_0_kept_is_rebuilt(project: Path, tmp_path: Path):
    with tarfile.open(project / "tests/fixtures/0.1.0/sqlite/stored.tar.xz") as packed:
        packed.extractall(tmp_path, filter="tar")
    archive = near(Archive(tmp_path / "archive"))
    before = lose_database(archive)
    rebuilt = archive.run("rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt
    after = database_rows(archive)
    for table in ("versions", "files", "tag_digests", "journal", "journal_head", "journal_signed_heads"):
        assert after[table] == before[table], table
    # Its journal dated acts a few milliseconds later than its catalogue, and the archive lay elsewhere.
    times = {"registered_at", "verified_at", "read_at", "location", "receipt"}
    for table in ("packages", "replicas", "readings", "submissions"):
        assert [
            {name: value for name, value in row.items() if name not in times} for row in after[table]
        ] == [{name: value for name, value in row.items() if name not in times} for row in before[table]]
    add_fourth_store(archive, "second")
    unknown = archive.run("rebuild", "--missing", "--json")
    # No digest of what 0.1.0 kept is recorded: its lists would vouch for themselves.
    assert unknown.returncode == 6
    assert {one["about"] for one in lines_of(unknown, "fault")} == {
        f"{row['collection']}/{row['name']}/v{row['number']}" for row in before["versions"]
    }
    assert database_rows(archive)["replicas"] == after["replicas"]
