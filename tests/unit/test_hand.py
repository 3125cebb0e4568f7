"""The command of a flow run, against a warm process that the test plays."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.handing import hands, unfinished
from flows.handing.hands import hands_of
from flows.handing.letter import GREETING, HANDS_VARIABLE, Letter, address_of, receive_letter, status_told
from flows.handing.unfinished import ended_unnoticed, goes_on_here, noted_as_running
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings

RUN = "0f0e0d0c-0000-4000-8000-000000000001"
SECONDS = 20


@dataclass(frozen=True)
class Call:
    """A hand that has called: its process, its letter, and the line to it."""

    process: subprocess.Popen[bytes]
    letter: Letter
    line: socket.socket


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the socket is: deeper than a socket's address may be long."""
    deep = tmp_path / ("a folder with a long name " * 4).strip() / "hands"
    deep.mkdir(parents=True)
    return deep


@pytest.fixture
def call(folder: Path) -> Iterator[Call]:
    environment = {
        **os.environb,
        HANDS_VARIABLE.encode(): f"{os.getpid()} {folder / '1.sock'}".encode(),
        b"PREFECT__FLOW_RUN_ID": RUN.encode(),
        b"NOT_TEXT": b"caf\xe9\nline=two",
    }
    with socket.socket(socket.AF_UNIX) as calls, address_of(folder / "1.sock") as address:
        calls.bind(address)
        calls.listen()
        calls.settimeout(SECONDS)
        with subprocess.Popen(
            [sys.executable, "-m", "flows.hand"],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            line, _ = calls.accept()
            line.settimeout(SECONDS)
            line.sendall(GREETING)
            letter = receive_letter(line)
            assert letter is not None
            with line:
                yield Call(process, letter, line)
            for output in letter.outputs:
                os.close(output)
            process.kill()


def test_a_letter_brings_the_environment_the_folder_and_the_outputs(call: Call, folder: Path):
    assert call.letter.environment[b"NOT_TEXT"] == b"caf\xe9\nline=two"
    assert call.letter.environment[b"PREFECT__FLOW_RUN_ID"] == RUN.encode()
    assert call.letter.directory == os.fsencode(folder)
    for output, text in zip(call.letter.outputs, (b"said", b"noted"), strict=True):
        os.write(output, text)
    call.line.sendall(status_told(0))
    assert call.process.wait(SECONDS) == 0
    assert call.process.stdout is not None
    assert call.process.stderr is not None
    assert os.read(call.process.stdout.fileno(), 100) == b"said"
    assert os.read(call.process.stderr.fileno(), 100) == b"noted"


@pytest.mark.parametrize("status", [0, 1, 7, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGSEGV])
def test_a_hand_ends_as_its_run_ended(call: Call, status: int):
    call.line.sendall(status_told(status))
    assert call.process.wait(SECONDS) == status


def test_a_hand_fails_where_the_warm_process_goes_without_a_word(call: Call):
    call.line.shutdown(socket.SHUT_RDWR)
    assert call.process.wait(SECONDS) == 1


def test_signals_go_through_the_hand_to_the_run(call: Call):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        call.process.send_signal(number)
        assert call.line.recv(1) == bytes([number])
    assert call.process.poll() is None


def test_the_run_of_a_hand_that_was_killed_is_known_to_have_ended_unnoticed(call: Call, folder: Path):
    assert list(ended_unnoticed(folder)) == []
    call.process.kill()
    assert call.line.recv(1) == b""
    call.process.wait(SECONDS)
    assert list(ended_unnoticed(folder)) == [RUN]
    assert list(ended_unnoticed(folder)) == []


def test_a_run_that_is_just_beginning_is_not_taken_for_one_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[str] = []
    lock = fcntl.flock

    def looked_at_before(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(unfinished.fcntl, "flock", lock)
        seen.extend(ended_unnoticed(tmp_path))
        lock(descriptor, operation)

    monkeypatch.setattr(unfinished.fcntl, "flock", looked_at_before)
    with noted_as_running(tmp_path, RUN):
        seen.extend(ended_unnoticed(tmp_path))
        assert goes_on_here(tmp_path, RUN)
    assert not goes_on_here(tmp_path, RUN)
    assert seen == []


def test_where_no_socket_can_be_made_a_worker_goes_on_without_a_warm_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_installation(tmp_path / "archive")
    settings = load_settings(tmp_path / "archive")
    # What a network share answers: here it is a name that no socket can be bound to.
    monkeypatch.setattr(hands, "address_of", lambda _: nullcontext("/proc/no-socket"))
    monkeypatch.delenv(HANDS_VARIABLE, raising=False)
    with hands_of(settings) as cold:
        assert not cold.wait_until_warm()
        cold.keep_warm()
        cold.end_runs()
        worker, _, place = os.environ[HANDS_VARIABLE].partition(" ")
    assert worker == str(os.getpid())
    assert Path(place).parent == cold.folder


def test_a_run_that_came_to_its_end_leaves_no_note(call: Call, folder: Path):
    call.line.sendall(status_told(0))
    call.process.wait(SECONDS)
    assert list(ended_unnoticed(folder)) == []
