"""Drops that were made to do harm, the whole way: each gets its verdict, and nothing else is touched."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support import hostile_files
from support.archives import MUNIMENT, Archive
from support.command_runs import near
from support.flow_runs import installed
from support.hostile_cases import CASES, STORED, Case

from preservation.bagit.validation import validate
from preservation.model.paths import printable

LIMITS = {
    "MUNIMENT_LIMITS__MEMORY": "1 GiB",
    "MUNIMENT_LIMITS__CPU_SECONDS": "20",
    "MUNIMENT_LIMITS__UNPACKED_FILES": "2000",
    "MUNIMENT_LIMITS__UNPACKED_SIZE": "1 GiB",
}
MOST_MEMORY = 1 << 30
"""What any one process may take, in bytes: as much as a caged one may."""


@dataclass(frozen=True)
class Outcome:
    """What became of all of them: what was told by name, what was said, what was touched."""

    archive: Archive
    drops: Path
    told: dict[str, dict[str, Any]]
    said: str
    most_memory: int
    before: dict[str, Any]
    called: bool


def object_of(name: str) -> str:
    """The object's name is the test's choice: an archive's own would lose its ending, and clash."""
    return name.replace(".", "-")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Outcome:
    """All of them preserved, a command for each collection, while somebody keeps writing to one."""
    base = tmp_path_factory.mktemp("hostile")
    archive = near(installed(base / "archive", prefect_url))
    drops = base / "drops"
    drops.mkdir()
    for case in CASES:
        case.make(drops / object_of(case.name))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        xml = drops / "xml"
        xml.mkdir()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        (xml / "mets.xml").write_bytes(hostile_files.xxe(url))
        for name in ("dc", "marcxml"):
            (xml / f"{name}.xml").write_bytes(hostile_files.billion_laughs(name))
        growing = drops / "growing"
        growing.mkdir()
        before = tree(drops)
        writer = ["sh", "-c", 'while :; do echo x >> "$0"; sleep 0.01; done', str(growing / "log.txt")]
        told: dict[str, dict[str, Any]] = {}
        said, memory = "", 0
        with subprocess.Popen(writer) as running:
            for collection in ("files", "images"):
                more = ["xml", "growing"] if collection == "files" else []
                names = [object_of(case.name) for case in CASES if case.collection == collection] + more
                finished, used = preserved(archive, collection, [drops / name for name in names])
                said += finished.stderr
                memory = max(memory, used)
                assert finished.stdout, finished.stderr
                for name, line in zip(names, finished.stdout.splitlines(), strict=True):
                    told[name] = json.loads(line)
            running.kill()
        (growing / "log.txt").unlink()
        try:
            listener.accept()
            called = True
        except TimeoutError:
            called = False
    return Outcome(archive, drops, told, said, memory, before, called)


