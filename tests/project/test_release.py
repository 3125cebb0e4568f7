"""A release: its version, the changelog, the versions of what it stores, and the shell's completion."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.archives import MUNIMENT

from flows.cli.output import CONTRACT_VERSION
from preservation.receipt import as_json
from storage.database.upgrading import CURRENT_REVISION
from storage.journal.heads import signed_bytes
from storage.ports.journal import GENESIS, KeyId

_PATIENCE = 60.0


@pytest.fixture
def version(project: Path) -> str:
    """The version that the project says it is."""
    stated: str = tomllib.loads((project / "pyproject.toml").read_text())["project"]["version"]
    return stated


def released(project: Path) -> dict[str, str]:
    """The versions in the changelog, the newest first, with the date of each."""
    found = re.findall(r"^## \[(.+)\] - (.+)$", (project / "CHANGELOG.md").read_text(), re.MULTILINE)
    return dict(found)


def test_the_command_says_its_version(version: str):
    told = subprocess.run([MUNIMENT, "--version"], capture_output=True, text=True, check=True).stdout
    assert told == f"muniment {version}\n", "run: make setup"


def test_the_changelog_begins_with_this_version_and_dates_those_before(project: Path, version: str):
    (newest, date), *earlier = released(project).items()
    assert newest == version
    assert date == "unreleased" or datetime.fromisoformat(date)
    dates = [datetime.fromisoformat(date) for _, date in earlier]
    assert dates == sorted(dates, reverse=True)
    headings = re.findall(r"^###? .*$", (project / "CHANGELOG.md").read_text(), re.MULTILINE)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {heading.removeprefix("### ") for heading in headings if heading.startswith("###")} <= kinds
    assert sum(heading.startswith("## ") for heading in headings) == len(released(project))


def test_every_earlier_release_has_a_fixture_of_what_it_stored(project: Path, version: str):
    folders = {path.parent.parent.name for path in (project / "tests" / "fixtures").glob("*/*/truth.json")}
    assert folders - {version} == set(released(project)) - {version}


def test_the_versions_of_the_stored_forms_are_those_of_the_code(project: Path):
    page = (project / "docs" / "design.md").read_text()
    _, _, table = page.partition("### Stored forms and releases\n")
    rows = re.findall(r"^\| (.+?) \| (\S+) \| (\d\S+) \|", table, re.MULTILINE)
    journal = signed_bytes(GENESIS, datetime.now(UTC), KeyId("0" * 64)).splitlines()[1]
    # A package does not state its form's version; the release that wrote it does.
    assert {form: stated for form, stated, _ in rows if form != "package"} == {
        "journal": journal.decode(),
        "database": CURRENT_REVISION,
        "`receipt.json`": str(as_json.VERSION),
        "`--json`": str(CONTRACT_VERSION),
    }
    assert {since for *_, since in rows} <= set(released(project))


def test_bash_completes_a_verb_once_completion_is_installed(tmp_path: Path):
    environment = {"HOME": str(tmp_path), "PATH": f"{MUNIMENT.parent}:{os.environ['PATH']}", "TERM": "dumb"}
    # The shell is found by looking who called: `exit` keeps bash from becoming the command.
    install = ["bash", "-c", "muniment --install-completion; exit $?"]
    subprocess.run(install, env=environment, check=True, capture_output=True, timeout=60)
    terminal, end = pty.openpty()
    with subprocess.Popen(
        ["bash", "-i"],
        env=environment,
        cwd=tmp_path,
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    ) as shell:
        os.close(end)
        os.write(terminal, b"muniment resto\t\x01echo \r")
        shown = b""
        deadline = time.monotonic() + _PATIENCE
        while b"\nmuniment restore" not in shown and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 4096)
        shell.kill()
    os.close(terminal)
    assert b"\nmuniment restore" in shown, shown
