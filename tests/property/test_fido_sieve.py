"""Fido's signatures, sieved, say what they say when every one of them is tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.identifications import said_by_fido_itself

from preservation.identification import fido

_BEGINNINGS = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"GIF89a",
    b"%PDF-1.4\n",
    b"RIFF\0\0\0\0WAVEfmt ",
    b"II*\0",
    b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' version='1.1'>",
    b"<!DOCTYPE html><html><head><title>",
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x02",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\0\0\0\x18ftypmp42",
    b"{\\rtf1\\ansi",
    b"BM",
    b"",
)
_ENDINGS = (b"\n%%EOF\n", b"IEND\xaeB`\x82", b"\x3b", b"</svg>", b"\xff\xd9", b"")


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Draw files that begin and end like some format, with a little damage, or none."""
    content = bytearray(draw(st.sampled_from(_BEGINNINGS)))
    content += draw(st.binary(max_size=300)) + draw(st.sampled_from(_ENDINGS))
    for _ in range(draw(st.integers(0, 2)) if content else 0):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents())
def test_sieved_signatures_say_what_fido_says(tmp_path: Path, content: bytes):
    path = tmp_path / "file"
    path.write_bytes(content)

    assert {candidate.match.puid for candidate in fido.opinion(path).candidates} == said_by_fido_itself(path)


@pytest.mark.parametrize("beginning", _BEGINNINGS)
def test_what_begins_like_a_format_is_seen_to(tmp_path: Path, beginning: bytes):
    path = tmp_path / "file"
    path.write_bytes(beginning + b"\n" * 100)

    assert {candidate.match.puid for candidate in fido.opinion(path).candidates} == said_by_fido_itself(path)
