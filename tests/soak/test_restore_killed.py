"""Restores into a folder that is there, killed at random instants: the same command goes on every time.

``MUNIMENT_SOAK_KILLS`` says how many times; ``MUNIMENT_SOAK_SEED`` repeats the instants of a run.
"""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import time
from pathlib import Path

import pytest
from support.archives import MUNIMENT, Archive

FILES = 3_000
KILLS = int(os.environ.get("MUNIMENT_SOAK_KILLS", "40"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3 * 60 * 60)]


def test_a_restore_that_is_killed_at_any_time_goes_on(archive: Archive, tmp_path: Path):
    print(f"MUNIMENT_SOAK_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    chance = random.Random(SEED)  # noqa: S311  instants, not secrets
    drop = tmp_path / "drop"
    for number in range(FILES):
        file = drop / f"{number % 7}" / f"page {number}.txt" if number % 2 else drop / f"page {number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"page {number}")
    assert archive.run("preserve", drop, "--collection", "files").returncode == 0
    longest, halves = 0.0, 0
    for round_number in range(KILLS):
        target = tmp_path / f"back-{round_number}"
        (target / "1").mkdir(parents=True)
        (target / "1/notes.txt").write_text("mine")
        halves += killed(archive, target, chance.random() * longest if longest else None)
        began = time.monotonic()
        finished = archive.run("restore", "files/drop", target)
        longest = max(longest, time.monotonic() - began)
        assert finished.returncode == 0, (SEED, finished.stderr)
        assert (target / "1/notes.txt").read_text() == "mine"
        (target / "1/notes.txt").unlink()
        assert subprocess.run(["diff", "--recursive", drop, target], check=False).returncode == 0, SEED
    assert halves, SEED


def killed(archive: Archive, target: Path, after: float | None) -> bool:
    """Kill a restore after so many seconds, or when files appear; return whether only a part is there."""
    command = [MUNIMENT, "restore", "files/drop", target, "-C", archive.directory]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=archive.environment) as restore:
        began = time.monotonic()
        while restore.poll() is None and not visible(target):
            if after is not None and time.monotonic() - began > after:
                break
            time.sleep(0.0005)
        restore.kill()
    return 0 < visible(target) < FILES // 2


def visible(target: Path) -> int:
    return sum(path.name.startswith("page") for path in target.iterdir())
