"""What others would be run for the same work, in their fastest settings, as scripts of one process each."""

from __future__ import annotations

import sys
from pathlib import Path

_PYTHON = sys.executable

_SIEGFRIED = """
import sys, os, pygfried
paths = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names]
for start in range(0, len(paths), 512):
    pygfried.identify_many(paths[start:start + 512], workers=int(sys.argv[2]))
"""

_IDENTIFY = """
import sys, os
from pathlib import Path
from preservation.identification.identify import Identifier
paths = [Path(folder) / name for folder, _, names in os.walk(sys.argv[1]) for name in names]
identifier = Identifier(second_opinion=sys.argv[2] == "yes")
for start in range(0, len(paths), 512):
    identifier.identify_batch(paths[start:start + 512])
"""


def siegfried(folder: Path, workers: int) -> list[str]:
    """Siegfried in process, as we run it, with nothing around it."""
    return [_PYTHON, "-c", _SIEGFRIED, str(folder), str(workers)]


def identify(folder: Path, *, second_opinion: bool) -> list[str]:
    """Our identifier on the same files."""
    return [_PYTHON, "-c", _IDENTIFY, str(folder), "yes" if second_opinion else "no"]


def bagit_make(folder: Path, processes: int) -> list[str]:
    """``bagit.py`` makes a bag of the folder where it stands."""
    return [_PYTHON, "-m", "bagit", "--sha256", "--processes", str(processes), "--quiet", str(folder)]


def bagit_validate(folder: Path, processes: int) -> list[str]:
    """``bagit.py`` validates a bag."""
    return [_PYTHON, "-m", "bagit", "--validate", "--processes", str(processes), "--quiet", str(folder)]


def whole_way(drop: Path, target: Path, processes: int) -> list[list[str]]:
    """Do what people script today: copy, identify, bag, copy again, validate both.

    ``processes`` are those of ``bagit.py``; siegfried has two workers.
    """
    first, second = target / "first", target / "second"
    return [
        ["cp", "-r", str(drop), str(first)],
        siegfried(first, 2),
        bagit_make(first, processes),
        ["cp", "-r", str(first), str(second)],
        ["sync"],
        bagit_validate(first, processes),
        bagit_validate(second, processes),
    ]
