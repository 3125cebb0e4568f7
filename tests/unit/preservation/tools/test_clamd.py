"""The client of clamd, against a real one; against a made-up one where a real one cannot be made to err."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import repeat

import pytest
from services import clamav
from services.clamav import DATABASE, SIGNATURE, Scanner, answering, eicar

from preservation.model.viruses import NoScanner, ScannerRelease
from preservation.tools.clamd import TcpAddress, UnixAddress, clamd_address
from preservation.tools.clamd_answers import (
    Declined,
    FoundSignature,
    Lost,
    NotWhollySeen,
    Passed,
    Silent,
    TooLong,
    Unreachable,
    release_answer,
    stream_answer,
)

pytestmark = pytest.mark.timeout(120)
BOTH_SOCKETS = pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/within.txt", content + bytes(10_000))
    return packed.getvalue()


@BOTH_SOCKETS
def test_a_harmless_stream_passes_and_so_does_an_empty_one(clamd: Scanner, *, tcp: bool):
    client = clamd.client(tcp=tcp)
    assert client.stream([b"harmless ", b"", memoryview(b"text")]) == Passed()
    assert client.stream([]) == Passed()


@BOTH_SOCKETS
def test_what_the_signature_describes_is_found_also_across_chunks_and_inside_a_zip(
    clamd: Scanner, *, tcp: bool
):
    client = clamd.client(tcp=tcp)
    assert client.stream([eicar()]) == FoundSignature(SIGNATURE)
    assert client.stream([eicar()[:20], eicar()[20:]]) == FoundSignature(SIGNATURE)
    packed = zipped(eicar())
    assert eicar() not in packed
    assert client.stream([packed]) == FoundSignature(SIGNATURE)


@BOTH_SOCKETS
def test_a_stream_longer_than_the_scanner_takes_is_told_as_that_every_time(clamd: Scanner, *, tcp: bool):
    client = clamd.client(tcp=tcp)
    for _ in range(20):
        assert client.stream(repeat(bytes(1 << 16), 200)) == TooLong()


def test_the_release_names_the_official_signatures_and_their_day(clamd: Scanner):
    release = clamd.client().release()
    assert isinstance(release, ScannerRelease)
    assert (release.engine, release.database) == ("ClamAV", DATABASE)
    assert release.version
    assert release.dated is not None
    assert abs(release.dated - (datetime.now(UTC) - timedelta(days=1))) < timedelta(hours=15)


def test_a_scanner_without_official_signatures_says_no_number():
    with clamav.scanning(days_old=None) as scanner:
        release = scanner.client().release()
    assert isinstance(release, ScannerRelease)
    assert release.dated is None
    assert release.described(datetime.now(UTC)).endswith("no official signatures")


def test_a_limit_that_the_scanner_tells_of_is_no_virus():
    with clamav.scanning(options=("AlertExceedsMax yes",)) as scanner:
        answer = scanner.client().stream(repeat(bytes(1 << 16), 32))
    assert answer == NotWhollySeen("Heuristics.Limits.Exceeded.MaxFileSize")


def test_a_scanner_killed_in_the_midst_of_a_stream_is_lost():
    with clamav.scanning() as scanner:

        def chunks() -> Iterator[bytes]:
            yield b"the beginning"
            scanner.kill()
            yield from repeat(bytes(1 << 16), 10)

        assert isinstance(scanner.client().stream(chunks()), Lost)
        assert isinstance(scanner.client().stream([b"after it"]), Unreachable)
        assert isinstance(scanner.client(tcp=True).stream([b"after it"]), Unreachable)
        told = scanner.client().release()
        assert isinstance(told, NoScanner)
        assert scanner.address in told.detail


@BOTH_SOCKETS
def test_a_scanner_that_is_stopped_is_silent_and_nobody_waits_longer_than_was_said(*, tcp: bool):
    with clamav.scanning() as scanner:
        scanner.pause()
        client = scanner.client(seconds=0.3, tcp=tcp)
        assert client.stream([b"a few bytes"]) == Silent(0.3)
        assert client.stream(repeat(bytes(1 << 16), 1000)) == Silent(0.3)
        release = client.release()
        assert isinstance(release, NoScanner)
        assert "silent for 0.3 seconds" in release.detail


def test_what_the_chunks_raise_is_raised_and_the_scanner_forgets_them(clamd: Scanner):
    def chunks() -> Iterator[bytes]:
        yield eicar()
        raise LookupError("the disk")

    with pytest.raises(LookupError, match="the disk"):
        clamd.client().stream(chunks())
    assert clamd.client().stream([b"the next one"]) == Passed()


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (b"stream: Can't allocate memory ERROR\0", Declined("stream: Can't allocate memory ERROR")),
        (b"UNKNOWN COMMAND\0", Declined("UNKNOWN COMMAND")),
        (b"stream: OK and more\0", Declined("stream: OK and more")),
        (b"\0", Declined("")),
    ],
)
def test_an_answer_that_is_not_understood_is_never_good_news(answer: bytes, means: object):
    with answering(answer) as client:
        assert client.stream([b"something"]) == means


@pytest.mark.parametrize("answer", [b"stream: OK", b"x" * 100_000, b""], ids=["cut", "endless", "none"])
def test_an_answer_without_its_end_is_lost(answer: bytes):
    with answering(answer) as client:
        assert isinstance(client.stream([b"something"]), Lost)


def test_good_news_before_the_end_of_a_stream_is_none():
    with answering(b"stream: OK\0", early=True) as client:
        assert isinstance(client.stream(repeat(bytes(1 << 16), 1000)), Lost)


@pytest.mark.parametrize("text", ["HTTP/1.1 400 Bad Request", "", "ClamAV 1.4/27000/long ago", "ClamAV"])
def test_something_else_that_listens_there_is_no_scanner(text: str):
    assert release_answer(text) is None
    with answering(f"{text}\0".encode()) as client:
        assert isinstance(client.release(), NoScanner)


def test_control_characters_of_an_answer_are_shown_as_escapes():
    assert stream_answer("stream: Bad\x1b[31m FOUND") == FoundSignature("Bad\\x1b[31m")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/clamav/clamd.ctl", UnixAddress("/run/clamav/clamd.ctl")),
        ("tcp:scanner.example.org:3310", TcpAddress("scanner.example.org", 3310)),
        ("tcp:[::1]:3310", TcpAddress("::1", 3310)),
    ],
)
def test_addresses_are_read(text: str, address: object):
    assert clamd_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "/run/clamd.ctl", "unix:clamd.ctl", "tcp:host", "tcp::3310", "tcp:host:0", "tcp:host:99999"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str):
    with pytest.raises(ValueError, match="write unix:/run/clamav"):
        clamd_address(text)
