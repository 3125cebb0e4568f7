"""In every locale, names are written as UTF-8, and what a terminal lacks is escaped on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support.archives import MUNIMENT, Archive
from support.command_runs import near, run_command
from support.flow_runs import installed
from support.surroundings import LOCALES, make_latin_1

from flows.cli.application import _VERBS

NAMES = ("Größe.txt", "日本.txt", "Ωmega", "e\u0301clair.txt", "i" * 200)
BY_LOCALE = [
    pytest.param(setting, id=name, marks=() if name == "latin-1" else pytest.mark.soak)
    for name, setting in LOCALES.items()
]


def words_of(verb: str, archive: Archive, drop: Path) -> list[list[str]]:
    """What a user may type of a verb, with names in it that are not ASCII."""
    here = ["-C", str(archive.directory)]
    name, bag = f"files/{drop.name}", archive.store("first") / "files" / drop.name / "v1"
    return {
        "init": [["init", str(drop.with_name("eingeführt"))]],
        "doctor": [["doctor", *here]],
        "preserve": [["preserve", str(drop), "--collection", "files", "--dry-run", *here]],
        "clear": [["clear", "--dry-run", *here]],
        "status": [["status", *here], ["status", name, *here]],
        "restore": [["restore", name, str(drop.with_name("zurück")), *here]],
        "identify": [["identify", str(drop)]],
        "validate": [["validate", str(bag)], ["validate", "--json", str(bag)]],
        "policy": [["policy", "explain", str(archive.directory / "policies" / "bit-level.toml"), str(drop)]],
        "journal": [["journal", "verify", *here], ["journal", "show", *here]],
    }.get(verb, [])


SEVERAL = """
import sys
from itertools import groupby
from flows.cli.__main__ import main
for is_mark, words in groupby(sys.argv[1:], "THEN".__eq__):
    if is_mark:
        continue
    sys.argv = ["muniment", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, sys.argv
    sys.stdout.flush()
"""
"""Several commands by one process: its start takes longer than most of them."""


def run_in(
    surroundings: Mapping[str, str],
    archive: Archive,
    words: list[str],
    program: Sequence[str | Path] = [MUNIMENT],
) -> subprocess.CompletedProcess[bytes]:
    environment = {
        name: value for name, value in archive.environment.items() if not name.startswith(("LC_", "LANG"))
    }
    return subprocess.run(
        [*program, *words], env=environment | dict(surroundings), capture_output=True, check=False
    )


@pytest.fixture(scope="module")
def locale_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_latin_1(tmp_path_factory.mktemp("locales"))


@pytest.fixture
def archive(tmp_path: Path, api_url: str) -> Archive:
    return near(installed(tmp_path / "Archiv für Karten", api_url))


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drops" / "Großer Atlas 日本"
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (folder / name).write_text(f"Page {number}\n")
    return folder


def written(archive: Archive) -> dict[str, bytes]:
    """What is kept, without what differs from run to run: times, and identifiers that are drawn."""
    drawn = re.compile(rb"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}|\d{4}-\d\d-\d\d(T[0-9:.+Z]+)?")
    kept = {key: drawn.sub(b"", content) for key, content in archive.kept().items()}
    return {key: content for key, content in kept.items() if not key.endswith("/tagmanifest-sha256.txt")}


@pytest.mark.in_prefect
@pytest.mark.parametrize("surroundings", BY_LOCALE)
def test_what_is_kept_is_the_same_in_every_locale(
    surroundings: dict[str, str],
    archive: Archive,
    drop: Path,
    tmp_path: Path,
    locale_folder: str,
):
    surroundings = {**surroundings, "LOCPATH": locale_folder}
    words = ["preserve", str(drop), "--collection", "files", "--json", "-C", str(archive.directory)]
    finished = run_in(surroundings, archive, words)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["object"] == f"files/{drop.name}"
    in_utf8 = near(installed(tmp_path / "Another"))
    assert in_utf8.preserve(drop, collection="files")[0]["verdict"] == "stored"
    assert written(archive) == written(in_utf8)
    [manifest] = [content for key, content in archive.kept().items() if key.endswith("/manifest-sha256.txt")]
    assert all(name.encode() in manifest for name in NAMES)
    assert archive.preserve(drop, collection="files")[0]["verdict"] == "already-kept"
    bag = archive.store("first") / "files" / drop.name / "v1"
    assert run_command("validate", bag).returncode == 0


@pytest.mark.in_prefect
def test_every_verb_runs_in_a_latin_1_locale_and_a_name_is_shown_or_escaped(
    archive: Archive, drop: Path, locale_folder: str
):
    surroundings = {**LOCALES["latin-1"], "LOCPATH": locale_folder}
    assert archive.preserve(drop, collection="files")[0]["verdict"] == "stored"

    def run_all(commands: list[list[str]]) -> bytes:
        program = [MUNIMENT.with_name("python"), "-c", SEVERAL]
        finished = run_in(
            surroundings, archive, [word for words in commands for word in ("THEN", *words)], program
        )
        assert finished.returncode == 0, (commands, finished.stdout, finished.stderr)
        assert b"Traceback" not in finished.stderr
        return finished.stdout

    assert run_all([[verb, "--help"] for verb in _VERBS]).count(b"Usage: muniment") == len(_VERBS)
    everything = [words for verb in _VERBS for words in words_of(verb, archive, drop)]
    shown = run_all([words for words in everything if "--json" not in words])
    # What a program reads is UTF-8 everywhere.
    run_all([words for words in everything if "--json" in words])
    assert "Größe.txt".encode("latin-1") in shown
    assert b"\\u65e5\\u672c.txt" in shown
    assert "Größe".encode() not in shown


@pytest.mark.parametrize("surroundings", LOCALES.values(), ids=LOCALES.keys())
def test_names_that_a_terminal_lacks_are_escaped_on_it(
    surroundings: dict[str, str], archive: Archive, drop: Path, locale_folder: str
):
    (drop / os.fsdecode(b"caf\xe9")).write_text("x")
    finished = run_in({**surroundings, "LOCPATH": locale_folder}, archive, ["identify", str(drop)])
    # That name is reported: a package cannot have it.
    assert finished.returncode == 3, finished
    assert b"Traceback" not in finished.stderr
    assert b"caf\\xe9" in finished.stderr
    assert b"txt" in finished.stdout


def test_a_process_whose_names_are_not_utf8_and_that_cannot_start_anew_refuses(archive: Archive):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = "import pathlib, flows.installation.settings_file as file; file.load_settings(pathlib.Path())"
    python = str(MUNIMENT.with_name("python"))
    finished = subprocess.run(
        [python, "-c", code],
        env=environment,
        cwd=archive.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "set PYTHONUTF8=1 in the environment of this process" in finished.stderr
