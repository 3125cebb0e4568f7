"""A derivative that differs from its source in anything that was to be the same is found out."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.containers import with_segment
from support.rasters import (
    ALL_PROOFS,
    PIXEL_LIMIT,
    Conversion,
    noise,
    saved,
    srgb_profile,
    tiff,
    to_jp2,
    to_tiff,
)

from preservation.errors import UnacceptableContentError
from preservation.model.derivatives import Proof
from preservation.model.events import Agent
from preservation.normalization import jobs
from preservation.normalization.comparable_raster import ComparableRaster
from preservation.normalization.proofs import prove
from preservation.rasters.opening import open_for_proving
from preservation.rasters.raster import Raster

RGB = noise(64, 48, 3)


def source() -> bytes:
    exif = Image.Exif()
    exif[270] = "Sheet 12, north"
    return saved(Image.fromarray(RGB), "PNG", dpi=(300, 300), icc_profile=srgb_profile(), exif=exif)


def proofs(one: bytes, other: bytes) -> dict[str, Proof]:
    sides = [ComparableRaster(open_for_proving(io.BytesIO(content), PIXEL_LIMIT)) for content in (one, other)]
    return {name: prove(name, sides[0], sides[1]) for name in ALL_PROOFS}


def failing(one: bytes, other: bytes) -> set[str]:
    return {name for name, proof in proofs(one, other).items() if not proof.holds}


@pytest.fixture
def derivative(tmp_path: Path) -> bytes:
    return to_tiff(tmp_path, source()).derivative.read_bytes()


def retagged(content: bytes, tag: int, change: Callable[[tifffile.TiffTag], None]) -> bytes:
    sink = io.BytesIO(content)
    with tifffile.TiffFile(sink, mode="r+b") as pages:
        change(pages.pages[0].tags[tag])
    return sink.getvalue()


def test_a_faithful_derivative_is_proved_in_everything(derivative: bytes):
    assert failing(source(), derivative) == set()


def test_one_sample_changed_by_one_is_found(derivative: bytes):
    at = derivative.index(RGB[10].tobytes())
    changed = derivative[:at] + bytes([derivative[at] ^ 1]) + derivative[at + 1 :]
    assert failing(source(), changed) == {"same-pixels"}


def test_two_pixels_exchanged_are_found(derivative: bytes):
    changed = RGB.copy()
    changed[0, 0], changed[0, 1] = RGB[0, 1], RGB[0, 0]
    assert failing(source(), derivative.replace(RGB.tobytes(), changed.tobytes())) == {"same-pixels"}


def test_a_picture_that_would_be_shown_turned_is_found(tmp_path: Path):
    exif = Image.Exif()
    exif[274] = 6
    turned = saved(Image.fromarray(RGB), "PNG", exif=exif)
    upright = to_tiff(tmp_path, saved(Image.fromarray(RGB), "PNG")).derivative.read_bytes()
    assert "same-pixels" in failing(turned, upright)


def test_the_same_numbers_with_another_meaning_are_found(derivative: bytes):
    as_lab = retagged(derivative, 262, lambda tag: tag.overwrite(8))
    assert failing(source(), as_lab) == {"same-pixels"}


def test_a_changed_profile_is_found(derivative: bytes):
    profile = srgb_profile()
    changed = derivative.replace(profile, profile[:-1] + b"!")
    assert failing(source(), changed) == {"same-profile"}


def test_a_dropped_profile_is_found(tmp_path: Path, derivative: bytes):
    without = to_tiff(tmp_path, saved(Image.fromarray(RGB), "PNG", dpi=(300, 300))).derivative.read_bytes()
    found = proofs(source(), without)
    assert not found["same-profile"].holds
    assert "no profile in the derivative" in found["same-profile"].detail
    assert found["same-resolution"].holds
    assert failing(without, derivative) >= {"same-profile"}


def test_a_halved_resolution_is_found_with_the_figures(derivative: bytes):
    halved = retagged(derivative, 282, lambda tag: tag.overwrite((15000, 254)))
    found = proofs(source(), halved)["same-resolution"]
    assert not found.holds
    assert "300 x 300 dpi in the source" in found.detail.replace("299.999", "300")
    assert failing(source(), halved) == {"same-resolution"}


def test_a_resolution_within_a_thousandth_is_the_same(derivative: bytes):
    rounded = retagged(derivative, 282, lambda tag: tag.overwrite((11812, 100)))
    assert failing(source(), rounded) == set()


def test_a_changed_description_is_found(derivative: bytes):
    changed = derivative.replace(b"Sheet 12, north", b"Sheet 13, north")
    found = proofs(source(), changed)["same-embedded-metadata"]
    assert not found.holds
    assert "field 270 (main)" in found.detail
    assert failing(source(), changed) == {"same-embedded-metadata"}


def test_a_resolution_that_lost_its_unit_is_found(derivative: bytes):
    assert failing(source(), retagged(derivative, 296, lambda tag: tag.overwrite(1))) == {"same-resolution"}


def test_a_page_that_became_a_copy_of_another_is_found(derivative: bytes):
    copy = retagged(derivative, 254, lambda tag: tag.overwrite(1))
    assert {"same-pixels", "same-page-count"} <= failing(source(), copy)


def test_transparency_that_became_premultiplied_is_found(tmp_path: Path):
    see_through = saved(Image.fromarray(noise(64, 48, 4)), "PNG")
    made = to_tiff(tmp_path, see_through).derivative.read_bytes()
    assert failing(see_through, made) == set()
    assert failing(see_through, retagged(made, 338, lambda tag: tag.overwrite(1))) == {"same-pixels"}


def everything() -> bytes:
    """Return a JPEG with EXIF, GPS, XMP and IPTC."""
    exif = Image.Exif()
    exif[270], exif[305] = "Sheet 12", "scanner"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:20 10:11:12"
    exif.get_ifd(0x8825)[1] = "N"
    iptc = b"\x1c\x02\x05\x00\x08Sheet 12"
    resources = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + len(iptc).to_bytes(4) + iptc + b"\0"
    plain = saved(Image.fromarray(RGB), "JPEG", exif=exif, xmp=b"<x:xmpmeta>north</x:xmpmeta>")
    return with_segment(plain, 0xED, resources)


@pytest.mark.parametrize(
    ("found", "changed"),
    [
        (b"Sheet 12\0", b"Sheet 13\0"),
        (b"2026:11:20", b"2026:11:21"),
        (b"<x:xmpmeta>north", b"<x:xmpmeta>south"),
        (b"\x1c\x02\x05\x00\x08Sheet 12", b"\x1c\x02\x05\x00\x08Sheet 13"),
    ],
)
@pytest.mark.parametrize("convert", [to_tiff, to_jp2])
def test_one_letter_of_any_metadata_that_differs_is_found(
    tmp_path: Path, convert: Callable[..., Conversion], found: bytes, changed: bytes
):
    made = convert(tmp_path, everything()).derivative.read_bytes()
    assert failing(everything(), made) == set()
    assert found in made
    assert failing(everything(), made.replace(found, changed)) == {"same-embedded-metadata"}


@pytest.mark.parametrize("tag", [270, 305, 700, 33723, 34377, 34665, 34853])
def test_any_field_that_the_derivative_lacks_is_found(tmp_path: Path, tag: int):
    made = to_tiff(tmp_path, everything()).derivative.read_bytes()
    with tifffile.TiffFile(io.BytesIO(made)) as pages:
        at = pages.pages[0].tags[tag].offset
    # Renumbered, it is another field.
    without = made[:at] + (60000).to_bytes(2, "little") + made[at + 2 :]
    assert failing(everything(), without) == {"same-embedded-metadata"}


def test_a_lost_page_is_found_by_every_proof():
    def pages(count: int) -> bytes:
        sink = io.BytesIO()
        with tifffile.TiffWriter(sink) as target:
            for _ in range(count):
                target.write(RGB, photometric="rgb", metadata=None, contiguous=False)
        return sink.getvalue()

    assert failing(pages(3), pages(2)) == set(ALL_PROOFS)
    assert "3 pages in the source, 2 pages in" in proofs(pages(3), pages(2))["same-page-count"].detail


def test_a_derivative_that_does_not_decode_proves_nothing(derivative: bytes):
    cut = derivative[: len(derivative) - len(RGB.tobytes()) // 2]
    found = proofs(source(), cut)["same-pixels"]
    assert not found.holds
    assert "could not be compared" in found.detail


PICTURE = noise(200, 300, 3)
DECODED_ALL_THE_SAME = {
    "JPEG": saved(Image.fromarray(PICTURE), "JPEG"),
    "JPEG of inks": saved(Image.fromarray(noise(200, 300, 4), "CMYK"), "JPEG"),
    "TIFF with JPEG": tiff(PICTURE, photometric="ycbcr", compression="jpeg", rowsperstrip=200),
    "TIFF with JPEG of inks": tiff(
        noise(200, 300, 4), photometric="separated", compression="jpeg", rowsperstrip=200
    ),
}


@pytest.mark.parametrize("kind", DECODED_ALL_THE_SAME)
def test_a_picture_of_which_half_was_overwritten_is_not_proved_whatever_decoders_make_of_it(
    tmp_path: Path, kind: str
):
    sound = DECODED_ALL_THE_SAME[kind]
    assert to_tiff(tmp_path, sound).failed == []
    middle, end = len(sound) // 2, len(sound) - 2000
    damaged = to_tiff(tmp_path, sound[:middle] + bytes(end - middle) + sound[end:])
    assert damaged.failed == ["same-pixels"]
    assert "is missing or was overwritten" in damaged.made.proofs[0].detail


def test_a_jpeg_2000_that_lacks_a_tile_is_not_proved_though_it_decodes(tmp_path: Path):
    sound = saved(Image.fromarray(PICTURE), "JPEG2000", irreversible=False, no_jp2=True, tile_size=(64, 64))
    assert to_tiff(tmp_path, sound).failed == []
    last = sound.rindex(b"\xff\x90\0\x0a")
    with pytest.raises(UnacceptableContentError, match="1 of its 20 tiles are missing"):
        to_tiff(tmp_path, sound[:last] + sound[-2:])


def test_the_detail_gives_digests_that_anyone_can_compute(derivative: bytes):
    digest = hashlib.sha256(RGB.tobytes()).hexdigest()
    detail = proofs(source(), derivative)["same-pixels"].detail
    assert f"48 x 64 pixels, RGB, 8 bit, sha256 {digest} in the source, decoded by libpng" in detail
    assert f"{digest} in the derivative, decoded by libtiff" in detail


@pytest.mark.parametrize("convert", [to_tiff, to_jp2])
def test_what_encoded_a_derivative_does_not_decode_it_for_the_proof(
    tmp_path: Path, convert: Callable[..., Conversion]
):
    made = convert(tmp_path, source()).made
    assert made.decoder is not None
    assert made.encoder.name != made.decoder.name


def test_an_encoder_that_is_wrong_by_one_pixel_is_caught_by_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def wrong(raster: Raster, stream: BinaryIO, *, lzw: bool) -> str:
        name = real(raster, stream, lzw=lzw)
        at = stream.seek(-1, 2)
        last = stream.read(1)
        stream.seek(at)
        stream.write(bytes([last[0] ^ 0x80]))
        stream.flush()
        return name

    real = jobs.write_tiff
    monkeypatch.setattr(jobs, "write_tiff", wrong)
    assert to_tiff(tmp_path, saved(Image.fromarray(np.zeros((9, 9), np.uint8)), "PNG")).failed == [
        "same-pixels"
    ]


def test_a_jp2_that_lacks_its_last_bytes_is_refused_by_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def cut(raster: Raster, stream: BinaryIO) -> Agent:
        encoder = real(raster, stream)
        stream.truncate(stream.seek(0, 2) - 2)
        return encoder

    real = jobs.write_lossless_jp2
    monkeypatch.setattr(jobs, "write_lossless_jp2", cut)
    with pytest.raises(UnacceptableContentError, match="what was written of it"):
        to_jp2(tmp_path, source())
