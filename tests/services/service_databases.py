"""A service whose records are in a PostgreSQL that is stopped while drops stream in."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ordeals.storm import Storm
from ordeals.stream import Stream, that_settles_soon
from services import postgres
from services.fleets import Apart, apart
from support.archives import Archive
from support.flow_runs import installed


@contextmanager
def service_on(
    server: postgres.Server, folder: Path, prefect_url: str = ""
) -> Iterator[tuple[Apart, Archive]]:
    """Give the running service, and its installation; without ``prefect_url``, its Prefect is on it too."""
    archive = that_settles_soon(installed(folder / "archive", prefect_url), 1)
    told = {
        "MUNIMENT_DATABASE__URL": server.new_database(),
        "MUNIMENT_SERVICE__PAUSES": ",".join(["2"] * 20),
    }
    if not prefect_url:
        url = server.new_database().replace("postgresql://", "postgresql+asyncpg://")
        told["PREFECT_API_DATABASE_CONNECTION_URL"] = url
    with apart(archive, folder, workers=1, **told) as fleet:
        yield fleet, archive


def stop_for(seconds: float, server: postgres.Server, fleet: Apart, drops: int) -> Stream:
    """Let drops stream in, and stop the server for so long amid them; wait until each has its answer."""
    stream = Stream(fleet.archive, random.Random(7), 0.2)  # noqa: S311  no secret
    storm = Storm(fleet, stream, random.Random(7))  # noqa: S311  likewise
    for number in range(1, drops + 1):
        stream.make(number)
        if number == drops // 2:
            server.stop()
            gone = time.monotonic()
    time.sleep(max(0.0, seconds - (time.monotonic() - gone)))
    server.start()
    storm.calm(fleet.api_url, seconds=240)
    return stream
