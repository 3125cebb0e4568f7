"""docs/journal.md is held to its word: its examples are checked by its own recipes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows.archive.time_stamp_authority import SECONDS
from flows.installation.alarm_settings import WitnessSettings
from preservation.model.events import EventType
from storage.journal import standalone
from storage.journal.exported import exported_in_folder
from storage.journal.findings import FindingKind
from storage.journal.time_stamps import LARGEST_TOKEN
from storage.journal.tokens import EARLIER, LATER
from storage.journal.verification import FaultKind, Intact


@pytest.fixture
def documentation(project: Path) -> str:
    return (project / "docs" / "journal.md").read_text(encoding="utf-8")


def blocks(documentation: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", documentation, re.DOTALL)


@pytest.fixture
def examples(documentation: str, tmp_path: Path) -> Path:
    """The documented entries, head, message and key, each in a file of its own."""
    (lines,) = blocks(documentation, "jsonl")
    (head,) = blocks(documentation, "json")
    (message,) = blocks(documentation, "text")
    (key,) = blocks(documentation, "pem")
    (tmp_path / "journal.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "line.jsonl").write_text(lines.splitlines()[1] + "\n", encoding="utf-8")
    (tmp_path / "heads.jsonl").write_text(head, encoding="utf-8")
    (tmp_path / "head.json").write_text(head, encoding="utf-8")
    (tmp_path / "message").write_text(message, encoding="ascii")
    (tmp_path / "key.pem").write_text(key, encoding="ascii")
    (tmp_path / "journal-21fe31.pub.pem").write_text(key, encoding="ascii")
    (tmp_path / "check_journal.py").write_bytes(Path(standalone.__file__).read_bytes())
    return tmp_path


def shell(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=folder,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_type_of_event_is_documented_and_none_that_does_not_exist(documentation: str):
    _, _, below = documentation.partition("| event type | recorded when |\n")
    table, _, _ = below.partition("\n\n")
    assert set(re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE)) == set(EventType)


def test_the_documented_entries_are_intact_and_vouched_for(examples: Path):
    exported = exported_in_folder(examples)
    verdict = exported.verify(exported.keys())
    assert isinstance(verdict, Intact)
    assert verdict.signed is not None
    assert verdict.signed.head == verdict.head


def test_each_documented_recipe_does_what_it_says(documentation: str, examples: Path):
    hashing, _, _, beside, trusted, witness, segments = blocks(documentation, "sh")
    hashed = shell(hashing, examples).split()[0]
    assert f'"hash":"{hashed}"' in (examples / "line.jsonl").read_text(encoding="utf-8")
    assert "every signature holds" in shell(beside, examples)
    (examples / "KEY.pem").write_bytes((examples / "key.pem").read_bytes())
    assert "every signature holds" in shell(trusted, examples)

    (examples / "HEADS.jsonl").write_bytes((examples / "head.json").read_bytes())
    assert "2 signed heads agree" in shell(witness, examples)

    folder = examples / "_journal"
    folder.mkdir()
    (examples / "journal.jsonl").rename(folder / "000000001-000000002.jsonl")
    (examples / "head.json").rename(folder / "000000001-000000002.head.json")
    (examples / "journal-21fe31.pub.pem").rename(folder / "journal-21fe31.pub.pem")
    (examples / "check_journal.py").rename(folder / "check_journal.py")
    assert "every signature holds" in shell(segments, folder)
    assert "every signature holds" in shell(beside, folder)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL's command is not installed")
def test_openssl_verifies_the_documented_signature(documentation: str, examples: Path):
    _, signature, *_ = blocks(documentation, "sh")
    assert "Signature Verified Successfully" in shell(signature, examples)


def test_every_fault_and_finding_is_explained(documentation: str):
    for kind in (*FaultKind, *FindingKind):
        assert f"| {kind.value} |" in documentation


def test_what_is_documented_of_time_stamps_is_what_is_done(documentation: str):
    (settings,) = (block for block in blocks(documentation, "toml") if "[[witness.authority]]" in block)
    (authority,) = WitnessSettings.model_validate(tomllib.loads(settings)["witness"]).authority
    assert authority.url == "https://tsa.example.org/"
    for words in (
        f"none within {SECONDS:.0f} seconds",
        f"more than {LARGEST_TOKEN >> 10} KiB",
        f"{EARLIER.seconds // 60} minutes before, or {LATER.days} days after",
    ):
        assert words in documentation
