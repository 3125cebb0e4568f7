"""External programs in a cage: argv lists, an empty environment, limits, no network, a scratch folder."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import IO

import msgspec

from preservation.errors import ToolFailedError, ToolMissingError, ToolTimeoutError
from preservation.tools.confinement import NOBODY
from preservation.tools.launch import Launch
from preservation.tools.limits import MINIMAL, SEARCH_PATH, Limits

_SHOWN_OF_STDERR = 2000


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended, and its output."""

    stdout: bytes
    stderr: bytes
    exit_status: int


def run(
    argv: Sequence[str],
    *,
    limits: Limits,
    scratch: Path,
    stdin: bytes = b"",
    accepted: Collection[int] = (0,),
    longest_output: int = 16 << 20,
) -> Finished:
    """Run ``argv[0]``, found on the system's own search path, and wait until it and all it started are gone.

    ``scratch`` is an existing folder of its own, where it starts, and the only place where it can write;
    as root it is given to ``nobody``, who must be able to reach it. ``accepted`` are the exit statuses
    that are no failure, ``longest_output`` is in bytes.

    Raises ``ToolMissingError`` where there is no such program, ``ToolTimeoutError`` where its time is up,
    ``ToolFailedError`` where it fails, is killed, says too much, or cannot be caged.
    """
    program = shutil.which(argv[0], path=SEARCH_PATH)
    if program is None:
        raise ToolMissingError(f"{argv[0]} is not installed; install the Debian package that has it")
    if os.geteuid() == 0:
        os.chown(scratch, NOBODY, NOBODY)
    with (
        tempfile.TemporaryFile(dir=scratch) as output,
        tempfile.TemporaryFile(dir=scratch) as complaints,
        tempfile.TemporaryFile(dir=scratch) as source,
    ):
        source.write(stdin)
        source.seek(0)
        status = _run(argv, program, limits, scratch, (source, output, complaints))
        stdout, stderr = (_content(stream, longest_output, argv[0]) for stream in (output, complaints))
    if status == -signal.SIGXCPU:
        raise ToolTimeoutError(f"{argv[0]} used more than {limits.cpu_seconds} s of CPU time")
    if status not in accepted:
        manner = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
        raise ToolFailedError(f"{argv[0]} {manner}: {_last_words(stderr)}")
    return Finished(stdout, stderr, status)


def _run(
    argv: Sequence[str],
    program: str,
    limits: Limits,
    scratch: Path,
    streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
) -> int:
    reading, writing = os.pipe()
    with open(reading, "rb") as report:  # noqa: PTH123  a descriptor, not a path
        launch = Launch(program, tuple(argv), str(scratch.resolve()), limits, os.getpid(), writing)
        try:
            process = subprocess.Popen(  # noqa: S603  argv list, no shell
                [
                    *(sys.executable, "-I", "-B", "-m", "preservation.tools.launch"),
                    msgspec.json.encode(launch).decode(),
                ],
                pass_fds=[writing],
                env=MINIMAL,
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                start_new_session=True,
            )
        finally:
            os.close(writing)
        in_time = _await_end(process, limits.wall_seconds)
        if not in_time:
            raise ToolTimeoutError(f"{argv[0]} did not finish within {limits.wall_seconds:g} s")
        fault = report.read()
    if fault:
        raise ToolFailedError(f"{argv[0]} could not be started in its cage: {fault.decode()}")
    return process.returncode


def _await_end(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait, then kill the whole process group; say whether the program ended by itself."""
    handle = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        ended = bool(poll.poll(ceil(seconds * 1000)))
    finally:
        os.close(handle)
        # Not yet waited for, it still holds the group's number, so no stranger can be hit.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return ended


def _content(stream: IO[bytes], longest: int, name: str) -> bytes:
    stream.seek(0)
    content = stream.read(longest + 1)
    if len(content) > longest:
        raise ToolFailedError(f"{name} wrote more than {longest} bytes to its output")
    return content


def _last_words(stderr: bytes) -> str:
    return stderr[-_SHOWN_OF_STDERR:].decode("utf-8", "replace").strip() or "it did not say why"
