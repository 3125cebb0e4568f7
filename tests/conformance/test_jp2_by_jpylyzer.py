"""jpylyzer, which did not see how they were made, finds our JP2s valid, and in them what we say we wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from jpylyzer import jpylyzer
from PIL import Image
from support.rasters import noise, saved, srgb_profile, tiff, to_jp2


def found_by_jpylyzer(path: Path) -> Element:
    report: Element = jpylyzer.checkOneFile(str(path), "jp2")
    assert report.findtext("isValid") == "True", [test.tag for test in report.iter() if test.text == "False"]
    return report


def grey_profile() -> bytes:
    # The smallest that ICC.1 knows: a header, and one curve.
    curve = b"curv" + bytes(4) + (1).to_bytes(4) + b"\2\x33\0\0"
    tags = [(b"kTRC", curve), (b"wtpt", b"XYZ " + bytes(4) + b"\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d")]
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, content in tags:
        table += name + (at + len(body)).to_bytes(4) + len(content).to_bytes(4)
        body += content
    size = at + len(body)
    header = size.to_bytes(4) + bytes(4) + b"\2\x10\0\0" + b"mntr" + b"GRAY" + b"XYZ " + bytes(12) + b"acsp"
    return header.ljust(128, b"\0") + len(tags).to_bytes(4) + table + body


KINDS: dict[str, Callable[[], bytes]] = {
    "bilevel": lambda: saved(Image.fromarray(noise(90, 70, kind="?")), "PNG"),
    "grey": lambda: saved(Image.fromarray(noise(90, 70)), "PNG"),
    "grey with a profile": lambda: saved(Image.fromarray(noise(90, 70)), "PNG", icc_profile=grey_profile()),
    "grey of 16 bits": lambda: saved(Image.fromarray(noise(90, 70, kind="u2")), "PNG"),
    "grey with alpha": lambda: saved(Image.fromarray(noise(90, 70, 2), "LA"), "PNG"),
    "RGB": lambda: saved(Image.fromarray(noise(90, 70, 3)), "PNG"),
    "RGB with alpha": lambda: saved(Image.fromarray(noise(90, 70, 4)), "PNG"),
    "RGB of 16 bits": lambda: tiff(noise(90, 70, 3, kind="u2"), photometric="rgb"),
    "RGB of several tiles": lambda: saved(Image.fromarray(noise(1100, 1500, 3)), "BMP"),
    "one pixel": lambda: saved(Image.fromarray(noise(1, 1, 3)), "PNG"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_jp2_of_any_kind_is_valid_and_lossless(kind: str, tmp_path: Path):
    conversion = to_jp2(tmp_path, KINDS[kind]())
    assert conversion.failed == []
    report = found_by_jpylyzer(conversion.derivative)
    assert report.findtext(".//cod/transformation") == "5-3 reversible"


def test_profile_resolution_alpha_and_metadata_are_where_the_standard_puts_them(tmp_path: Path):
    exif = Image.Exif()
    exif[270] = "Sheet 12, north"
    picture = Image.fromarray(np.dstack([noise(90, 70, 3), noise(90, 70)]))
    source = saved(picture, "PNG", icc_profile=srgb_profile(), dpi=(300, 600), exif=exif)
    conversion = to_jp2(tmp_path, source)
    assert conversion.failed == []
    report = found_by_jpylyzer(conversion.derivative)
    assert report.findtext(".//colourSpecificationBox/meth") == "Restricted ICC"
    resolution = {name: report.findtext(f".//{name}RescInPixelsPerInch", "0") for name in ("h", "v")}
    assert {name: round(float(dots)) for name, dots in resolution.items()} == {"h": 300, "v": 600}
    channels = [entry.text for entry in report.findall(".//channelDefinitionBox/cTyp")]
    assert channels == ["colour", "colour", "colour", "opacity"]
    assert report.find(".//uuidBox") is not None


def test_real_photographs_become_valid_jp2s(corpora: Path, tmp_path: Path):
    names = (
        "exampletiffs/shapes_uncompressed.tif",
        "exampletiffs/shapes_zstd.tif",
        "pillow/Tests/images/pport_g4.tif",
        "pillow/Tests/images/hopper_bigtiff.tif",
    )
    for name in names:
        conversion = to_jp2(tmp_path, (corpora / name).read_bytes())
        assert conversion.failed == [], name
        found_by_jpylyzer(conversion.derivative)
