"""Samples keep the promise of their size, and no file is likelier than another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import sqrt
from random import Random

import pytest
from support.memory_audits import MemoryAudits
from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.records import MOMENT, a_registration

from flows.archive.audit_request import sample_size
from flows.archive.audit_sample import Sample, chosen_files, drawn, sample_of
from preservation.model.identifiers import CollectionName, StoreName
from preservation.model.packages import Replica
from storage.ports.audits import Audits

EAST = StoreName("east")
MAPS = CollectionName("maps")
SIZES = {"maps/a": 1, "plans/b": 5, "maps/c": 2, "plans/d": 1, "maps/e": 13, "maps/f": 4}
"""The files of each object, in the order of registration."""

_OUTLIER = 5.0
"""So many standard deviations are met by chance once in three million."""


@pytest.fixture
def audits() -> Audits:
    journal = MemoryJournal()
    catalogue = MemoryCatalogue(journal)
    for number, (name, files) in enumerate(SIZES.items()):
        one = a_registration(f"{name}/v1", f"{number:02}")
        catalogue.register(replace(one, replicas=(Replica(EAST, "there", MOMENT, files, files),)), ())
    return MemoryAudits(catalogue, journal)


def named(audits: Audits, sample: Sample, numbers: list[int]) -> list[tuple[str, int]]:
    """Return the file of each number: its object, and which of its files it is."""
    chosen = chosen_files(audits, sample, numbers)
    of = {
        number: (str(one.replica.package.object), one.index)
        for number, one in zip(sorted(set(numbers)), chosen, strict=True)
    }
    return [of[number] for number in numbers]


def chi_square(found: Counter[tuple[str, int]], cells: int) -> float:
    expected = found.total() / cells
    return sum((seen - expected) ** 2 for seen in found.values()) / expected + (cells - len(found)) * expected


@pytest.mark.parametrize("collection", [None, MAPS])
def test_no_file_is_likelier_than_another_whichever_package_it_is_in(
    audits: Audits, collection: CollectionName | None
):
    sample = sample_of(audits, EAST, collection, 20261201, 20_000)
    assert sample.files == sum(n for name, n in SIZES.items() if collection is None or "maps" in name)
    found = Counter(named(audits, sample, drawn(sample.seed, sample.files, sample.drawn)))
    every = {
        (name, index)
        for name, files in SIZES.items()
        if collection is None or name.startswith("maps/")
        for index in range(files)
    }
    assert set(found) == every
    # The statistic's mean is its degrees of freedom, its variance twice as much.
    freedom = len(every) - 1
    assert chi_square(found, len(every)) < freedom + _OUTLIER * sqrt(2 * freedom)


def test_the_measure_of_uniformity_sees_what_draws_packages_first():
    source = Random(1)  # noqa: S311  the same each time
    names = list(SIZES)
    found = Counter(
        (name, source.randrange(SIZES[name])) for name in (source.choice(names) for _ in range(20_000))
    )
    cells = sum(SIZES.values())
    assert chi_square(found, cells) > cells + _OUTLIER * sqrt(2 * cells)


@pytest.mark.parametrize(("confidence", "share"), [(0.9, 0.02), (0.95, 0.01), (0.99, 0.005)])
@pytest.mark.parametrize("together", [False, True])
def test_damage_is_met_as_often_as_the_confidence_says(*, confidence: float, share: float, together: bool):
    files, trials = 10_000, 1_000
    damaged = round(files * share)
    # All of it in one package, or anywhere: draws do not know packages.
    anywhere = Random(7).sample(range(files), damaged)  # noqa: S311  the same each time
    where = range(4_000, 4_000 + damaged) if together else anywhere
    bad, number = set(where), sample_size(confidence, share)
    met = sum(not bad.isdisjoint(drawn(seed, files, number)) for seed in range(trials))
    exact = 1 - (1 - share) ** number
    assert exact >= confidence
    assert abs(met - trials * exact) < _OUTLIER * sqrt(trials * exact * (1 - exact))


def test_a_sample_that_is_too_small_by_half_is_seen_to_be_so():
    files, trials, share = 10_000, 1_000, 0.01
    number = sample_size(0.95, share) // 2
    met = sum(any(one < files * share for one in drawn(seed, files, number)) for seed in range(trials))
    assert met < trials * 0.95 - _OUTLIER * sqrt(trials * 0.95 * 0.05)


def test_the_same_seed_draws_the_same_files_of_a_collection_whatever_else_comes(audits: Audits):
    sample = sample_of(audits, EAST, MAPS, 7, 10)
    numbers = drawn(sample.seed, sample.files, sample.drawn)
    before = named(audits, sample, numbers)
    assert {name.partition("/")[0] for name, _ in before} == {"maps"}
    assert named(audits, sample_of(audits, EAST, MAPS, 7, 10), numbers) == before
    assert drawn(8, sample.files, sample.drawn) != numbers
    nothing = sample_of(audits, StoreName("west"), MAPS, 7, 10)
    assert (nothing.files, list(chosen_files(audits, nothing, []))) == (0, [])
