"""What a verb writes with ``--json``, by what each line is about."""

from __future__ import annotations

import json
import subprocess
from typing import Any


def lines_of(finished: subprocess.CompletedProcess[str], what: str) -> list[dict[str, Any]]:
    """Return the lines whose ``what`` is that."""
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    return [line for line in lines if line["what"] == what]
