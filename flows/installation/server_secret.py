"""The secret of an installation's own Prefect server, and the tickets that admit a browser without it."""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from preservation.errors import AlreadyExistsError, ConfigurationError
from storage.journal.keys import create_whole

DOOR_PATH: Final = "/door"
"""The path that a browser sends its ticket to."""

TICKET_SECONDS: Final = 600
"""A ticket is valid for this time, and once."""

_USER: Final = "muniment"
_FILE: Final = "prefect.secret"
_PRIVATE: Final = 0o600


def server_secret(state: Path) -> str:
    """Return the secret of the server whose files are in ``state``, made where there is none yet.

    It has the form of Prefect's ``auth_string``, ``user:password``. Its file can be read by the service's
    account alone from the instant it has a name.

    Raises:
        ConfigurationError: The file cannot be made or read, or other accounts may read it.
    """
    path = state / _FILE
    try:
        if not path.exists():
            # Another process may make it in the same instant.
            with suppress(AlreadyExistsError):
                create_whole(path, f"{_USER}:{secrets.token_urlsafe(32)}\n".encode(), _PRIVATE)
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: the server's secret cannot be read ({error})") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"{path}: other accounts may read the server's secret; remove it, stop the service and start it "
            "again: a new one is made"
        )
    if not secret.startswith(f"{_USER}:") or len(secret) < len(_USER) + 32:
        raise ConfigurationError(f"{path}: this is not a secret; remove it, and a new one is made")
    return secret


def new_ticket(secret: str, now: float) -> str:
    """Return a ticket for a browser, signed with ``secret``."""
    claim = f"{int(now) + TICKET_SECONDS}.{secrets.token_urlsafe(16)}"
    return f"{claim}.{_signed(secret, claim)}"


def door_link(ui: str, ticket: str) -> str:
    """Return the address that admits one browser. The ticket is behind ``#``: no server's log has it."""
    return f"{ui}{DOOR_PATH}#{ticket}"


class BrowserSessions:
    """Exchanges tickets for passwords of browsers, which are valid for as long as this object lives.

    A browser never holds the secret itself: its password is useless to a program that takes over the port
    of a server that has ended.
    """

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock
        self._key = secrets.token_urlsafe(32)
        self._used: dict[str, int] = {}

    def exchange(self, ticket: str) -> str | None:
        """Return a password for a ticket that was never used; ``None`` for any other."""
        claim, _, signature = ticket.rpartition(".")
        if not hmac.compare_digest(signature.encode(), _signed(self._secret, claim).encode()):
            return None
        now, expires = self._clock(), int(claim.partition(".")[0])
        self._used = {used: end for used, end in self._used.items() if end >= now}
        if claim in self._used or not now <= expires <= now + TICKET_SECONDS:
            return None
        self._used[claim] = expires
        name = secrets.token_urlsafe(16)
        return f"browser:{name}.{_signed(self._key, name)}"

    def knows(self, password: str) -> bool:
        """Return whether ``password`` is the secret, or was given to a browser by ``exchange``."""
        name, _, signature = password.removeprefix("browser:").rpartition(".")
        given = hmac.compare_digest(signature.encode(), _signed(self._key, name).encode())
        return hmac.compare_digest(password.encode(), self._secret.encode()) or given


def _signed(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
