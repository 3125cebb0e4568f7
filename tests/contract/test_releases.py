"""What every release has stored is read, verified, restored, upgraded and gone on with by this version.

``tests/fixtures/<version>/`` holds what the commands of that release stored, made by
``tests/fixtures/make_release.py``; a new release adds a folder, and nothing here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.archives import Archive
from support.flow_runs import preserved, surroundings
from typer.testing import CliRunner

from flows.cli.application import application
from flows.installation.settings_file import HOME_VARIABLE
from preservation.errors import PreservationError

_RELEASES = sorted(Path(__file__).parent.parent.glob("fixtures/*/*/truth.json"))


@dataclass
class Stored:
    """What a release stored on one database, at another place than where it was stored."""

    archive: Archive
    export: Path
    records: Path
    truth: dict[str, Any]
    restorations: int = field(default=0)

    def asked(self, *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
        """Run a verb of today's command, and return how it ended and its lines."""
        with surroundings(self.archive):
            result = CliRunner(env={HOME_VARIABLE: str(self.archive.directory)}).invoke(
                application(str(arguments[0])), [*map(str, arguments), "--json"]
            )
        if isinstance(result.exception, PreservationError):
            return result.exception.exit_code, []
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]

    def answered(self, *arguments: str | Path) -> dict[str, Any]:
        """Run a verb that has to end well with one line, and return it."""
        code, [line] = self.asked(*arguments)
        assert code == 0, line
        return line

    def versions(self, store: str) -> list[Path]:
        return [path.parent for path in self.archive.store(store).glob("*/*/*/tagmanifest-*.txt")]

    def restored(self, package: str, *more: str) -> Path:
        """Restore the originals of a package, such as ``maps/sheet/v1``, to a folder called as its object."""
        name, _, number = package.rpartition("/v")
        self.restorations += 1
        target = self.archive.directory.parent / f"restored {self.restorations}" / Path(name).name
        self.answered("restore", name, target, "--version", number, *more)
        return target


@pytest.fixture(params=_RELEASES, ids=lambda truth: "-".join(truth.parts[-3:-1]))
def unpacked(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    """What a release stored, whose database is not loaded yet."""
    truth: Path = request.param
    with tarfile.open(truth.with_name("stored.tar.xz")) as packed:
        packed.extractall(tmp_path, filter="tar")
    dump, archive = tmp_path / "records.sql", tmp_path / "archive"
    return Stored(
        Archive(archive),
        tmp_path / "export",
        dump if dump.exists() else archive / "state" / "muniment.db",
        json.loads(truth.read_text(encoding="utf-8")),
    )


@pytest.fixture
def empty_database(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Stored], str]:
    """Return how to give an installation an empty database, where it has one of a server; its URL or ""."""

    def give(stored: Stored) -> str:
        if stored.records.suffix != ".sql":
            return ""
        url: str = request.getfixturevalue("postgresql").new_database()
        monkeypatch.setenv("MUNIMENT_DATABASE__URL", url)
        return url

    return give


@pytest.fixture
def load(empty_database: Callable[[Stored], str]) -> Callable[[Stored], Stored]:
    """Return how to load the dump of a database into a server, where the records are on one."""

    def loaded(stored: Stored) -> Stored:
        url = empty_database(stored)
        if url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(stored.records.read_bytes())
        return stored

    return loaded


@pytest.fixture
def stored(unpacked: Stored, load: Callable[[Stored], Stored]) -> Stored:
    return load(unpacked)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def checked(checker: Path, folder: Path) -> int:
    """Run a stand-alone checker beside a copy of an export, or of a store's journal, as a stranger does."""
    with tempfile.TemporaryDirectory() as copies:
        beside = shutil.copytree(folder, Path(copies) / "copy")
        command = [sys.executable, "-I", shutil.copy(checker, beside)]
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def forge_premis(package: Path) -> None:
    """Alter a tag file, and the tag manifest so that it fits."""
    premis = package / "metadata" / "premis.xml"
    before = hashlib.sha256(premis.read_bytes()).hexdigest()
    premis.chmod(0o644)
    premis.write_bytes(b"<premis/>")
    tags = package / "tagmanifest-sha256.txt"
    tags.chmod(0o644)
    tags.write_text(tags.read_text().replace(before, hashlib.sha256(b"<premis/>").hexdigest()))


def flip(file: Path, where: bytes) -> None:
    """Flip one bit of the last byte of the first place where that stands."""
    content = bytearray(file.read_bytes())
    place = content.index(where) + len(where) - 1
    content[place] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)


