"""Hostile drops by the thousand, and those that take long.

``MUNIMENT_SOAK_TREES`` says how many trees are made up, ``MUNIMENT_SOAK_TEXTS`` how many texts and archives.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from ordeals.hostile_text import NAMES, READERS, SHAPES, Names, Shape, require_flat, require_linear
from ordeals.hostile_way import TREES, Entry, Way, opened_way
from support import hostile_trees
from support.archives import Archive

TREES_MADE_UP = int(os.environ.get("MUNIMENT_SOAK_TREES", "3000"))
TEXTS_MADE_UP = int(os.environ.get("MUNIMENT_SOAK_TEXTS", "300"))

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with opened_way(tmp_path_factory.mktemp("way")) as opened:
        yield opened


@settings(max_examples=TREES_MADE_UP, suppress_health_check=[HealthCheck.too_slow])
@given(TREES)
def test_any_tree_ends_in_a_verdict_and_what_is_kept_is_what_came(way: Way, tree: list[Entry]):
    way.send(tree)


@settings(max_examples=TEXTS_MADE_UP, suppress_health_check=list(HealthCheck))
@given(SHAPES)
def test_a_text_of_any_shape_is_read_in_linear_time(shape: Shape):
    for reader in READERS.values():
        with tempfile.TemporaryDirectory() as folder:
            require_linear(reader, shape, Path(folder), small=128 << 10)


@settings(max_examples=TEXTS_MADE_UP, suppress_health_check=list(HealthCheck))
@given(NAMES)
def test_an_archive_of_any_names_is_listed_or_refused_in_little_memory(names: Names):
    with tempfile.TemporaryDirectory() as folder:
        require_flat(names, Path(folder))


def test_sixty_thousand_files_in_one_folder_are_stored(archive: Archive, tmp_path: Path):
    hostile_trees.many(tmp_path / "many", 60_000)
    [told] = archive.preserve(tmp_path / "many", collection="files")
    assert (told["verdict"], told["files"]) == ("stored", 60_000)
