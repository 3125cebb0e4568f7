"""Notes of the work that the flow runs of a service do, in a file that their processes share."""

from __future__ import annotations

import json
import os
from dataclasses import astuple
from pathlib import Path

from benchmarks.stage_times import Span, note_work

NOTES_VARIABLE = "BENCHMARK_NOTES"
"""Names the file in the environment of the service."""


def note_in_file() -> None:
    """Have all work of this process noted in the file that the environment names."""
    notes = os.open(os.environ[NOTES_VARIABLE], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    note_work(lambda span: os.write(notes, json.dumps(astuple(span)).encode() + b"\n"))


def noted_in(file: Path) -> list[Span]:
    """Return what is noted there."""
    return [Span(*json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []
