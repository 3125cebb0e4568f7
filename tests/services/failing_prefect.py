"""A Prefect that fails at a chosen moment: a real one, behind a door that can be shut in several ways."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from urllib.parse import urlsplit

from flows.installation.log import LOG


class Door(Enum):
    """What becomes of a connection to Prefect."""

    OPEN = "open"
    GONE = "gone"
    """Connections break off and none is taken any more, as after SIGKILL."""
    ERRORS = "errors"
    """Every request is answered with 500."""
    BUSY = "busy"
    """Every request is answered with 503, as by a server whose database is locked."""
    SILENT = "silent"
    """Connections are taken and never answered, as by a server that is stopped."""


_STATUS = {Door.ERRORS: b"500 Internal Server Error", Door.BUSY: b"503 Service Unavailable"}


class FailingPrefect:
    """Passes connections on to the Prefect at ``url`` for as long as its door is open."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "", target.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._door = Door.OPEN
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{target.path}"
        threading.Thread(target=self._listen, daemon=True).start()

    def shut(self, door: Door) -> None:
        """From now on, fail in that way; what is connected breaks off."""
        self._door = door
        if door is Door.GONE:
            self._close(self._listener)
        for connection in list(self._open):
            self._close(connection)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        with suppress(OSError), client:
            if self._door in _STATUS:
                client.recv(65536)
                client.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n" % _STATUS[self._door])
                client.sendall(b"Connection: close\r\n\r\n")
            elif self._door is Door.SILENT:
                while client.recv(65536):
                    pass
            else:
                with socket.create_connection(self._target) as server:
                    self._open.add(server)
                    threading.Thread(target=_pump, args=[client, server], daemon=True).start()
                    _pump(server, client)

    @staticmethod
    def _close(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_RDWR)


class _AtStage(logging.Handler):
    def __init__(self, ending: str, act: Callable[[], None]) -> None:
        super().__init__()
        self._ending = ending
        self._act = act

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().endswith(self._ending):
            self._act()


@contextmanager
def at_stage(stage: str, act: Callable[[], None]) -> Iterator[None]:
    """Do ``act`` whenever a submission enters ``stage``, for as long as the context lasts."""
    handler = _AtStage(f": {stage}", act)
    before = LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(before)
