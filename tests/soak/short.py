"""The short form of ``make soak``: its tests in turn, each smaller and with a new seed, until the time is up.

``python tests/soak/short.py MINUTES [SEED]``. A seed that was printed repeats the order and every draw.
"""

from __future__ import annotations

import os
import random
import secrets
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ordeal:
    """A test of this folder, in the size that takes about so many seconds, its proofs included."""

    test: str
    seconds: float
    size: str = ""
    """Variables of the environment and their values, as a shell has them."""


_KILLED = "test_killed_again_and_again.py::test_killed_at_random_instants_every_drop_is_kept_exactly_once"
_FIRE = (
    "test_service_under_fire.py::"
    "test_however_often_processes_of_the_service_are_killed_every_drop_is_accounted_for_once"
)
_RACE = "test_versions_at_once.py::test_two_machines_that_make_versions_at_once_never_clash_and_leave_no_gap"
_BUCKET = "test_bucket_inboxes.py::test_killed_again_and_again_every_drop_is_answered_exactly_once"
_TREES = "test_hostile_drops.py::test_any_tree_ends_in_a_verdict_and_what_is_kept_is_what_came"
_EXCHANGED = (
    "test_exchanged_for_links.py::test_whatever_is_exchanged_for_links_nothing_from_outside_of_a_drop_is_kept"
)
_TEXTS = "test_hostile_drops.py::test_a_text_of_any_shape_is_read_in_linear_time"
_NAMES = "test_hostile_drops.py::test_an_archive_of_any_names_is_listed_or_refused_in_little_memory"
_FORGERIES = "test_forgeries.py::test_no_forgery_in_a_replica_is_handed_out_taken_for_kept_or_built_upon"
_RESTORE = "test_restore_killed.py::test_a_restore_that_is_killed_at_any_time_goes_on"
_GONE = "test_service_database_gone.py::test_a_database_that_is_gone_for_half_a_minute_loses_nothing"
_FORGED = "test_forged_journals.py::test_no_forgery_of_a_journal_is_ever_taken_for_a_sound_one"
_DAMAGED = "test_damage.py::test_where_a_library_finds_fault_with_a_damaged_copy_so_do_we"
_APPROVED = (
    "test_killed_approved.py::test_an_approved_drop_that_is_killed_at_any_instant_is_kept_by_the_same_command"
)

_AUDITS = "test_audits_killed.py::test_audits_that_are_killed_find_all_damage_and_each_once"
_INJURIES = "test_injuries.py::test_every_injury_is_found_and_healed_and_nothing_else_is_accused"

ORDEALS: Final = (
    Ordeal(_AUDITS, 120, "MUNIMENT_SOAK_KILLS=3"),
    Ordeal(f"{_INJURIES}[folder]", 90, "MUNIMENT_SOAK_KILLS=4"),
    Ordeal(f"{_INJURIES}[bucket]", 120, "MUNIMENT_SOAK_KILLS=8"),
    Ordeal(_APPROVED, 120, "MUNIMENT_SOAK_KILLS=10"),
    Ordeal(f"{_KILLED}[folders, many small]", 150, "MUNIMENT_SOAK_KILLS=9"),
    Ordeal(f"{_KILLED}[bucket, many small]", 180, "MUNIMENT_SOAK_KILLS=9"),
    Ordeal(f"{_KILLED}[folders, a large one]", 240, "MUNIMENT_SOAK_KILLS=9"),
    Ordeal(f"{_KILLED}[bucket, a large one]", 270, "MUNIMENT_SOAK_KILLS=9"),
    Ordeal(f"{_KILLED}[folders, Prefect killed too]", 180, "MUNIMENT_SOAK_KILLS=9"),
    Ordeal(f"{_FIRE}[up]", 180, "MUNIMENT_SOAK_SERVICE_KILLS=20"),
    Ordeal(f"{_FIRE}[watch and two workers]", 180, "MUNIMENT_SOAK_SERVICE_KILLS=20"),
    Ordeal(f"{_RACE}[folders]", 120, "MUNIMENT_SOAK_ROUNDS=6"),
    Ordeal(f"{_RACE}[bucket]", 150, "MUNIMENT_SOAK_ROUNDS=6"),
    Ordeal(f"{_BUCKET}[0]", 90),
    Ordeal(_TREES, 120, "MUNIMENT_SOAK_TREES=300"),
    Ordeal(_EXCHANGED, 90, "MUNIMENT_SOAK_EXCHANGED=60"),
    Ordeal(_TEXTS, 150, "MUNIMENT_SOAK_TEXTS=12"),
    Ordeal(_NAMES, 90, "MUNIMENT_SOAK_TEXTS=60"),
    Ordeal(_FORGERIES, 60, "MUNIMENT_SOAK_FORGERIES=1000"),
    Ordeal(_RESTORE, 120, "MUNIMENT_SOAK_KILLS=12"),
    Ordeal(_GONE, 180),
    Ordeal(_FORGED, 60, "MUNIMENT_SOAK_FORGERIES=4"),
    Ordeal(_DAMAGED, 180, "MUNIMENT_SOAK_DAMAGED=1"),
)
"""What draws its instants or its drops. What is only large, such as 100,000 files, takes too long."""


