"""The command in the tests' own process: what a user gets, without the start of Python each time."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.archives import Archive
from support.flow_runs import surroundings
from support.plain_runs import plain_commands
from support.waiting import until

from flows.cli.__main__ import main
from flows.installation.log import LOG


@dataclass(frozen=True)
class NearArchive(Archive):
    """An archive whose command runs here. One test a verb runs the real one; verbs that serve always do.

    Drops are preserved ``in_prefect`` only where a test looks at what Prefect has of it.
    """

    in_prefect: bool = False

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end."""
        with surroundings(self), nullcontext() if self.in_prefect else plain_commands():
            return run_command(*arguments, "-C", self.directory)


def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``muniment`` to its end, from its words to its exit code."""
    words = ["muniment", *map(str, arguments)]
    out, err = _captured(), _captured()
    with _process_as_before(words), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(words, code, _text(out), _text(err))


def near(archive: Archive, *, in_prefect: bool = False) -> NearArchive:
    """Return the same archive, with its command in this process."""
    return NearArchive(archive.directory, archive.api_url, in_prefect)


def until_intact(archive: Archive) -> None:
    """Wait until the journal is intact: a service answers drops before it seals what it wrote of them."""
    until(lambda: near(archive).run("journal", "verify").stdout.startswith("INTACT"), "the journal is intact")


@contextmanager
def _process_as_before(words: list[str]) -> Iterator[None]:
    """Put back what the command changes in its process, which it takes for its own."""
    handlers, level, collects = LOG.handlers[:], LOG.level, gc.isenabled()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        try:
            yield
        finally:
            LOG.handlers[:] = handlers
            LOG.setLevel(level)
            if collects:
                gc.enable()


def _captured() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