def test_every_package_version_is_valid(unpacked: Stored):
    for store in ("first", "second"):
        versions = unpacked.versions(store)
        assert {str(path.relative_to(unpacked.archive.store(store))) for path in versions} == set(
            unpacked.truth["originals"]
        )
        code, verdicts = unpacked.asked("validate", *versions)
        assert code == 0, verdicts
        assert all(verdict["valid"] and verdict["complete"] for verdict in verdicts)


def test_the_journal_holds(stored: Stored, tmp_path: Path):
    truth = stored.truth["journal"]
    told = stored.answered("journal", "verify")
    assert (told["intact"], told["entries"], told["head"]) == (True, truth["entries"], truth["head"])
    now = tmp_path / "exported now"
    stored.answered("journal", "export", now)
    for folder in (stored.export, *(stored.archive.store(name) / "_journal" for name in ("first", "second"))):
        code, [told] = stored.asked("journal", "verify", "--from", folder)
        assert (code, told["head"]) == (0, truth["head"])
        for checker in (stored.export, now):
            assert checked(checker / "check_journal.py", folder) == 0
    assert (now / "journal.jsonl").read_bytes() == (stored.export / "journal.jsonl").read_bytes()


def test_the_journal_is_put_back_from_a_store(unpacked: Stored, empty_database: Callable[[Stored], str]):
    if not empty_database(unpacked):
        unpacked.records.unlink()
    segments = unpacked.archive.store("first") / "_journal"
    told = unpacked.answered("journal", "restore", "--from", segments)
    assert (told["restored"], told["head"]) == (
        unpacked.truth["journal"]["entries"],
        unpacked.truth["journal"]["head"],
    )
    code, [told] = unpacked.asked("journal", "verify")
    # The journal is whole again, and names what the catalogue, which is empty, does not have.
    assert (code, told["faults"], told["not_compared"]) == (4, [], [])
    assert told["signed"]["seq"] == unpacked.truth["journal"]["entries"]
    assert {finding["kind"] for finding in told["findings"]} == {"uncatalogued"}
    assert {finding["about"] for finding in told["findings"]} == set(unpacked.truth["originals"])


def test_the_catalogue_tells_what_it_told(stored: Stored):
    for story in stored.truth["stories"]:
        told = stored.answered("status", story["object"])
        for part in ("versions", "tries"):
            assert len(told[part]) == len(story[part])
            for one, before in zip(told[part], story[part], strict=True):
                assert one | before == one
    told = stored.answered("status")
    for count in ("objects", "versions", "files", "bytes", "conclusions"):
        assert told[count] == stored.truth["status"][count]


@pytest.mark.parametrize("store", ["first", "second"])
def test_every_version_is_restored_as_it_was_dropped(stored: Stored, store: str):
    for package, originals in stored.truth["originals"].items():
        assert digests(stored.restored(package, "--from", store)) == originals, package


def test_a_drop_that_waits_and_one_that_was_answered_are_known(stored: Stored):
    [taken] = stored.answered("status")["taken"]
    [before] = stored.truth["status"]["taken"]
    for member in ("object", "taken_at", "files", "bytes", "runs", "verdict", "sentence"):
        assert taken[member] == before[member]
    asked = stored.answered("approve", before["object"], "--because", "it is so", "--by", "Ada", "--dry-run")
    assert asked["waited_for"] == before["sentence"]
    answered = stored.archive.directory / "accepted" / "documents" / "ledger 1893"
    cleared = stored.answered("clear")
    assert (cleared["path"], cleared["removed"]) == (str(answered), True)
    assert not answered.exists()


def test_what_is_kept_is_recognised_and_its_next_version_builds_on_it(
    stored: Stored, prefect_url: str, tmp_path: Path
):
    archive = Archive(stored.archive.directory, prefect_url)
    code, lines = stored.asked("stores", "init")
    assert (code, [line["made"] for line in lines]) == (0, [True, True]), lines
    name = "files/letters"
    latest = max(package for package in stored.truth["originals"] if package.startswith(f"{name}/"))
    number = int(latest.rpartition("/v")[2])
    drop = stored.restored(latest)
    again = preserved(archive, drop)
    assert (again.ending.verdict, again.ending.package.version) == ("already-kept", number)
    (drop / "to Karl.txt").write_text("Dear Karl\n")
    told = preserved(archive, drop)
    assert (told.ending.verdict, told.ending.package.version) == ("stored", number + 1), told
    made = archive.store("second") / name / f"v{number + 1}"
    assert digests(made / "data") == {"originals/to Karl.txt": digests(drop)["to Karl.txt"]}
    assert len((made / "fetch.txt").read_text().splitlines()) == len(stored.truth["originals"][latest])
    assert stored.asked("validate", made)[0] == 0
    assert digests(stored.restored(f"{name}/v{number + 1}")) == digests(drop)
    # Whoever has only what that release gave away can check and read what was written since.
    stored.answered("journal", "export", tmp_path / "exported now")
    assert checked(stored.export / "check_journal.py", tmp_path / "exported now") == 0
    assert stored.answered("journal", "verify")["entries"] > stored.truth["journal"]["entries"]
    newest = json.loads(told.receipt.with_suffix(".json").read_bytes())
    for file in archive.directory.glob("receipts/**/*.json"):
        receipt = json.loads(file.read_bytes())
        assert receipt["version"] < newest["version"] or receipt.keys() <= newest.keys(), file


