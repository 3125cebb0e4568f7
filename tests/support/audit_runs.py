"""What tests of audits ask of the command, and how long ago they let replicas have been read."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from typing import Any

from support.archives import Archive

from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation


def lines(finished: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the JSON lines that a verb printed."""
    return [json.loads(line) for line in finished.stdout.splitlines()]


def age(archive: Archive, days: int) -> None:
    """Let all replicas have been read so long ago."""
    with (
        open_installation(load_settings(archive.directory)) as opened,
        opened.database.writing() as connection,
    ):
        text = (now() - timedelta(days=days)).isoformat().replace("+00:00", "Z")
        connection.exec_driver_sql(f"UPDATE readings SET read_at = '{text}'")  # noqa: S608  a moment
