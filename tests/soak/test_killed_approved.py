"""SIGKILL at random instants of ``preserve --approve``: it never waits for a person again.

``MUNIMENT_SOAK_KILLS`` says how many times in all; ``MUNIMENT_SOAK_SEED`` repeats the instants of a run.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from pathlib import Path

import pytest
from ordeals.crash_trees import warm_start
from support.archives import Archive

KILLS = int(os.environ.get("MUNIMENT_SOAK_KILLS", "40"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)
APPROVED = ("--approve", "raw capture", "--by", "Ada Lund")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 * 60)]


def test_an_approved_drop_that_is_killed_at_any_instant_is_kept_by_the_same_command(
    archive: Archive, tmp_path: Path
):
    source = random.Random(SEED)  # noqa: S311  instants, no secret
    print(f"seed {SEED}")  # noqa: T201  pytest shows it where the test fails
    longest = 0.0
    with warm_start() as start:
        for number in range(KILLS):
            drop = tmp_path / "drops" / f"capture-{number}"
            drop.mkdir(parents=True)
            (drop / "capture.raw8").write_bytes(bytes((number + place * 97) % 251 for place in range(9000)))
            said = tmp_path / f"said-{number}"
            said.mkdir()
            words = ["preserve", drop, "--collection", "images", "--json", "-C", archive.directory]

            def once(seconds: float | None = None, words: list[str | Path] = words, said: Path = said) -> str:
                """Run it, and kill it after so many seconds where they are given; return its verdict."""
                began = time.monotonic()
                run = start(words, archive.environment, said)
                while not run.ended():
                    if seconds is not None and time.monotonic() - began > seconds:
                        run.kill()
                        return "killed"
                    time.sleep(0.005)
                return str(run.results()[0]["verdict"])

            assert once() == "waiting"
            words += APPROVED
            if not longest:
                began = time.monotonic()
                assert once() == "stored"
                longest = time.monotonic() - began
            once(source.uniform(0, longest))
            assert once() in {"stored", "already-kept"}
    assert {key.split("/")[2] for key in archive.kept()} == {"v1"}
    assert archive.kept() == archive.kept("second")
    assert archive.run("journal", "verify").returncode == 0