def test_the_digests_of_what_it_kept_are_recorded_by_an_upgrade_and_a_forgery_is_found_from_then_on(
    stored: Stored, tmp_path: Path
):
    packages = sorted(stored.truth["originals"])
    name, _, number = packages[0].rpartition("/v")
    restoring = ("restore", name, "--version", number, "--whole", "--dry-run")
    before = stored.answered(*restoring, tmp_path / "x")
    recorded = {issue["code"] for issue in before["issues"]}
    code, lines = stored.asked("upgrade")
    assert code == 0
    if not lines:
        # A release that recorded them by itself leaves nothing to do.
        assert "RST-009" not in recorded
        return
    assert recorded == {"RST-009"}
    assert sorted(line["package"] for line in lines) == packages
    assert all(line["recorded"] and line["stores"] == ["first", "second"] for line in lines)
    assert stored.asked("upgrade") == (0, [])
    assert stored.answered("journal", "verify")["entries"] == stored.truth["journal"]["entries"] + len(lines)
    assert stored.answered(*restoring, tmp_path / "x")["issues"] == []
    stored.answered("journal", "export", tmp_path / "exported now")
    assert checked(stored.export / "check_journal.py", tmp_path / "exported now") == 0
    forge_premis(stored.archive.store("first") / packages[0])
    forged = stored.answered(*restoring, tmp_path / "x")
    assert [(issue["code"], issue["severity"]) for issue in forged["issues"]] == [("RST-005", "warning")]


def test_replicas_that_differ_are_not_recorded_by_an_upgrade(stored: Stored):
    package = min(stored.truth["originals"])
    forge_premis(stored.archive.store("second") / package)
    code, lines = stored.asked("upgrade")
    if not lines:
        return
    assert code == 4
    [differing] = [line for line in lines if not line["recorded"]]
    assert differing["package"] == package
    assert "first and second" in differing["sentence"]


def test_a_changed_byte_of_a_package_is_reported_and_restored_from_elsewhere(stored: Stored):
    package = "images/Übersicht 12/v1"
    damaged = stored.archive.store("first") / package
    flip(damaged / "data" / "originals" / "verso.tif", b"II*")
    code, [verdict] = stored.asked("validate", damaged)
    assert (code, verdict["valid"]) == (3, False)
    assert "data/originals/verso.tif" in {issue["path"] for issue in verdict["issues"]}
    assert digests(stored.restored(package, "--from", "first")) == stored.truth["originals"][package]
    shutil.rmtree(stored.archive.store("second") / package)
    code, [told] = stored.asked("restore", "images/Übersicht 12", stored.export.parent / "x")
    assert (code, told["lost"]) == (4, ["data/originals/verso.tif"])


@pytest.mark.parametrize("where", ["the database", "an export", "a segment"])
def test_a_changed_byte_of_the_journal_is_reported(
    unpacked: Stored, load: Callable[[Stored], Stored], where: str
):
    line = (unpacked.export / "journal.jsonl").read_bytes().splitlines()[1]
    told = json.loads(line)
    segments = unpacked.archive.store("first") / "_journal"
    match where:
        case "the database":
            on_a_server = unpacked.records.suffix == ".sql"
            flip(unpacked.records, line[:200].hex().encode() if on_a_server else line[:200])
            load(unpacked)
            code, [verdict] = unpacked.asked("journal", "verify")
        case "an export":
            flip(unpacked.export / "journal.jsonl", line[:200])
            code, [verdict] = unpacked.asked("journal", "verify", "--from", unpacked.export)
            assert checked(unpacked.export / "check_journal.py", unpacked.export) != 0
        case _:
            flip(min(segments.glob("*.jsonl")), line[:200])
            code, [verdict] = unpacked.asked("journal", "verify", "--from", segments)
    assert code == 4
    assert ("altered", told["seq"]) in [(fault["kind"], fault["seq"]) for fault in verdict["faults"]]
