"""What strangers wrote is read in linear time and in memory that is bounded, whatever its shape."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from ordeals.hostile_text import KNOWN, NAMES, READERS, SHAPES, Names, Shape, require_flat, require_linear

FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("reader", READERS)
def test_a_text_that_was_made_to_take_for_ever_is_read_in_linear_time(tmp_path: Path, reader: str):
    for number, shape in enumerate(KNOWN):
        require_linear(READERS[reader], shape, tmp_path / str(number))


@FEW
@given(shape=SHAPES)
@pytest.mark.parametrize("reader", READERS)
def test_a_text_of_any_shape_is_read_in_linear_time(reader: str, shape: Shape):
    with tempfile.TemporaryDirectory() as folder:
        require_linear(READERS[reader], shape, Path(folder))


@settings(FEW, max_examples=8)
@given(names=NAMES)
def test_an_archive_of_any_names_is_listed_or_refused_in_little_memory(names: Names):
    with tempfile.TemporaryDirectory() as folder:
        require_flat(names, Path(folder))