def preserved(
    archive: Archive, collection: str, drops: list[Path]
) -> tuple[subprocess.CompletedProcess[str], int]:
    """Preserve them, and measure what memory any process took for it, in bytes."""
    command = [MUNIMENT, "preserve", *drops, "--collection", collection, "--json", "-C", archive.directory]
    output, errors = archive.directory / "stdout", archive.directory / "stderr"
    with output.open("w") as stdout, errors.open("w") as stderr:
        process = subprocess.Popen(
            command, stdout=stdout, stderr=stderr, env={**archive.environment, **LIMITS}
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finished = subprocess.CompletedProcess(
        command, process.returncode, output.read_text(), errors.read_text()
    )
    return finished, usage.ru_maxrss * 1024


def tree(root: Path) -> dict[str, Any]:
    """Everything below a folder: what each thing is, its size, when it was written; links not followed."""
    found: dict[str, Any] = {}
    for path, folders, files in os.walk(os.fsencode(root)):
        if len(path) > 3000:
            continue
        for name in (*folders, *files):
            entry = os.path.join(path, name)  # noqa: PTH118  bytes, for names that are not UTF-8
            status = os.lstat(entry)
            modified = status.st_mtime_ns if not stat.S_ISDIR(status.st_mode) else 0
            found[os.fsdecode(entry)] = (stat.S_IFMT(status.st_mode), status.st_size, modified)
    return found


def test_the_journal_tells_the_beginning_and_the_end_of_each(outcome: Outcome):
    lines = outcome.archive.run("journal", "show", "--json", "--limit", "100000").stdout.splitlines()
    told = Counter(json.loads(line)["event_type"] for line in lines)
    assert told["ingestion start"] == told["ingestion end"] == len(outcome.told)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_gets_its_verdict_and_its_culprit_is_named(case: Case, outcome: Outcome):
    told = outcome.told[object_of(case.name)]
    assert told["verdict"] == case.verdict, told
    found = told["issues"]
    if case.code:
        found = [issue for issue in found if issue["code"] == case.code]
        assert found, told["issues"]
    if case.culprit:
        assert any(
            issue["path"] == case.culprit or printable(case.culprit) in issue["message"] for issue in found
        ), found
        assert all(issue["next_step"] for issue in found if issue["severity"] != "info")


def test_whoever_keeps_writing_is_told_to_wait(outcome: Outcome):
    told = outcome.told["growing"]
    assert told["verdict"] == "rejected"
    assert "log.txt" in json.dumps(told["issues"]) or "changed while" in told["sentence"]


def test_no_process_takes_more_than_a_caged_one_may(outcome: Outcome):
    assert outcome.most_memory < MOST_MEMORY


def test_entities_are_kept_as_they_came_and_nobody_is_asked_for_them(outcome: Outcome):
    assert outcome.told["xml"]["verdict"] == STORED
    assert not outcome.called
    kept = outcome.archive.store("first") / "files" / "xml" / "v1"
    for name in ("mets.xml", "dc.xml", "marcxml.xml"):
        assert (kept / "data" / "originals" / name).read_bytes() == (
            outcome.drops / "xml" / name
        ).read_bytes()
    assert all(b"root:x:0" not in path.read_bytes() for path in kept.rglob("*") if path.is_file())


def test_the_drops_are_as_they_were(outcome: Outcome):
    assert tree(outcome.drops) == outcome.before


def test_nothing_is_written_anywhere_else(outcome: Outcome):
    base = outcome.drops.parent
    assert sorted(path.name for path in base.iterdir()) == ["archive", "drops"]
    for place in (Path("/etc/evil"), Path("/tmp/evil"), base / "evil", base.parent / "evil"):  # noqa: S108  where members ask to go
        assert not os.path.lexists(place)
    unpacked = [path for path in outcome.archive.directory.rglob("evil*") if "stores" not in path.parts]
    assert unpacked == []


def test_names_are_kept_byte_for_byte_and_the_bag_is_valid(outcome: Outcome, tmp_path: Path):
    for name in ("names", "deep", "hole"):
        drop = outcome.drops / name
        for store in ("first", "second"):
            bag = outcome.archive.store(store) / "files" / name / "v1"
            assert contents(bag / "data" / "originals") == contents(drop)
            assert validate(bag).valid
        restored = outcome.archive.run("restore", f"files/{name}", str(tmp_path / name))
        assert restored.returncode == 0, restored.stderr
        assert contents(tmp_path / name) == contents(drop)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_receipt_is_a_page_without_a_word_of_theirs_in_its_markup(outcome: Outcome):
    for case in CASES:
        page = _Page()
        page.feed(Path(outcome.told[object_of(case.name)]["receipt"]).read_text())
        assert page.tags.isdisjoint({"script", "iframe", "object", "form", "link", "base"})
        assert page.handlers == set()
        if case.culprit and case.verdict != STORED:
            assert printable(case.culprit) in page.text, case.name
        assert [character for character in page.text if is_control(character)] == []


class _Page(HTMLParser):
    """What a browser would make of a receipt."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers |= {
            name for name, value in attrs if name.startswith("on") or "script:" in (value or "")
        }

    def handle_data(self, data: str) -> None:
        self.text += data


def is_control(character: str) -> bool:
    return character not in "\n\t" and not character.isprintable() and character != "\u00a0"


def test_no_control_character_reaches_a_terminal(outcome: Outcome):
    assert {character for character in outcome.said if is_control(character)} == set()
    drops = [outcome.drops / name for name in ("names", "links", "manifests", "fetching", "bag-terminal-tar")]
    plain = outcome.archive.run("preserve", *drops, "--collection", "files")
    status = outcome.archive.run("status", "files/names")
    assert "REJECTED" in plain.stdout
    for said in (plain.stdout, plain.stderr, status.stdout, status.stderr):
        assert {character for character in said if is_control(character)} == set()