@dataclass(frozen=True)
class Turn:
    """An ordeal that was run, with its seed, and whether it was passed."""

    ordeal: Ordeal
    seed: str
    passed: bool

    @property
    def command(self) -> str:
        """What repeats it."""
        return shlex.join(["env", *_environment(self.ordeal, self.seed), *_pytest(self.ordeal, self.seed)])


def rotated(
    ordeals: Sequence[Ordeal],
    seconds: float,
    seed: str,
    passes: Callable[[Ordeal, str], bool],
    clock: Callable[[], float] = time.monotonic,
) -> list[Turn]:
    """Run one after the other, in an order that the seed draws, and begin none that would end too late.

    Args:
        ordeals: What may be run; each counts as long as it says, or as it took before, whichever is more.
        seconds: After which the last one has ended.
        seed: Draws the order, and the seed of every turn.
        passes: Runs an ordeal with a seed.
        clock: Tells the seconds.
    """
    order = random.Random(seed).sample(ordeals, len(ordeals))  # noqa: S311  an order, no secret
    until, times = clock() + seconds, Counter[Ordeal]()
    takes = {ordeal: ordeal.seconds for ordeal in order}
    turns: list[Turn] = []
    while fitting := [ordeal for ordeal in order if takes[ordeal] <= until - clock()]:
        ordeal = min(fitting, key=times.__getitem__)
        began, own = clock(), f"{seed}-{len(turns) + 1}"
        turns.append(Turn(ordeal, own, passes(ordeal, own)))
        times[ordeal] += 1
        takes[ordeal] = max(takes[ordeal], clock() - began)
    return turns


def _passes(ordeal: Ordeal, seed: str) -> bool:
    _say(f"seed {seed}: {ordeal.test}")
    environment = dict(setting.split("=", 1) for setting in _environment(ordeal, seed))
    finished = subprocess.run(
        _pytest(ordeal, seed), cwd=PROJECT, env={**os.environ, **environment}, check=False
    )
    return finished.returncode == 0


def _environment(ordeal: Ordeal, seed: str) -> list[str]:
    return [f"MUNIMENT_SOAK_SEED={seed}", *ordeal.size.split()]


def _pytest(ordeal: Ordeal, seed: str) -> list[str]:
    examples = random.Random(seed).getrandbits(32)  # noqa: S311  likewise
    options = ["-m", "soak", "-q", f"--hypothesis-seed={examples}", f"tests/soak/{ordeal.test}"]
    return [sys.executable, "-m", "pytest", *options]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(minutes: float, seed: str) -> int:
    """Soak for so long; return the exit code."""
    _say(f"soaking for {minutes:g} minutes; SEED={seed} repeats it")
    began = time.monotonic()
    turns = rotated(ORDEALS, minutes * 60, seed, _passes)
    failed = [turn for turn in turns if not turn.passed]
    for turn in failed:
        _say(f"failed: {turn.ordeal.test}\n  to repeat it: {turn.command}")
    _say(
        f"{len(turns)} turns in {(time.monotonic() - began) / 60:.0f} minutes, {len(failed)} failed; "
        f"{len({turn.ordeal for turn in turns})} of {len(ORDEALS)} ordeals had one; SEED={seed}"
    )
    return 1 if failed or not turns else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else secrets.token_hex(4)))
