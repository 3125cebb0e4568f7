"""Two machines make versions of one object at once: the short form of what ``make soak`` does for longer."""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path

import pytest
from ordeals.crash_trees import warm_start
from ordeals.race import Race, on_another_machine
from support.archives import Archive

SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)


@pytest.mark.in_prefect
def test_two_machines_that_make_versions_at_once_never_clash_and_leave_no_gap(
    installation: Archive, tmp_path: Path
):
    archive = installation
    print(f"MUNIMENT_SOAK_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    machines = (archive, on_another_machine(archive, tmp_path / "elsewhere"))
    stores = [archive.store("first"), archive.store("second")]
    with warm_start() as start:
        race = Race(machines, start, lambda: stores, tmp_path / "race", random.Random(SEED))  # noqa: S311  instants, no secret
        race.run_round(same=True)
        race.run_round(same=False, kill=True)
    race.prove()
