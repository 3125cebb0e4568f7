"""Scanning a drop with a real clamd, and what becomes of a scanner that is gone, silent, old or too small."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from services import clamav
from services.clamav import SIGNATURE, Scanner, answering, eicar
from support.surveys import drop, surveyed

from preservation.model.files import SurveyedFile
from preservation.model.paths import RelativePath
from preservation.model.viruses import (
    Clean,
    Infected,
    NoScanner,
    NotScanned,
    Obstacle,
    ScannedFile,
    ScannerRelease,
)
from preservation.survey.walk import FoundFile, walk
from preservation.tools.clamd import Clamd, TcpAddress
from preservation.virus.outcome import doubt
from preservation.virus.scan import ScanTerms, scan

pytestmark = pytest.mark.timeout(120)
TERMS = ScanTerms(streams=2, largest=1 << 20)
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def paths(root: Path) -> Iterator[RelativePath]:
    return (entry.path for entry in walk(root) if isinstance(entry, FoundFile))


def scanned(root: Path, client: Clamd, terms: ScanTerms = TERMS) -> dict[str, ScannedFile]:
    return {file.path: file for file in scan(root, paths(root), client, terms)}


def obstacle(file: ScannedFile) -> Obstacle:
    assert isinstance(file.verdict, NotScanned)
    return file.verdict.obstacle


def test_every_file_gets_its_verdict_in_the_order_of_the_survey_and_the_digest_that_was_sent(
    tmp_path: Path, clamd: Scanner
):
    root = drop(
        tmp_path / "drop",
        {"a/1.txt": b"one", "a.txt": b"", "b/bad.txt": eicar(), "b/large.bin": bytes(700_000), "z": b"end"},
    )
    files = list(scan(root, paths(root), clamd.client(), TERMS))
    survey = [entry for entry in surveyed(root) if isinstance(entry, SurveyedFile)]
    assert [file.path for file in files] == [file.path for file in survey]
    assert [file.sha256 for file in files] == [file.digests["sha256"] for file in survey]
    verdicts = {file.path: file.verdict for file in files}
    assert verdicts.pop(RelativePath("b/bad.txt")) == Infected(SIGNATURE)
    assert set(verdicts.values()) == {Clean()}


def test_hostile_names_are_scanned_like_any_other(tmp_path: Path, clamd: Scanner):
    names = [
        "new\nline",
        "right\u202eto-left",
        "\U0001f5ff" * 60,
        "n" * 255,
        " ",
        "-rf",
        "quote'\"",
        "stream: OK",
    ]
    deep = "/".join(["d" * 250] * 3)
    root = drop(tmp_path / "drop", {name: eicar() for name in [*names, f"{deep}/file"]})
    files = scanned(root, clamd.client())
    assert set(files) == {*names, f"{deep}/file"}
    assert {file.verdict for file in files.values()} == {Infected(SIGNATURE)}


def test_a_path_longer_than_the_system_takes_is_scanned(tmp_path: Path, clamd: Scanner):
    (root := tmp_path / ("r" * 250) / ("r" * 250)).mkdir(parents=True)
    here = os.open(root, os.O_RDONLY)
    for _ in range(15):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with os.fdopen(os.open("bad", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as file:
        file.write(eicar())
    os.close(here)
    assert [file.verdict for file in scan(root, paths(root), clamd.client(), TERMS)] == [Infected(SIGNATURE)]


def test_what_is_no_plain_file_any_more_is_not_scanned_and_not_followed(tmp_path: Path, clamd: Scanner):
    root = drop(tmp_path / "drop", {"gone": b"", "link": b"", "pipe": b"", "still": b"here"})
    drop(tmp_path, {"outside": eicar()})
    found = list(paths(root))
    for name in ("gone", "link", "pipe"):
        (root / name).unlink()
    (root / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "pipe")
    files = {file.path: file for file in scan(root, found, clamd.client(), TERMS)}
    assert files.pop(RelativePath("still")).verdict == Clean()
    assert {obstacle(file) for file in files.values()} == {Obstacle.UNREADABLE}
    assert {file.sha256 for file in files.values()} == {None}


def test_a_file_that_shrinks_while_it_is_sent_is_not_scanned(tmp_path: Path):
    root = drop(tmp_path / "drop", {"shrinking": bytes(1 << 20)})
    with clamav.scanning() as scanner:
        # A first piece is more than the sockets of a scanner that is stopped hold: the sender waits there.
        scanner.pause()
        going = scan(root, paths(root), scanner.client(seconds=30), TERMS)

        threading.Timer(0.5, lambda: (os.truncate(root / "shrinking", 10), scanner.resume())).start()
        (file,) = going
    assert obstacle(file) is Obstacle.UNREADABLE


def test_what_clamd_would_call_ok_without_looking_is_not_sent(tmp_path: Path, clamd: Scanner):
    root = drop(tmp_path / "drop", {"large": bytes(1 << 20) + eicar(), "small": eicar()})
    # This is why: it is larger than MaxFileSize, and clamd says OK.
    blind = scanned(root, clamd.client(), ScanTerms(streams=1, largest=8 << 20))
    assert blind["large"].verdict == Clean()
    files = scanned(root, clamd.client())
    assert obstacle(files["large"]) is Obstacle.TOO_LARGE
    assert files["small"].verdict == Infected(SIGNATURE)


def test_a_file_longer_than_streammaxlength_is_not_scanned_and_the_others_are(tmp_path: Path, clamd: Scanner):
    root = drop(tmp_path / "drop", {f"{number}": bytes(100) for number in range(10)})
    with (root / "5").open("wb") as file:
        file.truncate(20 << 20)
    files = scanned(root, clamd.client(), ScanTerms(streams=2, largest=1 << 30))
    assert obstacle(files.pop("5")) is Obstacle.TOO_LARGE
    assert {file.verdict for file in files.values()} == {Clean()}


def test_a_scanner_killed_midway_leaves_the_rest_not_scanned_and_nothing_wrongly_clean(tmp_path: Path):
    root = drop(tmp_path / "drop", {f"{number:04}": f"{number}".encode() for number in range(600)})
    with clamav.scanning() as scanner:
        files = []
        for file in scan(root, paths(root), scanner.client(), TERMS):
            files.append(file)
            if len(files) == 10:
                scanner.kill()
    assert len(files) == 600
    assert {file.verdict for file in files[:10]} == {Clean()}
    assert {obstacle(file) for file in files[-300:]} <= {Obstacle.NO_SCANNER, Obstacle.FAULT}
    assert obstacle(files[-1]) is Obstacle.NO_SCANNER
    for file in files:
        if file.verdict == Clean():
            assert file.sha256 == hashlib.sha256((root / file.path).read_bytes()).hexdigest()


def test_a_file_whose_scanner_broke_off_is_sent_once_more_and_then_the_next_one(tmp_path: Path):
    root = drop(tmp_path / "drop", {"a": b"a", "b": b"b", "c": b"c"})
    with answering(b"", b"stream: OK\0", b"", b"", b"stream: OK\0") as client:
        files = scanned(root, client, ScanTerms(streams=1, largest=100))
    assert [file.verdict for name, file in files.items() if name != "b"] == [Clean()] * 2
    assert obstacle(files["b"]) is Obstacle.FAULT


def test_a_silent_scanner_is_given_up_after_one_wait_not_after_one_a_file(tmp_path: Path):
    root = drop(tmp_path / "drop", {f"{number:04}": b"x" for number in range(500)})
    with clamav.scanning() as scanner:
        scanner.pause()
        files = scanned(root, scanner.client(seconds=0.5))
    assert {obstacle(file) for file in files.values()} == {Obstacle.NO_SCANNER}
    assert any(
        "silent" in file.verdict.detail for file in files.values() if isinstance(file.verdict, NotScanned)
    )


def test_without_a_scanner_every_file_is_not_scanned(tmp_path: Path):
    root = drop(tmp_path / "drop", {"a": b"a", "b": eicar()})
    files = scanned(root, Clamd(TcpAddress("127.0.0.1", 9), 5))
    assert [obstacle(file) for file in files.values()] == [Obstacle.NO_SCANNER] * 2


def test_with_signatures_in_doubt_nothing_is_clean_and_what_is_found_counts(tmp_path: Path):
    root = drop(tmp_path / "drop", {"bad": eicar(), "good": b"good"})
    for days_old in (12, None):
        with clamav.scanning(days_old=days_old) as scanner:
            unsure = doubt(scanner.client().release(), datetime.now(UTC), 7)
            assert unsure is not None
            assert unsure.obstacle is Obstacle.DATABASE
            terms = ScanTerms(streams=2, largest=1 << 20, doubt=unsure)
            files = scanned(root, scanner.client(), terms)
        assert files["bad"].verdict == Infected(SIGNATURE)
        assert files["good"].verdict == unsure


@pytest.mark.parametrize(
    ("age", "trusted"), [(0, True), (7.9, True), (8, False), (400, False), (-0.9, True), (-2.1, False)]
)
def test_signatures_are_trusted_up_to_the_days_of_the_policy_and_never_from_the_future(
    age: float, *, trusted: bool
):
    release = ScannerRelease("ClamAV", "1.4.6", 27300, NOW - timedelta(days=age))
    assert (doubt(release, NOW, 7) is None) is trusted


def test_nothing_is_trusted_without_a_scanner():
    assert doubt(NoScanner("nobody there"), NOW, 7) == NotScanned(Obstacle.NO_SCANNER, "nobody there")


def test_only_a_few_files_are_taken_in_advance(tmp_path: Path, clamd: Scanner):
    root = drop(tmp_path / "drop", {"one": b"one"})
    taken = 0

    def endless() -> Iterator[RelativePath]:
        nonlocal taken
        while True:
            taken += 1
            yield RelativePath("one")

    going = scan(root, endless(), clamd.client(), TERMS)
    for given, _ in zip(range(1, 301), going, strict=False):
        assert taken - given <= 65
    going.close()
