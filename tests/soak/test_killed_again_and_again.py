"""SIGKILL at random instants, hundreds of times, into folders and into a bucket: kept exactly once.

``MUNIMENT_SOAK_KILLS`` says how many times in all; ``MUNIMENT_SOAK_SEED`` repeats the instants of a run.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from ordeals.crash import Ordeal
from ordeals.crash_drops import Drops, large_drop, small_drops
from ordeals.crash_instants import Unkilled
from ordeals.crash_trees import cold_start, warm_start
from services.buckets import new_address, speak_as_the_archive
from support.archives import Archive, keep_versions_that_lack, make_archive
from support.bucket_archives import empty, fetched, put_second_store_into

KILLS = int(os.environ.get("MUNIMENT_SOAK_KILLS", "220"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)
_KILLS_A_LIFE = 12

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3 * 60 * 60)]


@dataclass(frozen=True)
class Case:
    """``share`` of all kills; ``warm`` spares imports; ``own_server`` has Prefect killed too."""

    name: str
    share: float
    make: Callable[[Path], Drops]
    bucket: bool = False
    warm: bool = True
    own_server: bool = False


CASES = (
    Case("folders, many small", 0.35, lambda folder: small_drops(folder, 8)),
    Case("bucket, many small", 0.27, lambda folder: small_drops(folder, 8), bucket=True),
    Case("folders, a large one", 0.18, lambda folder: large_drop(folder, (20, 45, 80)), warm=False),
    Case("bucket, a large one", 0.15, lambda folder: large_drop(folder, (20, 70)), bucket=True, warm=False),
    Case(
        "folders, Prefect killed too",
        0.05,
        lambda folder: small_drops(folder, 2),
        warm=False,
        own_server=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_at_random_instants_every_drop_is_kept_exactly_once(
    case: Case, tmp_path: Path, prefect_url: str, record_property: Callable[[str, object], None]
):
    began = time.monotonic()
    kills: Counter[str] = Counter()
    resumed = lives = 0
    unkilled = None
    try:
        while kills.total() < KILLS * case.share:
            lives += 1
            seed = f"{SEED}/{case.name}/{lives}"
            print(f"life {lives}, seed {seed}")  # noqa: T201  pytest shows it where the test fails
            with ExitStack() as life:
                archive, replicas = life.enter_context(_archive(case, tmp_path / "life", prefect_url))
                start = life.enter_context(warm_start() if case.warm else nullcontext(cold_start))
                scratch = tmp_path / "life" / "scratch"
                scratch.mkdir()
                ordeal = Ordeal(archive, start, replicas, scratch, random.Random(seed))  # noqa: S311  instants, no secret
                unkilled = _live(ordeal, case, tmp_path / "life", unkilled)
            kills += ordeal.kills
            resumed += ordeal.resumed
    finally:
        record_property(
            "ordeal",
            {
                "what": case.name,
                "lives": lives,
                "kills": dict(kills),
                "resumed": resumed,
                "seconds": time.monotonic() - began,
                "seed": SEED,
            },
        )


def _live(ordeal: Ordeal, case: Case, folder: Path, unkilled: Unkilled | None) -> Unkilled:
    """New drops, killed over; then changed, more of them, killed over again; then the proofs."""
    ordeal.hand_in(case.make(folder / "box"))
    if unkilled is None:
        unkilled = ordeal.measure()
    else:
        ordeal.go_through(unkilled, _KILLS_A_LIFE)
    ordeal.change()
    ordeal.hand_in(case.make(folder / "crate"))
    ordeal.go_through(unkilled, _KILLS_A_LIFE)
    ordeal.prove()
    return unkilled


@contextmanager
def _archive(
    case: Case, folder: Path, prefect_url: str
) -> Iterator[tuple[Archive, Callable[[], list[Path]]]]:
    """Make an archive, and what gives its replicas as folders; afterwards take away all of it."""
    archive = make_archive(folder / "archive", "" if case.own_server else prefect_url)
    # What is changed lacks a file of before.
    keep_versions_that_lack(archive)
    try:
        if not case.bucket:
            yield archive, lambda: [archive.store("first"), archive.store("second")]
            return
        speak_as_the_archive()
        address = new_address()
        put_second_store_into(archive, address)
        yield archive, lambda: [archive.store("first"), fetched(address, folder / "fetched")]
        empty(address)
    finally:
        shutil.rmtree(folder)
