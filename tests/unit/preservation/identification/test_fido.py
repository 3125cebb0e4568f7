from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from PIL import Image
from support.identifications import said_by_fido_itself

from preservation.identification import fido

SAMPLES = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 50 + b"IEND\xaeB`\x82",
    "gif": b"GIF89a" + b"\0" * 40 + b"\x3b",
    "pdf": b"%PDF-1.4\n" + b"x" * 200_000 + b"\n%%EOF\n",
    "wav": b"RIFF" + struct.pack("<I", 100) + b"WAVEfmt " + b"\0" * 100,
    "xml": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg' version='1.1'></svg>",
    "text": b"words and words\n" * 30,
    "noise": bytes(range(256)) * 1000,
    "tif": b"II*\0" + b"\0" * 300_000,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_it_says_what_fido_itself_says(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(SAMPLES[name])

    opinion = fido.opinion(path)

    assert {candidate.match.puid for candidate in opinion.candidates} == said_by_fido_itself(path)
    assert opinion.remarks == ()


def test_a_file_made_to_keep_a_pattern_trying_for_years_costs_a_second(tmp_path: Path):
    (tmp_path / "hostile.svg").write_bytes(b'<?xml version="1.0"' + b"<svg" * 32_000)
    started = time.process_time()

    opinion = fido.opinion(tmp_path / "hostile.svg")

    assert time.process_time() - started < 10
    assert opinion.candidates == ()
    assert "within 1 s" in opinion.remarks[0]


def test_a_format_that_another_one_has_priority_over_is_not_claimed(tmp_path: Path):
    Image.new("RGB", (4, 4)).save(tmp_path / "scan.jpg", dpi=(300, 300))

    claims = fido.opinion(tmp_path / "scan.jpg").candidates

    assert [candidate.match.puid for candidate in claims] == ["fmt/43"]


def test_a_file_that_cannot_be_read_is_a_remark(tmp_path: Path):
    opinion = fido.opinion(tmp_path / "gone")

    assert opinion.candidates == ()
    assert opinion.remarks == ("fido: No such file or directory",)
