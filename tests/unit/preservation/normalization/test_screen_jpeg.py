"""Access copies look right on a screen: upright, in sRGB, on white, no larger than asked."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from support.containers import with_chunk
from support.rasters import Conversion, noise, saved, srgb_profile, tiff, to_jpeg

from preservation.errors import UnacceptableContentError

RED = np.full((40, 60, 3), (200, 30, 30), dtype=np.uint8)


def seen(conversion: Conversion) -> Image.Image:
    with Image.open(conversion.derivative) as picture:
        assert picture.format == "JPEG"
        picture.load()
        return picture


def near(picture: Image.Image, *colour: int) -> bool:
    middle = picture.getpixel((picture.width // 2, picture.height // 2))
    values = middle if isinstance(middle, tuple) else (middle,)
    return bool(np.allclose(values, colour, atol=4))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_of_any_orientation_is_shown_upright(tmp_path: Path, orientation: int):
    upright = np.zeros((40, 60), dtype=np.uint8)
    upright[:20, :30] = 255
    exif = Image.Exif()
    exif[274] = orientation
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(upright)
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    picture = seen(to_jpeg(tmp_path, saved(stored, "PNG", exif=exif)))
    assert picture.size == (60, 40)
    np.testing.assert_allclose(np.asarray(picture, dtype=int), upright.astype(int), atol=40)


def test_the_long_edge_is_kept_to_and_nothing_is_enlarged(tmp_path: Path):
    source = saved(Image.fromarray(noise(300, 450, 3)), "PNG")
    assert seen(to_jpeg(tmp_path, source, long_edge=90)).size == (90, 60)
    assert seen(to_jpeg(tmp_path, source, long_edge=9000)).size == (450, 300)


def test_transparency_is_shown_on_white(tmp_path: Path):
    half = np.dstack([RED, np.full(RED.shape[:2], 128, dtype=np.uint8)])
    source = saved(Image.fromarray(half), "PNG")
    assert near(seen(to_jpeg(tmp_path, source)), 227, 142, 142)


def test_premultiplied_transparency_is_shown_on_white(tmp_path: Path):
    half = np.dstack([RED // 2, np.full(RED.shape[:2], 128, dtype=np.uint8)])
    source = tiff(half, photometric="rgb", extrasamples=["assocalpha"])
    assert near(seen(to_jpeg(tmp_path, source)), 227, 142, 142)


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path):
    values = np.full((40, 60), 0x80FF, dtype=np.uint16)
    assert near(seen(to_jpeg(tmp_path, saved(Image.fromarray(values), "PNG"))), 129)


def test_a_profile_is_applied_so_that_colours_look_as_meant(tmp_path: Path):
    # The same profile with its red and green primaries exchanged: what is stored as red means green.
    profile = srgb_profile()
    exchanged = profile.replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ").replace(b"....", b"gXYZ")
    picture = seen(to_jpeg(tmp_path, saved(Image.fromarray(RED), "PNG", icc_profile=exchanged)))
    assert near(picture, 30, 200, 30)


def test_a_profile_that_does_not_fit_is_left_unapplied_and_that_is_said(tmp_path: Path):
    grey = Image.fromarray(noise(30, 40))
    conversion = to_jpeg(tmp_path, saved(grey, "PNG", icc_profile=srgb_profile()))
    assert "does not fit" in conversion.made.proofs[0].detail
    damaged = srgb_profile()[:140]
    conversion = to_jpeg(tmp_path, saved(Image.fromarray(RED), "PNG", icc_profile=damaged))
    assert "is damaged" in conversion.made.proofs[0].detail


def test_cmyk_is_shown_as_rgb(tmp_path: Path):
    cyan = np.zeros((40, 60, 4), dtype=np.uint8)
    cyan[..., 0] = 255
    assert near(seen(to_jpeg(tmp_path, tiff(cyan, photometric="separated"))), 0, 255, 255)


def test_lab_is_shown_as_rgb(tmp_path: Path):
    lab = ImageCms.profileToProfile(
        Image.fromarray(RED), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert near(seen(to_jpeg(tmp_path, saved(lab, "TIFF"))), 200, 30, 30)


def test_of_many_pages_the_first_is_shown_and_that_is_said(tmp_path: Path):
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as target:
        for shade in (200, 100):
            target.write(np.full((40, 60), shade, dtype=np.uint8), photometric="minisblack", metadata=None)
    conversion = to_jpeg(tmp_path, path.read_bytes())
    assert near(seen(conversion), 200)
    assert conversion.made.proofs[0].detail == "60 x 40 pixels; the first of 2 pages"


def test_bilevel_pages_become_grey(tmp_path: Path):
    picture = seen(to_jpeg(tmp_path, saved(Image.fromarray(noise(300, 400, kind="?")), "PNG"), long_edge=40))
    assert (picture.mode, picture.size) == ("L", (40, 30))


def test_samples_without_an_agreed_appearance_are_refused(tmp_path: Path):
    with pytest.raises(UnacceptableContentError, match="no agreed way to show"):
        to_jpeg(tmp_path, tiff(noise(30, 40, kind="f4"), photometric="minisblack"))


@pytest.mark.parametrize(("gamma", "shown"), [(45455, 128), (100000, 188)])
def test_the_gamma_that_a_png_states_is_applied(tmp_path: Path, gamma: int, shown: int):
    plain = saved(Image.new("RGB", (32, 32), (128, 128, 128)), "PNG")
    made = to_jpeg(tmp_path, with_chunk(plain, b"gAMA", struct.pack(">I", gamma)))
    with Image.open(made.derivative) as picture:
        assert picture.getpixel((16, 16)) == pytest.approx((shown, shown, shown), abs=3)


def test_primaries_that_describe_no_colours_are_not_applied_and_that_is_said(tmp_path: Path):
    plain = saved(Image.new("RGB", (32, 32), (200, 10, 10)), "PNG")
    made = to_jpeg(tmp_path, with_chunk(plain, b"cHRM", bytes(32)))
    assert "not applied: png:cHRM" in made.made.proofs[0].detail
