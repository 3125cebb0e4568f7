"""A real clamd for the tests: a scanner of their own with signatures of their own, or a reason to skip.

Debian's program, on a socket and a port of its own, with a database that knows the EICAR test string and
nothing else. Nothing of a clamd or freshclam that may run on this machine is touched.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.waiting import PATIENCE

from preservation.model.paths import LocalPath
from preservation.tools.clamd import Clamd, TcpAddress, UnixAddress

PACKAGE = "clamav-daemon"
SIGNATURE = "Muniment.Test.Eicar.UNOFFICIAL"
DATABASE = 27300
_HEADER_BYTES = 512


def eicar() -> bytes:
    """Return the harmless string that scanners agree to call a virus; no file of ours holds it."""
    halves = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    return "".join(halves).encode()


@dataclass
class Scanner:
    """A clamd below ``home``, running or not."""

    program: str
    home: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    def client(self, *, seconds: float = 60, tcp: bool = False) -> Clamd:
        """Return a client of it."""
        unix = UnixAddress(LocalPath(str(self.home / "clamd.ctl")))
        return Clamd(TcpAddress("127.0.0.1", self.port) if tcp else unix, seconds)

    @property
    def address(self) -> str:
        """Where it listens, as settings say it."""
        return f"unix:{self.home}/clamd.ctl"

    def start(self) -> None:
        """Start, and return when it answers. It ends with the thread that starts it."""
        (self.home / "clamd.ctl").unlink(missing_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", "--", self.program, "-c", str(self.home / "clamd.conf")]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.home)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.home / "log").read_text())
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL).wait(PATIENCE)

    def pause(self) -> None:
        """Keep it from doing anything; it keeps its connections."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> subprocess.Popen[bytes]:
        assert self._process is not None
        self._process.send_signal(which)
        return self._process

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.home / "clamd.ctl"))
                connection.sendall(b"zPING\0")
                return connection.recv(16) == b"PONG\0"
            except OSError:
                return False


@contextmanager
def scanning(*, days_old: float | None = 1, options: tuple[str, ...] = ()) -> Iterator[Scanner]:
    """Give a running clamd whose official signatures are that old; ``None`` for one that has none.

    Skips the test where it is not installed.
    """
    program = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin")
    if program is None:
        pytest.skip(f"clamd is not installed: apt-get install {PACKAGE}")
    # A socket's path is short, and a test's folder is not.
    home = Path(tempfile.mkdtemp(prefix="muniment-clamd-"))
    try:
        signatures = home / "signatures"
        signatures.mkdir()
        (signatures / "eicar.ndb").write_text(f"Muniment.Test.Eicar:0:*:{eicar().hex()}\n")
        if days_old is not None:
            (signatures / "daily.cud").write_bytes(_official(datetime.now(UTC) - timedelta(days=days_old)))
        scanner = Scanner(program, home, _free_port())
        # Of two lines about one thing, clamd takes the first.
        lines = (
            *options,
            "Foreground yes",
            f"LocalSocket {home}/clamd.ctl",
            "TCPAddr 127.0.0.1",
            f"TCPSocket {scanner.port}",
            f"DatabaseDirectory {signatures}",
            f"TemporaryDirectory {home}",
            "StreamMaxLength 8M",
            "MaxFileSize 1M",
        )
        (home / "clamd.conf").write_text("".join(f"{line}\n" for line in lines))
        scanner.start()
        try:
            yield scanner
        finally:
            scanner.kill()
    finally:
        shutil.rmtree(home)


@contextmanager
def answering(*answers: bytes, early: bool = False) -> Iterator[Clamd]:
    """Give a client of something that reads a stream to its end and gives the next of these answers.

    With ``early`` it answers before, and closes.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for text in answers:
                with listener.accept()[0] as connection:
                    while (
                        text and not early and not connection.recv(1 << 16).endswith((bytes(4), b"VERSION\0"))
                    ):
                        pass
                    connection.sendall(text)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield Clamd(TcpAddress("127.0.0.1", listener.getsockname()[1]), 10)
        thread.join(10)


def _official(made: datetime) -> bytes:
    """Return a database that clamd takes for its daily one: the same form, not signed by anybody."""
    stamp = int(made.timestamp())
    header = f"ClamAV-VDB:{made:%d %b %Y %H-%M} +0000:{DATABASE}:1:90:X:X:tests:{stamp}".encode()
    signatures = f"Muniment.Test.Daily:0:*:{b'any other string'.hex()}\n".encode()
    listed = f"daily.ndb:{len(signatures)}:{hashlib.sha256(signatures).hexdigest()}\n".encode()
    members = {"COPYING": b"None.\n", "daily.info": header + b"\n" + listed, "daily.ndb": signatures}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return header.ljust(_HEADER_BYTES) + packed.getvalue()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
