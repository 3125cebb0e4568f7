"""The whole way with catalogue and journal in PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from services.postgres import PASSWORD_PARTS, Server
from support.archives import Archive
from support.command_runs import near

from demonstration.drawing import photograph, save_scan


@pytest.fixture
def archive_on_postgresql(
    installation: Archive, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> Archive:
    """An archive whose settings name a server; the password stands in a file of the user's."""
    archive = near(installation)
    url, passwords = postgresql.new_database_without_password(archive.directory / "pgpass")
    file = archive.directory / "muniment.toml"
    file.write_text(file.read_text().replace("sqlite:///state/muniment.db", url))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    (archive.directory / "state" / "muniment.db").unlink()
    return archive


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    drop = tmp_path / "drops" / "sheet-012"
    drop.mkdir(parents=True)
    for number in range(2):
        save_scan(photograph((300, 200), number / 2), drop / f"page \u00e9 {number}.bmp", 300)
    return drop


def test_what_is_preserved_is_told_verified_and_restored(
    archive_on_postgresql: Archive, scans: Path, tmp_path: Path
):
    archive = archive_on_postgresql
    [told] = archive.preserve(scans)
    assert told["verdict"] == "stored", told
    status = archive.run("status", "--json")
    assert json.loads(status.stdout.splitlines()[0])["versions"] == 1, status
    story = archive.run("status", "images/sheet-012")
    assert story.returncode == 0, story
    assert "v1" in story.stdout
    verified = archive.run("journal", "verify")
    assert (verified.returncode, verified.stdout[:6]) == (0, "INTACT")
    restored = archive.run("restore", "images/sheet-012", tmp_path / "restored")
    assert restored.returncode == 0, restored
    assert {path.name: path.read_bytes() for path in (tmp_path / "restored").iterdir()} == {
        path.name: path.read_bytes() for path in scans.iterdir()
    }
    assert not (archive.directory / "state" / "muniment.db").exists()


def test_a_password_that_is_not_given_or_wrong_is_asked_for_and_never_told(
    archive_on_postgresql: Archive, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGPASSFILE", str(archive_on_postgresql.directory / "none"))
    asked = archive_on_postgresql.run("status")
    assert (asked.returncode, "no password supplied" in asked.stderr) == (6, True), asked
    monkeypatch.setenv("PGPASSWORD", "Wrong:w/rd@2")
    refused = archive_on_postgresql.run("status")
    assert (refused.returncode, "authentication failed" in refused.stderr) == (6, True), refused
    for part in ("Wrong", "w/rd", *PASSWORD_PARTS):
        assert part not in asked.stderr + refused.stderr
