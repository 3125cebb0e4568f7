"""Whatever new member is put into a sound file, no proof passes over it in silence."""

from __future__ import annotations

import io
import string
import tempfile
from contextlib import suppress
from pathlib import Path

import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags
from support.containers import (
    bmp_v5,
    gif,
    gif_extension,
    jp2,
    jpeg,
    png,
    tiff_with,
    webp_with,
    with_box,
    with_chunk,
    with_header_box,
    with_segment,
)
from support.rasters import PIXEL_LIMIT, srgb_profile, to_tiff

from preservation.errors import UnacceptableContentError
from preservation.rasters.inventory.containers import inventory_of
from preservation.rasters.inventory.jp2 import inventory_of_jp2
from preservation.rasters.jp2 import read_wrapping
from preservation.rasters.tiff import tiff_by_tifffile

NAMES = st.text(string.ascii_letters, min_size=4, max_size=4).map(str.encode)
CONTENTS = st.binary(min_size=1, max_size=60).filter(any)
"""Zeros behind the end of a file only fill a block."""

_OF_PNG = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"pHYs", b"eXIf"}
_OF_JP2 = {b"ftyp", b"rreq", b"free", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef", b"colr"}
_OF_WEBP = {b"ALPH", b"ICCP", b"EXIF"}
"""What is carried, or serves decoding; a file with two of these is another matter."""

_KNOWN_TAGS = {*dict(tifffile.TIFF.TAGS.items()), *dict(tifffile.TIFF.EXIF_TAGS.items()), *ExifTags.TAGS}

MEMBERS: st.SearchStrategy[bytes] = st.one_of(
    st.tuples(st.just(png()), NAMES.filter(lambda name: name not in _OF_PNG), CONTENTS).map(
        lambda drawn: with_chunk(*drawn)
    ),
    st.builds(with_segment, st.just(jpeg()), st.sampled_from([*range(0xE1, 0xEE), 0xEF, 0xFE]), CONTENTS),
    st.builds(with_box, st.just(jp2()), NAMES.filter(lambda name: name not in _OF_JP2), CONTENTS),
    st.builds(with_header_box, st.just(jp2()), NAMES.filter(lambda name: name not in _OF_JP2), CONTENTS),
    st.builds(webp_with, NAMES.filter(lambda name: name not in _OF_WEBP), CONTENTS),
    st.builds(
        lambda label, content: gif(gif_extension(label, content)),
        st.integers(0, 255).filter(lambda label: label != 0xF9),
        CONTENTS,
    ),
    st.builds(
        lambda tag, content: tiff_with((tag, 7, len(content), content, False)),
        st.integers(700, 65535).filter(lambda tag: tag not in _KNOWN_TAGS),
        CONTENTS,
    ),
    st.builds(
        lambda make, content: make() + content, st.sampled_from([png, jpeg, jp2, gif, tiff_with]), CONTENTS
    ),
)


@settings(max_examples=200, deadline=None)
@given(source=MEMBERS)
def test_no_proof_passes_over_a_member_that_is_new(source: bytes):
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = to_tiff(Path(folder), source)
        except UnacceptableContentError:
            return  # refused, in words
        assert "same-embedded-metadata" in made.failed
        assert made.made.left_behind


SOUND = {
    "PNG": png(dpi=(300, 300), icc_profile=srgb_profile()),
    "JPEG": with_segment(
        jpeg(icc_profile=srgb_profile()), 0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0"
    ),
    "GIF": gif(gif_extension(0xFE, b"a comment")),
    "WEBP": webp_with(b"EXIF", b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "BMP": bmp_v5(b"DEBM", srgb_profile()),
    "JP2": with_header_box(jp2(), b"res ", b"\0\0\0\x12resc" + bytes(10)),
    "TIFF": tiff_with((33723, 7, 4, b"iptc", False), iccprofile=srgb_profile()),
}


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(sorted(SOUND)),
    damage=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=8),
    length=st.integers(0),
)
def test_a_damaged_container_is_read_or_refused_and_nothing_else(
    kind: str, damage: list[tuple[int, int]], length: int
):
    damaged = bytearray(SOUND[kind])
    for where, byte in damage:
        damaged[where % len(damaged)] = byte
    stream = io.BytesIO(bytes(damaged[: length % (len(damaged) + 1) or None]))
    # Any other exception fails the test.
    with suppress(UnacceptableContentError):
        if kind == "TIFF":
            raster = tiff_by_tifffile(stream, PIXEL_LIMIT)
            raster.companions(0)
        elif kind == "JP2":
            inventory_of_jp2(stream).companions()
            read_wrapping(stream)
        else:
            found = inventory_of(stream, kind)
            assert found is not None
            found.companions()
