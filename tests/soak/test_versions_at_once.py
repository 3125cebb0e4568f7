"""Two machines make versions of one object at once, many rounds of it, into folders and into a bucket.

In every third round one of them is killed on its way. ``MUNIMENT_SOAK_ROUNDS`` says how many
rounds; ``MUNIMENT_SOAK_SEED`` repeats the instants of a run.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from ordeals.crash_trees import warm_start
from ordeals.race import Race, on_another_machine
from services.buckets import new_address, speak_as_the_archive
from support.archives import Archive
from support.bucket_archives import empty, fetched, put_second_store_into

ROUNDS = int(os.environ.get("MUNIMENT_SOAK_ROUNDS", "24"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 * 60)]


@pytest.mark.parametrize("bucket", [False, True], ids=["folders", "bucket"])
def test_two_machines_that_make_versions_at_once_never_clash_and_leave_no_gap(
    archive: Archive, tmp_path: Path, record_property: Callable[[str, object], None], *, bucket: bool
):
    print(f"MUNIMENT_SOAK_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    machines = (archive, on_another_machine(archive, tmp_path / "elsewhere"))
    stores = [archive.store("first"), archive.store("second")]
    if bucket:
        speak_as_the_archive()
        address = new_address()
        for machine in machines:
            put_second_store_into(machine, address)

    def replicas() -> list[Path]:
        return [stores[0], fetched(address, tmp_path / "fetched")] if bucket else stores

    with warm_start() as start:
        race = Race(machines, start, replicas, tmp_path / "race", random.Random(SEED))  # noqa: S311  instants, no secret
        for number in range(ROUNDS):
            race.run_round(same=number % 2 == 1, kill=number % 3 == 2)
            if number % 8 == 0:
                race.prove()
    race.prove()
    ends = {" and ".join(end): count for end, count in race.ends.items()}
    record_property("race", {"stores": "bucket" if bucket else "folders", "kills": race.kills, **ends})
    if bucket:
        empty(address)
