"""The clock is set back between two runs: the order of what happened is the chain's, not the clock's."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.archives import Archive
from support.clocks import set_clocks
from support.command_runs import near

DAYS = 400


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    drop = tmp_path / "drops" / "letters"
    drop.mkdir(parents=True)
    (drop / "letter.txt").write_text("Dear brother\n")
    return drop


@pytest.mark.soak
@pytest.mark.in_prefect
def test_what_is_preserved_after_the_clock_was_set_back_is_kept_and_the_journal_is_intact(
    installation: Archive, letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # What needs no other clock runs here.
    archive = near(installation)
    [first] = archive.preserve(letters, collection="files")
    assert first["verdict"] == "stored", first
    (letters / "answer.txt").write_text("Dear sister\n")
    # Of a time that has not come yet for whoever has the early clock.
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).timestamp()
    os.utime(letters / "answer.txt", (tomorrow, tomorrow))

    set_clocks(monkeypatch, f"-{DAYS}d")
    [second] = installation.preserve(letters, collection="files")
    assert (second["verdict"], second["object_version"]) == ("stored", 2), second

    verified = installation.run("journal", "verify")
    assert (verified.returncode, verified.stdout[:6]) == (0, "INTACT"), verified
    assert "a clock was set back" in verified.stdout + verified.stderr
    lines = [json.loads(line) for line in archive.run("journal", "show", "--json").stdout.splitlines()]
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    moments = [datetime.fromisoformat(line["at"]) for line in lines]
    assert moments[0] - moments[-1] > timedelta(days=DAYS - 1)
    restored = installation.run("restore", "files/letters", tmp_path / "restored")
    assert restored.returncode == 0, restored
    assert (tmp_path / "restored" / "answer.txt").read_text() == "Dear sister\n"

    monkeypatch.undo()
    status = json.loads(archive.run("status", "files/letters", "--json").stdout)
    assert [version["object_version"] for version in status["versions"]] == [1, 2], status
