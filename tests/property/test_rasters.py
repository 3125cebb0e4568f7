"""Whatever is drawn comes back; whatever is changed is found; whatever is damaged is refused in words."""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image
from support.rasters import PIXEL_LIMIT, saved, tiff, to_jp2, to_tiff

from preservation.errors import UnacceptableContentError
from preservation.normalization.comparable_raster import ComparableRaster
from preservation.normalization.proofs import prove
from preservation.rasters.jp2 import read_codestream, read_wrapping
from preservation.rasters.opening import open_for_proving
from preservation.rasters.tiff_fields import ByteOrder, DirectoryReader, Field, write_directory

SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40))
BANDS = {(): "minisblack", (3,): "rgb"}
PICTURES = st.tuples(SIDES, st.sampled_from(sorted(BANDS)), st.sampled_from([np.uint8, np.uint16])).flatmap(
    lambda drawn: arrays.arrays(drawn[2], (*drawn[0], *drawn[1]))
)


def as_tiff(values: NDArray[np.generic]) -> bytes:
    return tiff(values, photometric=BANDS[values.shape[2:]])


@settings(max_examples=60, deadline=None)
@given(values=PICTURES, compression=st.sampled_from(["none", "lzw"]))
def test_any_picture_comes_back_from_tiff(values: NDArray[Any], compression: str):
    with tempfile.TemporaryDirectory() as folder:
        assert to_tiff(Path(folder), as_tiff(values), compression).failed == []


@settings(max_examples=60, deadline=None)
@given(values=PICTURES)
def test_any_picture_comes_back_from_jp2(values: NDArray[Any]):
    with tempfile.TemporaryDirectory() as folder:
        assert to_jp2(Path(folder), as_tiff(values)).failed == []


@settings(max_examples=60, deadline=None)
@given(values=arrays.arrays(np.bool_, SIDES))
def test_any_bilevel_picture_comes_back(values: NDArray[Any]):
    source = saved(Image.fromarray(values), "PNG")
    with tempfile.TemporaryDirectory() as folder:
        assert to_tiff(Path(folder), source, "lzw").failed == []
        assert to_jp2(Path(folder), source).failed == []


@settings(max_examples=100, deadline=None)
@given(values=PICTURES, where=st.integers(0), change=st.integers(1, 255))
def test_any_change_of_any_sample_is_found(values: NDArray[Any], where: int, change: int):
    changed = values.copy()
    changed.reshape(-1)[where % values.size] ^= change
    sides = [
        ComparableRaster(open_for_proving(io.BytesIO(as_tiff(side)), PIXEL_LIMIT))
        for side in (values, changed)
    ]
    assert not prove("same-pixels", sides[0], sides[1]).holds
    assert prove("same-pixels", sides[0], sides[0]).holds


FIELDS = st.builds(
    lambda tag, value: Field(tag, 7, len(value), value),
    st.integers(1, 0xFFFF),
    st.binary(min_size=1, max_size=40),
)


@given(
    fields=st.lists(FIELDS, unique_by=lambda field: field.tag, min_size=1),
    order=st.sampled_from(["little", "big"]),
    kind=st.sampled_from(["TIFF", "BigTIFF"]),
)
def test_any_directory_is_read_as_it_was_written(fields: list[Field], order: ByteOrder, kind: str):
    big = kind == "BigTIFF"
    header = {"little": (b"II*\0", b"II+\0"), "big": (b"MM\0*", b"MM\0+")}[order][big]
    start = 16 if big else 8
    head = header + (b"\0\x08\0\0" if order == "big" else b"\x08\0\0\0") if big else header
    written = head + start.to_bytes(8 if big else 4, order)
    directory = {field.tag: field for field in fields}
    reader = DirectoryReader(io.BytesIO(written + write_directory(directory, start, order, big=big)))
    assert reader.pages() == [directory]


TIFF = saved(Image.new("L", (9, 9)), "TIFF", tiffinfo={270: "a description", 305: "a program"})
JP2 = saved(Image.new("L", (9, 9)), "JPEG2000")


@settings(max_examples=300, deadline=None)
@given(
    content=st.sampled_from([TIFF, JP2]),
    damage=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=8),
    length=st.integers(0),
)
def test_damaged_structures_are_read_or_refused_and_nothing_else(
    content: bytes, damage: list[tuple[int, int]], length: int
):
    damaged = bytearray(content)
    for where, byte in damage:
        damaged[where % len(damaged)] = byte
    stream = io.BytesIO(bytes(damaged[: length % (len(damaged) + 1) or None]))
    # Any other exception fails the test.
    with suppress(UnacceptableContentError):
        if content is TIFF:
            DirectoryReader(stream).pages()
        else:
            read_codestream(stream)
            read_wrapping(stream)
