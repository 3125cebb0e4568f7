"""Pictures of every kind, as formats in the field hold them, become TIFF and JP2 and lose no sample."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, TiffImagePlugin
from support.rasters import UNLISTED, Conversion, noise, saved, srgb_profile, tiff, to_jp2, to_tiff

from preservation.errors import UnacceptableContentError
from preservation.normalization import tiff_writing

BILEVEL = noise(300, 45, kind="?")
GREY, GREY_16 = noise(300, 45), noise(300, 45, kind="u2")
GREY_ALPHA = noise(30, 45, 2)
RGB, RGB_16 = noise(300, 45, 3), noise(30, 45, 3, kind="u2")
RGBA, RGBA_16 = noise(30, 45, 4), noise(30, 45, 4, kind="u2")
CMYK, CMYK_16 = noise(30, 46, 4), noise(30, 46, 4, kind="u2")
FLOATS = noise(30, 45, kind="f4")
INDICES, PALETTE = noise(300, 45), noise(256, 3)
WEB_PICTURE = Image.fromarray(RGB)


def palette_picture() -> Image.Image:
    picture = Image.fromarray(INDICES, "P")
    picture.putpalette(PALETTE.tobytes())
    return picture


def palette_of_16_bits() -> NDArray[Any]:
    return noise(3, 256, kind="u2")


KINDS: dict[str, tuple[Callable[[], bytes], NDArray[Any]]] = {
    "bilevel PNG": (lambda: saved(Image.fromarray(BILEVEL), "PNG"), BILEVEL),
    "bilevel BMP": (lambda: saved(Image.fromarray(BILEVEL), "BMP"), BILEVEL),
    "fax TIFF, 0 is white": (
        lambda: saved(Image.fromarray(BILEVEL), "TIFF", compression="group4", tiffinfo={262: 0}),
        BILEVEL,
    ),
    "grey JPEG 2000": (lambda: saved(Image.fromarray(GREY), "JPEG2000"), GREY),
    "grey PGM": (lambda: saved(Image.fromarray(GREY), "PPM"), GREY),
    "grey PNG of 16 bits": (lambda: saved(Image.fromarray(GREY_16), "PNG"), GREY_16),
    "grey TIFF, 0 is white": (lambda: tiff(GREY, photometric="miniswhite"), np.invert(GREY)),
    "grey TIFF of 16 bits, big-endian": (
        lambda: tiff(GREY_16, photometric="minisblack", byteorder=">"),
        GREY_16,
    ),
    "grey TIFF of floating point": (lambda: tiff(FLOATS, photometric="minisblack"), FLOATS),
    "grey TIFF of 4 bits": (
        lambda: tiff(INDICES >> 4, photometric="minisblack", bitspersample=4),
        (INDICES >> 4) * 17,
    ),
    "grey PNG with alpha": (lambda: saved(Image.fromarray(GREY_ALPHA, "LA"), "PNG"), GREY_ALPHA),
    "palette PNG": (lambda: saved(palette_picture(), "PNG"), PALETTE[INDICES]),
    "palette BMP": (lambda: saved(palette_picture(), "BMP"), PALETTE[INDICES]),
    "palette GIF": (lambda: saved(palette_picture(), "GIF"), PALETTE[INDICES]),
    "palette PNG with a transparent entry": (
        lambda: saved(palette_picture(), "PNG", transparency=7),
        np.dstack([PALETTE[INDICES], np.where(INDICES == 7, 0, 255).astype(np.uint8)]),
    ),
    "palette TIFF of 16-bit colours": (
        lambda: tiff(INDICES, photometric="palette", colormap=palette_of_16_bits()),
        palette_of_16_bits().T[INDICES],
    ),
    "RGB PNG": (lambda: saved(WEB_PICTURE, "PNG"), RGB),
    "RGB BMP": (lambda: saved(WEB_PICTURE, "BMP"), RGB),
    "RGB TGA": (lambda: saved(WEB_PICTURE, "TGA"), RGB),
    "RGB WebP": (lambda: saved(WEB_PICTURE, "WEBP", lossless=True), RGB),
    "RGB JPEG 2000": (lambda: saved(WEB_PICTURE, "JPEG2000", irreversible=False), RGB),
    "RGB TIFF in planes": (
        lambda: tiff(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"),
        RGB,
    ),
    "RGB TIFF in tiles": (
        lambda: tiff(RGB, photometric="rgb", tile=(64, 32), compression="lzw", predictor=True),
        RGB,
    ),
    "RGB PNG of 16 bits": (lambda: imagecodecs.png_encode(RGB_16), RGB_16),
    "RGB TIFF of 16 bits": (lambda: tiff(RGB_16, photometric="rgb", compression="zlib"), RGB_16),
    "RGB JPEG 2000 of 16 bits": (
        lambda: bytes(imagecodecs.jpeg2k_encode(RGB_16, level=0, reversible=True, codecformat="jp2")),
        RGB_16,
    ),
    "RGBA PNG": (lambda: saved(Image.fromarray(RGBA), "PNG"), RGBA),
    "RGBA PNG of 16 bits": (lambda: imagecodecs.png_encode(RGBA_16), RGBA_16),
    "RGBA TIFF of 16 bits": (
        lambda: tiff(RGBA_16, photometric="rgb", extrasamples=["unassalpha"]),
        RGBA_16,
    ),
}
ONLY_TIFF: dict[str, tuple[Callable[[], bytes], NDArray[Any]]] = {
    "RGBA TIFF, premultiplied": (lambda: tiff(RGBA, photometric="rgb", extrasamples=["assocalpha"]), RGBA),
    "RGB TIFF with a spot colour": (
        lambda: tiff(RGBA, photometric="rgb", extrasamples=["unspecified"]),
        RGBA,
    ),
    "CMYK TIFF": (lambda: tiff(CMYK, photometric="separated"), CMYK),
    "CMYK TIFF of 16 bits": (lambda: tiff(CMYK_16, photometric="separated"), CMYK_16),
    "Lab TIFF": (lambda: tiff(RGB, photometric="cielab"), RGB),
}


@pytest.mark.parametrize("compression", ["none", "lzw"])
@pytest.mark.parametrize("kind", [*KINDS, *ONLY_TIFF])
def test_a_picture_becomes_a_tiff_that_holds_the_samples_that_were_drawn(
    tmp_path: Path, kind: str, compression: str
):
    draw, drawn = (KINDS | ONLY_TIFF)[kind]
    conversion = to_tiff(tmp_path, draw(), compression, accept_loss=UNLISTED)
    assert conversion.failed == []
    with tifffile.TiffFile(conversion.derivative) as derivative:
        (page,) = derivative.pages
        assert page.compression == {"none": 1, "lzw": 5}[compression]
        found = page.asarray()
    assert found.dtype == drawn.dtype
    np.testing.assert_array_equal(found, drawn)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "grey TIFF of floating point"])
def test_a_picture_becomes_a_jp2_that_holds_the_samples_that_were_drawn(tmp_path: Path, kind: str):
    draw, drawn = KINDS[kind]
    conversion = to_jp2(tmp_path, draw(), accept_loss=UNLISTED)
    assert conversion.failed == []
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(conversion.derivative.read_bytes()), drawn)


def test_a_bilevel_picture_takes_one_bit_a_pixel_in_tiff(tmp_path: Path):
    conversion = to_tiff(tmp_path, saved(Image.fromarray(noise(800, 800, kind="?")), "PNG"))
    assert conversion.derivative.stat().st_size < 800 * 800 / 8 + 1000
    with Image.open(conversion.derivative) as derivative:
        assert derivative.mode == "1"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("CMYK TIFF", "cannot hold CMYK"),
        ("Lab TIFF", "cannot hold CIE"),
        ("RGBA TIFF, premultiplied", "not plain transparency"),
        ("RGB TIFF with a spot colour", "not plain transparency"),
    ],
)
def test_what_a_jp2_cannot_hold_is_refused_with_the_reason(tmp_path: Path, kind: str, reason: str):
    with pytest.raises(UnacceptableContentError, match=reason):
        to_jp2(tmp_path, ONLY_TIFF[kind][0]())


def test_floating_point_is_refused_for_jp2(tmp_path: Path):
    with pytest.raises(UnacceptableContentError, match="floating point"):
        to_jp2(tmp_path, tiff(FLOATS, photometric="minisblack"))


def test_cmyk_jpeg_becomes_tiff_with_the_samples_pillow_sees(tmp_path: Path):
    source = saved(Image.fromarray(CMYK, "CMYK"), "JPEG", quality=95)
    conversion = to_tiff(tmp_path, source)
    assert conversion.failed == []
    with Image.open(conversion.derivative) as derivative, Image.open(io.BytesIO(source)) as original:
        assert derivative.mode == "CMYK"
        np.testing.assert_array_equal(np.asarray(derivative), np.asarray(original))


def pages() -> bytes:
    sink = io.BytesIO()
    with tifffile.TiffWriter(sink) as target:
        target.write(RGB, photometric="rgb", resolution=(300, 300), resolutionunit=2, metadata=None)
        target.write(BILEVEL, photometric="miniswhite", metadata=None, contiguous=False)
        target.write(GREY_16, photometric="minisblack", metadata=None, compression="zlib")
    return sink.getvalue()


def test_every_page_is_carried_over_whatever_its_kind(tmp_path: Path):
    conversion = to_tiff(tmp_path, pages(), "lzw")
    assert conversion.failed == []
    with tifffile.TiffFile(conversion.derivative) as derivative:
        found = [page.asarray() for page in derivative.pages]
    for page, drawn in zip(found, [RGB, ~BILEVEL, GREY_16], strict=True):
        np.testing.assert_array_equal(page, drawn)


def test_many_pages_do_not_go_into_a_jp2(tmp_path: Path):
    with pytest.raises(UnacceptableContentError, match="this has 3; TIFF can"):
        to_jp2(tmp_path, pages())


def animation(format_name: str) -> bytes:
    frames = [Image.fromarray(noise(20, 20 + extra)[:, :20]) for extra in range(3)]
    return saved(frames[0], format_name, save_all=True, append_images=frames[1:], duration=80)


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_refused_since_no_still_format_keeps_its_timing(tmp_path: Path, format_name: str):
    with pytest.raises(UnacceptableContentError, match="animation of 3 frames"):
        to_tiff(tmp_path, animation(format_name))


def test_orientation_is_carried_and_the_pixels_are_not_turned(tmp_path: Path):
    exif = Image.Exif()
    exif[274] = 6
    conversion = to_tiff(tmp_path, saved(WEB_PICTURE, "PNG", exif=exif))
    assert conversion.failed == []
    with tifffile.TiffFile(conversion.derivative) as derivative:
        assert derivative.pages[0].tags[274].value == 6
        np.testing.assert_array_equal(derivative.pages[0].asarray(), RGB)


def test_a_jp2_cannot_say_that_a_picture_is_to_be_turned(tmp_path: Path):
    exif = Image.Exif()
    exif[274] = 6
    with pytest.raises(UnacceptableContentError, match="turned when shown"):
        to_jp2(tmp_path, saved(WEB_PICTURE, "JPEG", exif=exif))


@pytest.mark.parametrize("convert", [to_tiff, to_jp2])
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_the_profile_is_carried_byte_for_byte(
    tmp_path: Path, convert: Callable[..., Conversion], format_name: str
):
    profile = srgb_profile()
    conversion = convert(tmp_path, saved(WEB_PICTURE, format_name, icc_profile=profile))
    assert conversion.failed == []
    assert profile in conversion.derivative.read_bytes()
    (proof,) = [proof for proof in conversion.made.proofs if proof.name == "same-profile"]
    assert f"{len(profile):,} bytes" in proof.detail


@pytest.mark.parametrize("kind", [b"prtr", b"abst"])
def test_a_profile_that_a_jp2_may_not_hold_is_refused(tmp_path: Path, kind: bytes):
    profile = srgb_profile()
    other = profile[:12] + kind + profile[16:]
    with pytest.raises(UnacceptableContentError, match="ICC profile is of a kind"):
        to_jp2(tmp_path, saved(WEB_PICTURE, "PNG", icc_profile=other))


def test_a_profile_for_colours_does_not_go_with_a_grey_jp2(tmp_path: Path):
    with pytest.raises(UnacceptableContentError, match="another kind of picture than grey"):
        to_jp2(tmp_path, saved(Image.fromarray(GREY), "PNG", icc_profile=srgb_profile()))


@pytest.mark.parametrize("convert", [to_tiff, to_jp2])
@pytest.mark.parametrize("dots", [(16, 15), (72, 72), (300, 600), (4800, 4800)])
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "BMP", "TIFF"])
def test_resolution_is_carried(
    tmp_path: Path, convert: Callable[..., Conversion], dots: tuple[int, int], format_name: str
):
    conversion = convert(tmp_path, saved(WEB_PICTURE, format_name, dpi=dots))
    assert conversion.failed == []
    with Image.open(conversion.derivative) as derivative:
        assert derivative.info["dpi"] == pytest.approx(dots, rel=0.001)


def test_a_jpeg_that_says_nothing_of_resolution_gets_none(tmp_path: Path):
    exif = Image.Exif()
    exif[271] = "a camera"
    # Without JFIF's fields Pillow itself would say 72.
    source = saved(WEB_PICTURE, "JPEG", exif=exif)
    source = source[:2] + source[20:]
    conversion = to_tiff(tmp_path, source)
    assert conversion.failed == []
    with tifffile.TiffFile(conversion.derivative) as derivative:
        assert derivative.pages[0].resolutionunit == 1


def with_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[270], exif[271], exif[306] = "Sheet 12, north", "Contex", "2026:11:20 10:11:12"
    details = exif.get_ifd(0x8769)
    details[0x829A], details[0x9003], details[0x927C] = (
        TiffImagePlugin.IFDRational(1, 250),
        "2026:11:20 10:11:12",
        b"FUJIFILM maker's own bytes \0\1\2",
    )
    exif.get_ifd(0x8825)[1] = "N"
    return exif


@pytest.mark.parametrize("form", ["TIFF 6.0", "BigTIFF"])
def test_exif_gps_xmp_and_iptc_are_carried_into_tiff_where_others_find_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
):
    if form == "BigTIFF":
        monkeypatch.setattr(tiff_writing, "_CLASSIC_BYTES", 0)
    iptc = b"\x1c\x02\x05\x00\x08Sheet 12"
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + len(iptc).to_bytes(4) + iptc + b"\0"
    plain = saved(WEB_PICTURE, "JPEG", exif=with_exif(), xmp=b"<x:xmpmeta>north</x:xmpmeta>")
    source = plain[:2] + b"\xff\xed" + (len(photoshop) + 2).to_bytes(2) + photoshop + plain[2:]
    conversion = to_tiff(tmp_path, source)
    assert conversion.failed == []
    assert conversion.made.format_name == f"{form}, uncompressed"
    with tifffile.TiffFile(conversion.derivative) as derivative:
        assert derivative.is_bigtiff == (form == "BigTIFF")
        tags = derivative.pages[0].tags
        assert (tags[270].value, tags[271].value) == ("Sheet 12, north", "Contex")
        assert tags[34665].value["ExposureTime"] == (1, 250)
        assert tags[34853].value["GPSLatitudeRef"] == "N"
        assert tags[700].value == b"<x:xmpmeta>north</x:xmpmeta>"
        assert tags[33723].value == iptc


def test_pillow_too_finds_the_exif_of_a_tiff(tmp_path: Path):
    conversion = to_tiff(tmp_path, saved(WEB_PICTURE, "JPEG", exif=with_exif()))
    with Image.open(conversion.derivative) as derivative:
        exif = derivative.getexif()
        assert exif.get_ifd(0x8769)[0x927C] == b"FUJIFILM maker's own bytes \0\1\2"
        assert exif.get_ifd(0x8825)[1] == "N"


def test_exif_and_xmp_are_carried_into_jp2(tmp_path: Path):
    source = saved(WEB_PICTURE, "PNG", exif=with_exif())
    conversion = to_jp2(tmp_path, source)
    assert conversion.failed == []
    written = conversion.derivative.read_bytes()
    block = written[written.index(b"JpgTiffExif->JP2") + 16 :]
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    assert exif[270] == "Sheet 12, north"
    assert exif.get_ifd(0x8769)[0x9003] == "2026:11:20 10:11:12"


def test_private_fields_of_a_tiff_are_carried(tmp_path: Path):
    georeference = np.arange(6, dtype="<f8").tobytes()
    source = tiff(RGB, photometric="rgb", extratags=[(33550, 12, 6, georeference, False)])
    conversion = to_tiff(tmp_path, source)
    assert conversion.failed == []
    with tifffile.TiffFile(conversion.derivative) as derivative:
        assert derivative.pages[0].tags[33550].value == tuple(range(6))


def test_text_notes_of_a_png_have_no_place_and_that_is_said(tmp_path: Path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "A. Surveyor")
    conversion = to_tiff(tmp_path, saved(WEB_PICTURE, "PNG", pnginfo=notes))
    assert conversion.failed == ["same-embedded-metadata"]
    assert "png:tEXt (Author)" in conversion.made.proofs[-1].detail


def test_sub_images_have_no_place_and_that_is_said(tmp_path: Path):
    sink = io.BytesIO()
    with tifffile.TiffWriter(sink) as target:
        target.write(RGB, photometric="rgb", subifds=1, metadata=None)
        target.write(RGB[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    assert "same-page-count" in to_tiff(tmp_path, sink.getvalue()).failed


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "BMP", "TIFF", "JPEG2000", "GIF"])
def test_a_truncated_picture_is_refused(tmp_path: Path, format_name: str):
    whole = saved(WEB_PICTURE, format_name)
    with pytest.raises(UnacceptableContentError):
        to_tiff(tmp_path, whole[: len(whole) * 2 // 3])


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "JPEG2000"])
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path, format_name: str):
    with pytest.raises(UnacceptableContentError, match=r"45 x 300 pixels, more than the 13,499"):
        to_tiff(tmp_path, saved(WEB_PICTURE, format_name), pixel_limit=45 * 300 - 1)


def test_samples_of_12_bits_are_refused_rather_than_stretched(tmp_path: Path):
    source = tiff(noise(30, 45, kind="u2", highest=4095), photometric="minisblack", bitspersample=12)
    with pytest.raises(UnacceptableContentError, match="12 bits"):
        to_tiff(tmp_path, source)


def test_what_is_no_picture_is_refused(tmp_path: Path):
    with pytest.raises(UnacceptableContentError, match="no image of a kind"):
        to_tiff(tmp_path, b"%PDF-1.7 and so on")


def test_the_same_source_gives_the_same_bytes(tmp_path: Path):
    source = saved(WEB_PICTURE, "JPEG", exif=with_exif(), icc_profile=srgb_profile())
    for convert in (to_tiff, to_jp2):
        first = convert(tmp_path, source).derivative.read_bytes()
        assert convert(tmp_path, source).derivative.read_bytes() == first


def test_a_tiff_whose_exif_is_damaged_is_carried_over_and_the_loss_is_said(tmp_path: Path):
    source = tiff(RGB, photometric="rgb", extratags=[("ExifTag", 4, 1, 1 << 30, False)])
    conversion = to_tiff(tmp_path, source)
    assert conversion.failed == ["same-embedded-metadata"]
    assert "EXIF that is damaged" in conversion.made.proofs[-1].detail


def test_samples_that_pillow_would_cut_to_8_bits_are_refused(tmp_path: Path):
    deep_ppm = b"P6 4 4 65535\n" + noise(4, 4, 3, kind="u2").tobytes()
    with pytest.raises(UnacceptableContentError, match="not carried over exactly"):
        to_tiff(tmp_path, deep_ppm)
