"""Whatever new member is put into a sound file, no proof passes over it in silence."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags
from support.containers import (
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
from support.rasters import to_tiff

from preservation.errors import UnacceptableContentError

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
    st.builds(lambda make, content: make() + content, st.sampled_from([png, jpeg, jp2, gif]), CONTENTS),
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
