"""A mapping on the disk is like one in memory, leaves no file, and names the folder that it cannot write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.small_disks import small_disk

from preservation.errors import StoreFullError, UnavailableError
from storage.restore.path_table import PathTable

PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def table(scratch: Path, pairs: list[tuple[str, int]]) -> PathTable[str, int]:
    return PathTable(scratch, pairs, str, int)


@given(st.lists(st.tuples(PATHS, st.integers())))
def test_it_is_as_a_mapping_in_memory_is(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, int]]
):
    scratch = tmp_path_factory.mktemp("scratch")
    found, expected = table(scratch, pairs), dict(pairs)
    assert dict(found) == dict(found.items()) == expected
    assert len(found) == len(expected)
    assert all(found[path] == value and path in found for path, value in expected.items())
    assert "no such path" not in found or "no such path" in expected
    assert list(scratch.iterdir()) == []


def test_the_order_is_that_in_which_the_pairs_came_and_names_of_any_bytes_come_back(tmp_path: Path):
    pairs = [("z", 1), ("line\nbreak", 2), ("not utf-8 \udcff", 3), ("a", 4)]
    found = table(tmp_path, pairs)
    assert list(found.items()) == pairs
    assert list(found) == [path for path, _ in pairs]
    assert found.get("not utf-8 \udcff") == 3


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UnavailableError, match=f"{tmp_path / 'gone'}"):
        table(tmp_path / "gone", [("a", 1)])


def test_a_folder_without_room_is_named(tmp_path: Path):
    point = tmp_path / "disk"
    point.mkdir()
    with small_disk(point, "1m") as disk:
        pairs = ((f"a path of some length, number {number:09}", number) for number in range(100_000))
        with pytest.raises(
            StoreFullError, match=f"no space is left for what is being copied, in {disk.point}"
        ):
            PathTable(disk.point, pairs, str, int)
        assert list(disk.point.iterdir()) == []
