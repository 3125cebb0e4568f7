"""A time stamping authority of the tests' own: OpenSSL behind an HTTP server, with faults to inject."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_CONFIGURATION = """\
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[stamps]
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
[machine]
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,serverAuth
[name]
distinguished_name=none
[none]
[tsa]
serial=serial
crypto_device=builtin
signer_digest=sha256
default_policy=1.2.3.4.1
digests=sha256
ess_cert_id_alg=sha256
"""

Answer = tuple[int, Iterable[bytes]]
"""A status and the pieces of a body."""


@dataclass
class Certifier:
    """Certificates in a folder, each ``NAME.pem`` with ``NAME.key``; ``root`` signs itself."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, name: str = "Root") -> Certifier:
        if shutil.which("openssl") is None:
            pytest.skip("OpenSSL's command is not installed")
        folder.mkdir(parents=True)
        (folder / "conf").write_text(_CONFIGURATION, encoding="ascii")
        (folder / "serial").write_text("01\n", encoding="ascii")
        certifier = cls(folder)
        certifier._key("root", name)
        certifier.openssl(
            *("x509", "-req", "-in", "root.csr", "-signkey", "root.key", "-out", "root.pem", "-days", "2"),
            *("-extfile", "conf", "-extensions", "root"),
        )
        return certifier

    @property
    def roots(self) -> Path:
        return self.folder / "root.pem"

    def certify(self, name: str, extensions: str = "stamps", by: str = "root") -> None:
        self._key(name, f"Example {name}")
        self.openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key"),
            *("-CAcreateserial", "-out", f"{name}.pem", "-days", "1", "-extfile", "conf"),
            *("-extensions", extensions),
        )

    def openssl(self, *arguments: str) -> bytes:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def reply(self, query: bytes, signer: str = "tsa", *further: str) -> bytes:
        """Answer a request as ``openssl ts -reply`` does."""
        (self.folder / "query").write_bytes(query)
        self.openssl(
            *("ts", "-reply", "-config", "conf", "-section", "tsa", "-queryfile", "query", "-out", "reply"),
            *("-signer", f"{signer}.pem", "-inkey", f"{signer}.key", *further),
        )
        return (self.folder / "reply").read_bytes()

    def _key(self, name: str, subject: str) -> None:
        self.openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-config", "conf", "-section", "name", "-keyout", f"{name}.key", "-out", f"{name}.csr"),
            *("-subj", f"/CN={subject}"),
        )


@dataclass
class TimeStampingAuthority:
    """A server at ``url`` that stamps by ``certifier``, unless a ``fault`` makes the answer."""

    url: str
    certifier: Certifier
    fault: Callable[[bytes], Answer] | None = None
    asked: list[bytes] = field(default_factory=list)

    def answer(self, query: bytes) -> Answer:
        self.asked.append(query)
        return self.fault(query) if self.fault else self.stamped(query)

    def stamped(self, query: bytes) -> Answer:
        return 200, [self.certifier.reply(query)]


@contextmanager
def time_stamping(certifier: Certifier) -> Iterator[TimeStampingAuthority]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["content-type"] == "application/timestamp-query"
            status, pieces = authority.answer(query)
            self.send_response(status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("location", f"{authority.url}elsewhere")
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:
                # Whoever asked has hung up.
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority = TimeStampingAuthority(f"http://127.0.0.1:{server.server_port}/", certifier)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
