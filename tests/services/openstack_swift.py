"""A second S3 service, by other hands than the first: OpenStack Swift with its s3api.

It has a virtual environment of its own in ``.cache/swift``, made when it is first asked for. Each
process of the tests starts servers of its own, in a second or two, before a folder that goes with them.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from services.ceph import Keys

PROJECT = Path(__file__).resolve().parent.parent
ROOT = PROJECT / ".cache" / "swift"
REQUIREMENTS = PROJECT / "requirements" / "swift.txt"

ARCHIVE = Keys("archive:keeper", "swift-secret")


_started: list[subprocess.Popen[str]] = []
"""What must stay open for as long as this process lives."""


@cache
def url() -> str:
    """Return where this process's servers speak S3, started on first call; skip where they cannot be had.

    They end with the process that reads from the other end of their standard input, and clear up.
    """
    ROOT.mkdir(parents=True, exist_ok=True)
    try:
        python = _python()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"OpenStack Swift cannot be installed: {error.stderr.strip()[-300:]}")
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=ROOT))
    script = Path(__file__).with_name("swift_servers.py")
    process = subprocess.Popen(
        [python, script, folder, ARCHIVE.access, ARCHIVE.secret],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _started.append(process)
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    assert port, "Swift did not start"
    return f"http://127.0.0.1:{port}"


def _python() -> Path:
    """Return a Python that has what ``requirements/swift.txt`` names, making it where there is none."""
    python, made = ROOT / "venv" / "bin" / "python", ROOT / "venv" / "made"
    with _turn():
        if not made.is_file() or made.read_text() != REQUIREMENTS.read_text():
            shutil.rmtree(ROOT / "venv", ignore_errors=True)
            _run(sys.executable, "-m", "venv", ROOT / "venv")
            _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                 "--require-hashes", "--no-deps", "-r", REQUIREMENTS)  # fmt: skip
            made.write_text(REQUIREMENTS.read_text())
    return python


@contextmanager
def _turn() -> Iterator[None]:
    with (ROOT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
