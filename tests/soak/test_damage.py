"""Damaged copies by the thousand, against the formats' libraries: ``MUNIMENT_SOAK_DAMAGED`` says how many.

So many copies of each master in each of four ways: of images made here, of the everyday masters that lie
beside the corpora, and of sound images in the corpora.
"""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.damage import FAMILIES, Tally, absent_programs, flagged, said_by_us, trial
from support.images import images_of_many_kinds

from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

EACH = int(os.environ.get("MUNIMENT_SOAK_DAMAGED", "20"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)
OF_THE_CORPORA = 3
"""So many masters of each extension and source are taken from the corpora."""
_LARGEST = 2 << 20

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=2 << 30, cpu_seconds=30), 2, JOB_MODULES) as pool:
        yield pool


@pytest.fixture(scope="module")
def masters(
    corpora: Path, corpora_manifest: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    folder = tmp_path_factory.mktemp("masters")
    for name, content in images_of_many_kinds().items():
        (folder / name).write_bytes(content)
    everyday = list((corpora.parent / "cases" / "damage").glob("*--sound.*"))
    taken: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for row in corpora_manifest:
        path = corpora / row["path"]
        is_sound = row["kind"] == "real" and row["expected_verdict"] in {"", "well-formed", "valid"}
        if (
            is_sound
            and row["unit_kind"] == "file"
            and path.suffix.lower() in FAMILIES
            and path.stat().st_size < _LARGEST
        ):
            taken[row["path"].partition("/")[0], path.suffix.lower()].append(path)
    some = [path for several in taken.values() for path in several[:OF_THE_CORPORA]]
    return [
        path
        for path in (*sorted(folder.iterdir()), *sorted(everyday), *some)
        if path.suffix.lower() in FAMILIES
    ]


def test_where_a_library_finds_fault_with_a_damaged_copy_so_do_we(
    masters: list[Path], workers: CagedWorkers, tmp_path: Path, record_property: Callable[[str, object], None]
):
    reports = zip(masters, said_by_us(masters, workers), strict=True)
    sound = [master for master, report in reports if not flagged(report)]
    tallies = trial(sound, tmp_path, workers, each=EACH, seed=SEED)
    families: dict[str, Tally] = defaultdict(Tally)
    for name, tally in tallies.items():
        family = families[FAMILIES[Path(name).suffix.lower()].value]
        family.copies += tally.copies
        family.libraries += tally.libraries
        family.ours += tally.ours
    for name, family in families.items():
        record_property(
            "damage",
            {"family": name, "copies": family.copies, "libraries": family.libraries, "ours": family.ours},
        )
    record_property("damage", {"family": "not asked", "absent": absent_programs()})
    assert [missed for tally in tallies.values() for missed in tally.missed] == [], f"seed {SEED}"
