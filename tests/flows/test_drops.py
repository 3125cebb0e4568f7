from __future__ import annotations

from pathlib import Path

import pytest

from flows.submission.drop import DropRequest, name_of
from preservation.errors import ConfigurationError


def fault_of(path: Path, collection: str = "maps") -> str:
    drop = DropRequest(path, collection, name_of(path))
    with pytest.raises(ConfigurationError) as caught:
        _ = drop.object_id
    return str(caught.value)


@pytest.mark.parametrize("name", [".zip", "_scans", "two\nlines", "\u202eright", "x" * 201])
def test_a_name_that_cannot_be_an_objects_is_no_reason_to_rename_the_drop(tmp_path: Path, name: str):
    said = fault_of(tmp_path / name)

    assert said.endswith("give the object another name with --as NAME")
    assert "rename" not in said


def test_no_control_character_of_a_name_is_ever_printed(tmp_path: Path):
    for said in (
        fault_of(tmp_path / "two\nlines\x1b[31m"),
        fault_of(tmp_path / "two\nlines\x1b[31m", "no\nsuch"),
        str(DropRequest(tmp_path, "maps", "two\nlines\x1b[31m")),
    ):
        assert said.isprintable()


def test_a_collection_that_cannot_be_one_is_not_mended_by_another_name(tmp_path: Path):
    assert "--as" not in fault_of(tmp_path / "sheet", "No Such")


def test_a_link_to_a_place_that_cannot_be_read_has_its_own_name(tmp_path: Path):
    for name, target in (("long.zip", "x" * 300), ("loop.zip", "loop.zip"), ("file.zip", __file__)):
        link = tmp_path / name
        link.symlink_to(target)
        assert name_of(link) == name
    (tmp_path / "scans.zip").touch()
    assert name_of(tmp_path / "scans.zip") == "scans"
