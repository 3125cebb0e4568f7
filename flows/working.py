"""Working: a process that takes the runs of Muniment's deployments from Prefect, as many as it is told."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from flows.handing.hands import hands_of
from flows.installation.settings import Settings
from flows.orchestration.server import PrefectApi, client_environment
from preservation.errors import UnavailableError


def work(settings: Settings, api: PrefectApi, at_a_time: int, say: Callable[[str], None]) -> None:
    """Work until stopped by SIGTERM or SIGINT; ``say`` tells operators what they may want to know.

    Raises ``UnavailableError`` where Prefect does not answer at the start.

    Prefect is imported here and not before, while the warm process imports it too.
    """
    os.environ.update(client_environment(settings, api))
    # The pool's command begins with ``python``, wherever that is on another machine.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with hands_of(settings) as hands:
        name = socket.gethostname() if hands.slot == 1 else f"{socket.gethostname()}-{hands.slot}"
        # For this process alone: Prefect keeps a folder there that has one name for all users.
        tempfile.tempdir = os.fspath(_emptied(hands.folder / "tmp" / name))
        import httpx  # noqa: PLC0415  see above

        from flows.polling import poll  # noqa: PLC0415  see above

        try:
            poll(settings, api, hands, name, at_a_time, say)
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"Prefect at {api.url} failed ({type(error).__name__}); see that it runs, then start the "
                "worker again"
            ) from error


def _emptied(folder: Path) -> Path:
    """Return ``folder``, made anew: a worker that was killed may have left something."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder
