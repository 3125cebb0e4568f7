"""SIGKILL at random instants: the short form of what ``make soak`` does for longer."""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path

import pytest
from ordeals.crash import Ordeal
from ordeals.crash_drops import small_drops
from ordeals.crash_trees import warm_start
from support.archives import Archive, keep_versions_that_lack

SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)


@pytest.mark.in_prefect
def test_killed_at_random_instants_drops_old_changed_and_new_are_kept_exactly_once(
    installation: Archive, tmp_path: Path
):
    archive = installation
    print(f"MUNIMENT_SOAK_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # What is changed lacks a file of before.
    keep_versions_that_lack(archive)
    stores = [archive.store("first"), archive.store("second")]
    with warm_start() as start:
        ordeal = Ordeal(archive, start, lambda: stores, scratch, random.Random(SEED))  # noqa: S311  instants, no secret
        ordeal.hand_in(small_drops(tmp_path / "box", 2))
        unkilled = ordeal.measure()
        ordeal.change()
        ordeal.hand_in(small_drops(tmp_path / "crate", 2))
        ordeal.go_through(unkilled, most_kills=3)
    assert ordeal.kills
    ordeal.prove()
