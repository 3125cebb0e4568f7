"""What a container holds beside its pixels is carried, or the proof names it: nothing is passed over."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.containers import (
    PICTURE,
    bmp_v5,
    cut_profile,
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
from support.rasters import Conversion, converted, noise, saved, srgb_profile, tiff, to_jp2, to_tiff

from preservation.errors import UnacceptableContentError
from preservation.rasters.inventory.jpeg import inventory_of_jpeg


def accepting(folder: Path, source: bytes, *losses: str, migration: str = "image-to-tiff") -> Conversion:
    options = {"compression": "none"} if migration == "image-to-tiff" else {}
    return converted(folder, source, migration, accept_loss=losses, **options)


MPF = b"MPF\0II*\0" + struct.pack("<IH", 8, 2) + struct.pack("<HHII", 0xB001, 4, 1, 2)
MPF += struct.pack("<HHIII", 0xB002, 7, 32, 38, 0) + bytes(32)


def with_longer_segment(content: bytes, marker: int, more: bytes) -> bytes:
    """Let the first segment of that marker be longer by ``more``."""
    at = content.index(bytes([0xFF, marker])) + 2
    length = int.from_bytes(content[at : at + 2])
    behind = at + length
    longer = (length + len(more)).to_bytes(2)
    return content[:at] + longer + content[at + 2 : behind] + more + content[behind:]


def with_exif(entry: tuple[int, int, int, int], behind: bytes = b"") -> bytes:
    """Put EXIF of one field into a JPEG, and bytes behind its directory."""
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, *entry, 0)
    return with_segment(jpeg(), 0xE1, b"Exif\0\0" + block + behind)


def with_codestream(found: bytes, put: bytes) -> bytes:
    """Replace a marker in the codestream of a JP2, whose box goes to the end of the file."""
    head, _, codestream = jp2().partition(b"jp2c")
    before, marker, after = codestream.rpartition(found)
    return head[:-4] + bytes(4) + b"jp2c" + before + put + after[len(marker) - len(found) :]


def bmp_of(depth: int, masks: tuple[int, ...]) -> bytes:
    """Draw a bitmap whose pixels have numbers in all of their bits."""
    pixels = noise(24, 32 * depth // 8).tobytes()
    offset = 54 + 4 * len(masks)
    head = struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset)
    head += struct.pack("<IiiHHIIiiII", 40, 32, 24, 1, depth, 3 if masks else 0, len(pixels), 0, 0, 0, 0)
    return head + struct.pack(f"<{len(masks)}I", *masks) + pixels


def of_longer_strip(segment: bytes) -> bytes:
    """Put a segment into the one JPEG strip of a TIFF, which is the last thing in it."""
    plain = tiff(noise(24, 32), compression="jpeg", photometric="minisblack")
    with tifffile.TiffFile(io.BytesIO(plain)) as pages:
        page = pages.pages[0]
        at, size = page.dataoffsets[0], page.databytecounts[0]
        field = page.tags[279].valueoffset
    assert at + size == len(plain)
    longer = plain[: at + 2] + segment + plain[at + 2 :]
    return longer[:field] + struct.pack("<I", size + len(segment)) + longer[field + 4 :]


LEFT_BEHIND = {
    "png:tEXt": with_chunk(png(), b"tEXt", b"Author\0A. Surveyor"),
    "png:iTXt": with_chunk(png(), b"iTXt", b"Title\0\0\0\0\0Sheet"),
    "png:tIME": with_chunk(png(), b"tIME", bytes(7)),
    "png:sBIT": with_chunk(png(), b"sBIT", b"\5\5\5"),
    "png:vpAg": with_chunk(png(), b"vpAg", bytes(9)),
    "png:PLTE": with_chunk(png(), b"PLTE", bytes(range(30))),
    "png:trailer": png() + b"more",
    "jpeg:COM": with_segment(jpeg(), 0xFE, b"by the scanner"),
    "jpeg:APP12.Ducky": with_segment(jpeg(), 0xEC, b"Ducky\0\1"),
    "jpeg:APP11.JP": with_segment(jpeg(), 0xEB, b"JP\0\1\0\0\0\1"),
    "jpeg:APP1.FLIR": with_segment(jpeg(), 0xE1, b"FLIR\0\1\0\0"),
    "jpeg:APP0.JFXX": with_segment(jpeg(), 0xE0, b"JFXX\0\x13\1\1\0\0\0"),
    "jpeg:APP1.XMP-extension": with_segment(jpeg(), 0xE1, b"http://ns.adobe.com/xmp/extension/\0more"),
    "jpeg:APP0.thumbnail": with_longer_segment(jpeg(), 0xE0, b"behind it"),
    "jpeg:APP14.Adobe": with_segment(jpeg(), 0xEE, b"Adobe\0\x64\0\0\0\0\1behind it"),
    "exif:330": with_exif((330, 4, 1, 8)),
    "exif:513": with_exif((513, 4, 1, 8)),
    "exif:other-bytes": with_exif((271, 2, 3, 0x6261), behind=b"notes that no field points at"),
    "jpeg:trailer": jpeg() + b"a motion clip",
    "jp2:xml": with_box(jp2(), b"xml ", b"<dc/>"),
    "jp2:uuid": with_box(jp2(), b"uuid", bytes(20)),
    "jp2:trailer": jp2() + b"more",
    "jp2:COM": with_codestream(b"\xff\x90", b"\xff\x64\0\x0b\0\1by hand\xff\x90"),
    "jp2:CRG": with_codestream(b"\xff\x90", b"\xff\x63\0\x0e" + bytes(12) + b"\xff\x90"),
    "jp2:codestream-trailer": with_codestream(b"\xff\xd9", b"\xff\xd9hidden"),
    "gif:comment": gif(gif_extension(0xFE, b"made with a program")),
    "gif:application": gif(gif_extension(0xFF, b"SOMETHING10", b"x")),
    "gif:plain-text": gif(gif_extension(0x01, bytes(12), b"x")),
    "webp:XXXX": webp_with(b"XXXX", b"odd"),
    "bmp:other-bytes": saved(PICTURE, "BMP") + b"hidden",
    "bmp:unused-bits": bmp_of(32, (0xFF0000, 0xFF00, 0xFF)),
    "tiff:320": tiff_with((320, 3, 4, bytes(range(8)), False)),
    "tiff:347": tiff_with((347, 7, 5, b"table", False)),
    "tiff:513": tiff_with((513, 4, 1, b"\x08\0\0\0", False)),
    # A program that shortened the description left the rest of it where it was.
    "tiff:other-bytes": tiff_with((270, 2, 0, "a description that was longer once", False)).replace(
        struct.pack("<HHI", 270, 2, 35), struct.pack("<HHI", 270, 2, 14)
    ),
    "tiff:JPEG.COM": of_longer_strip(b"\xff\xfe\0\x0bby hand\0\0"),
    "tiff:JPEG.APP1": of_longer_strip(b"\xff\xe1\0\x08Exif\0\0"),
    "tiff:64999": tiff_with((64999, 7, 5, b"offs!", False)),
    "tiff:trailer": tiff(noise(24, 32, 3), photometric="rgb") + b"<html>",
    "tiff:263": tiff_with((263, 3, 1, b"\2\0", False)),
    "other:ppm": saved(PICTURE, "PPM"),
}


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_is_left_behind_is_named_and_only_an_accepted_loss_lets_the_proof_hold(
    tmp_path: Path, name: str
):
    refused = to_tiff(tmp_path, LEFT_BEHIND[name])
    assert refused.failed == ["same-embedded-metadata"]
    assert name in refused.made.proofs[-1].detail
    assert any(one.startswith(name) for one in refused.made.left_behind)
    accepted = accepting(tmp_path, LEFT_BEHIND[name], name)
    assert accepted.failed == []
    assert accepted.made.left_behind == refused.made.left_behind
    assert accepting(tmp_path, LEFT_BEHIND[name], "png:other").failed == ["same-embedded-metadata"]


OF_COLOURS = {
    "png:gAMA": with_chunk(png(), b"gAMA", struct.pack(">I", 100000)),
    "png:cHRM": with_chunk(png(), b"cHRM", bytes(32)),
    "png:sRGB": with_chunk(png(), b"sRGB", b"\0"),
    "png:iCCP": with_chunk(png(), b"iCCP", b"scanner\0\0" + b"no zlib stream"),
    "bmp:calibration": bmp_v5(bytes(4), calibration=b"\1" * 48),
    "bmp:linked-profile": bmp_v5(b"KNIL", b"C:\\profile.icc\0"),
    "bmp:profile": bmp_v5(b"DEBM", cut_profile()),
    "tiff:34675": tiff(noise(24, 32, 3), photometric="rgb", iccprofile=cut_profile()),
    "jp2:colr": with_header_box(jp2(), b"colr", b"\2\0\0" + srgb_profile()),
    "jpeg:APP2.ICC_PROFILE": with_segment(jpeg(), 0xE2, b"ICC_PROFILE\0\1\3" + srgb_profile()),
}


@pytest.mark.parametrize("name", OF_COLOURS)
def test_what_says_which_colours_are_meant_is_no_same_profile_where_it_is_left_behind(
    tmp_path: Path, name: str
):
    refused = to_tiff(tmp_path, OF_COLOURS[name])
    assert refused.failed == ["same-profile", "same-embedded-metadata"]
    assert name in refused.made.proofs[1].detail
    accepted = accepting(tmp_path, OF_COLOURS[name], name)
    assert accepted.failed == []
    assert b"acsp" not in accepted.derivative.read_bytes()


def test_the_profile_of_a_windows_5_bitmap_is_carried_with_its_resolution(tmp_path: Path):
    made = to_tiff(tmp_path, bmp_v5(b"DEBM", srgb_profile()))
    assert made.failed == []
    assert made.made.left_behind == ()
    with tifffile.TiffFile(made.derivative) as derivative:
        assert derivative.pages[0].iccprofile == srgb_profile()
        np.testing.assert_array_equal(derivative.pages[0].asarray(), np.asarray(PICTURE))


@pytest.mark.parametrize("convert", [to_tiff, to_jp2])
def test_photoshop_resources_of_a_jpeg_are_carried_with_paths_and_rights(
    tmp_path: Path, convert: Callable[..., Conversion]
):
    iptc = b"\x1c\x02\x78\0\x09Mill race"
    block = (
        b"8BIM\x04\x04\0\0"
        + struct.pack(">I", len(iptc))
        + iptc
        + b"8BIM\x07\xd0\0\0"
        + struct.pack(">I", 26)
    )
    block += bytes(26) + b"8BIM\x04\x0a\0\0\0\0\0\1\1\0"
    made = convert(tmp_path, with_segment(jpeg(), 0xED, b"Photoshop 3.0\0" + block))
    assert made.failed == []
    assert block in made.derivative.read_bytes()


def test_a_further_picture_behind_a_jpeg_is_no_page_and_no_proof_passes_over_it(tmp_path: Path):
    source = with_segment(jpeg(), 0xE2, MPF) + jpeg()
    made = to_tiff(tmp_path, source)
    assert {"same-pixels", "same-page-count", "same-embedded-metadata"} <= set(made.failed)
    assert accepting(tmp_path, source, "jpeg:APP2.MPF", "jpeg:trailer").failed == []


def test_a_jpeg_of_bytes_that_fill_is_walked_in_linear_time():
    scan = jpeg()[: jpeg().index(b"\xff\xda") + 14]
    found = inventory_of_jpeg(io.BytesIO(scan + b"\xff" * 2_000_000 + b"\0")).companions()
    assert [loss.name for loss in found.embedded.losses] == ["jpeg:EOI"]


def exif_with_note(note: bytes) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = note
    return saved(PICTURE, "JPEG", exif=exif)


def test_a_maker_note_may_hold_offsets_and_so_is_not_called_carried(tmp_path: Path):
    made = to_tiff(tmp_path, exif_with_note(b"Panasonic\0\0\0\1\0Q\0\2\0(\0\0\0\x80\0\0\0"))
    assert made.failed == ["same-embedded-metadata"]
    assert "exif:MakerNote" in made.made.proofs[-1].detail
    assert to_tiff(tmp_path, exif_with_note(b"FUJIFILM\x0c\0\0\0\0\0")).failed == []


def test_the_thumbnail_of_exif_is_named(tmp_path: Path):
    block = struct.pack("<4sIHI", b"II*\0", 8, 0, 14) + struct.pack("<HHHIII", 1, 259, 3, 1, 6, 0)
    made = to_tiff(tmp_path, with_segment(jpeg(), 0xE1, b"Exif\0\0" + block))
    assert made.failed == ["same-embedded-metadata"]
    assert "exif:thumbnail" in made.made.proofs[-1].detail


def test_two_resolutions_that_disagree_are_no_same_resolution(tmp_path: Path):
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 400.0, 400.0, 2
    source = with_segment(saved(PICTURE, "JPEG", dpi=(72, 72)), 0xE1, b"Exif\0\0" + exif.tobytes()[6:])
    made = to_tiff(tmp_path, source)
    assert made.failed == ["same-resolution"]
    assert "72 x 72 dpi by JFIF and 400 x 400 dpi by EXIF" in made.made.proofs[2].detail
    exif[282], exif[283] = 72.0, 72.0
    agreed = with_segment(saved(PICTURE, "JPEG", dpi=(72, 72)), 0xE1, b"Exif\0\0" + exif.tobytes()[6:])
    assert to_tiff(tmp_path, agreed).failed == []


def test_photoshop_resources_of_a_tiff_may_contradict_its_fields(tmp_path: Path):
    def resources(dots: int) -> bytes:
        return b"8BIM\x03\xed\0\0" + struct.pack(">IIHHIHH", 16, dots << 16, 1, 1, dots << 16, 1, 1)

    for stated, failed in ((300, []), (72, ["same-resolution"])):
        tags = (34377, 7, len(resources(stated)), resources(stated), False)
        source = tiff_with(tags, resolution=(300, 300), resolutionunit=2)
        assert to_tiff(tmp_path, source).failed == failed


def test_a_resolution_without_a_unit_is_carried_by_tiff_and_refused_for_jp2(tmp_path: Path):
    source = tiff(noise(24, 32, 3), photometric="rgb", resolution=(300, 300), resolutionunit=1)
    made = to_tiff(tmp_path, source)
    assert made.failed == []
    with tifffile.TiffFile(made.derivative) as derivative:
        tags = derivative.pages[0].tags
        assert (tags[282].value, tags[296].value) == ((300, 1), 1)
    with pytest.raises(UnacceptableContentError, match="no unit"):
        to_jp2(tmp_path, source)


@pytest.mark.parametrize("kind", [b"resc", b"resd"])
def test_either_resolution_of_a_jp2_is_carried(tmp_path: Path, kind: bytes):
    figures = struct.pack(">HHHHbb", 11811, 1, 11811, 1, 0, 0)
    source = with_header_box(jp2(), b"res ", struct.pack(">I4s", 18, kind) + figures)
    made = to_tiff(tmp_path, source)
    assert made.failed == []
    with tifffile.TiffFile(made.derivative) as derivative:
        across, by = derivative.pages[0].tags[282].value
        assert across / by * 2.54 == pytest.approx(300, rel=0.001)


def test_channels_of_a_jp2_in_another_order_are_put_in_order(tmp_path: Path):
    order = struct.pack(">H9H", 3, 0, 0, 3, 1, 0, 2, 2, 0, 1)
    turned = saved(Image.fromarray(np.asarray(PICTURE)[..., ::-1]), "JPEG2000", irreversible=False)
    made = to_tiff(tmp_path, with_header_box(turned, b"cdef", order))
    assert made.failed == []
    with tifffile.TiffFile(made.derivative) as derivative:
        np.testing.assert_array_equal(derivative.pages[0].asarray(), np.asarray(PICTURE))


@pytest.mark.parametrize("masks", [(), (0x7C00, 0x3E0, 0x1F)])
def test_the_bit_of_a_16_bit_bitmap_that_is_no_colour_is_named(tmp_path: Path, masks: tuple[int, ...]):
    assert any("bmp:unused-bits" in one for one in to_tiff(tmp_path, bmp_of(16, masks)).made.left_behind)
    of_six_greens = to_tiff(tmp_path, bmp_of(16, (0xF800, 0x7E0, 0x1F)))
    assert of_six_greens.made.left_behind == ()


def bmp_of_32_bits(fourth: int) -> bytes:
    plain = saved(PICTURE, "BMP")
    pixels = np.full((24, 32, 4), fourth, np.uint8)
    pixels[..., :3] = np.asarray(PICTURE)[::-1, :, ::-1]
    pixels[0, 0, 3] = 0 if fourth == 7 else fourth
    header = plain[:28] + struct.pack("<HII", 32, 0, pixels.nbytes) + plain[38:54]
    return header[:2] + struct.pack("<I", 54 + pixels.nbytes) + header[6:] + pixels.tobytes()


@pytest.mark.parametrize(("fourth", "failed"), [(0, []), (255, []), (7, ["same-embedded-metadata"])])
def test_what_lies_in_the_unused_byte_of_a_pixel_is_named(tmp_path: Path, fourth: int, failed: list[str]):
    made = to_tiff(tmp_path, bmp_of_32_bits(fourth))
    assert made.failed == failed
    assert any("bmp:unused-bits" in one for one in made.made.left_behind) == bool(failed)


def four_channels(*channels: tuple[int, int, int]) -> bytes:
    picture = Image.fromarray(noise(24, 32, 4))
    plain = saved(picture, "JPEG2000", irreversible=False)
    found = plain.replace(b"cdef", b"free")
    definitions = struct.pack(">H", 4) + b"".join(struct.pack(">3H", *one) for one in channels)
    return with_header_box(found, b"cdef", definitions) if channels else found


@pytest.mark.parametrize(
    ("channels", "extra"),
    [
        (((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0)), 2),
        (((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0)), 1),
        (((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 65535, 65535)), 0),
        ((), 0),
    ],
)
def test_what_a_fourth_channel_of_a_jp2_means_is_what_its_definition_says(
    tmp_path: Path, channels: tuple[tuple[int, int, int], ...], extra: int
):
    made = to_tiff(tmp_path, four_channels(*channels))
    assert made.failed == []
    with tifffile.TiffFile(made.derivative) as derivative:
        assert derivative.pages[0].extrasamples == (extra,)
        np.testing.assert_array_equal(derivative.pages[0].asarray(), noise(24, 32, 4))


def test_transparency_before_the_colours_is_put_behind_them(tmp_path: Path):
    source = four_channels((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3))
    made = to_tiff(tmp_path, source)
    assert made.failed == []
    with tifffile.TiffFile(made.derivative) as derivative:
        np.testing.assert_array_equal(derivative.pages[0].asarray(), noise(24, 32, 4)[..., [1, 2, 3, 0]])


@pytest.mark.parametrize("channels", [((0, 0, 1), (1, 0, 1)), ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 2))])
def test_channels_that_do_not_fit_are_refused(tmp_path: Path, channels: tuple[tuple[int, int, int], ...]):
    with pytest.raises(UnacceptableContentError, match=r"channel definitions|single colours"):
        to_tiff(tmp_path, four_channels(*channels))


def test_a_jpx_of_two_pictures_is_refused(tmp_path: Path):
    source = jp2()
    codestream = source[source.index(b"jp2c") - 4 :]
    if codestream[:4] == bytes(4):
        codestream = struct.pack(">I", len(codestream)) + codestream[4:]
    whole = source[: source.index(b"jp2c") - 4] + codestream + codestream
    with pytest.raises(UnacceptableContentError, match="2 pictures"):
        to_tiff(tmp_path, whole)


def test_a_fax_page_that_does_not_say_so_is_black_on_white(tmp_path: Path):
    page = np.ones((40, 64), np.bool_)
    page[10:20, 5:60] = False
    made = saved(Image.fromarray(page), "TIFF", compression="group4", tiffinfo={262: 0})
    # Renamed, the field that would say so is one that nobody knows.
    nameless = made.replace(struct.pack("<HHI", 262, 3, 1), struct.pack("<HHI", 261, 3, 1))
    assert nameless != made
    shown = saved(Image.fromarray(page), "PNG")
    conversion = accepting(tmp_path, nameless, "tiff:261")
    assert conversion.failed == []
    with Image.open(conversion.derivative) as ours, Image.open(io.BytesIO(shown)) as right:
        np.testing.assert_array_equal(np.asarray(ours.convert("L")), np.asarray(right.convert("L")))


def pages(*kinds: int) -> bytes:
    sink = io.BytesIO()
    with tifffile.TiffWriter(sink) as target:
        for kind in kinds:
            size = (12, 16, 3) if kind else (24, 32, 3)
            target.write(noise(*size), photometric="rgb", subfiletype=kind, metadata=None, contiguous=False)
    return sink.getvalue()


def test_a_reduced_copy_stays_one_in_a_tiff_and_is_no_page(tmp_path: Path):
    made = to_tiff(tmp_path, pages(0, 1))
    assert made.failed == []
    assert "1 pages and 1 reduced copies in the derivative" in made.made.proofs[3].detail
    with tifffile.TiffFile(made.derivative) as derivative:
        assert [page.subfiletype for page in derivative.pages] == [0, 1]


@pytest.mark.parametrize("kinds", [(0, 1), (1, 0)])
def test_a_jp2_is_made_of_the_page_and_not_of_its_copy_where_that_loss_is_accepted(
    tmp_path: Path, kinds: tuple[int, int]
):
    with pytest.raises(UnacceptableContentError, match="holds one page"):
        to_jp2(tmp_path, pages(*kinds))
    made = accepting(tmp_path, pages(*kinds), "tiff:reduced-copy", migration="image-to-jp2")
    assert made.failed == []
    assert any(one.startswith("tiff:reduced-copy") for one in made.made.left_behind)
    with Image.open(made.derivative) as derivative:
        assert derivative.size == (32, 24)


def test_what_is_called_a_copy_and_is_no_smaller_is_not_left_behind(tmp_path: Path):
    sink = io.BytesIO()
    with tifffile.TiffWriter(sink) as target:
        for kind in (0, 1):
            target.write(
                noise(24, 32, 3), photometric="rgb", subfiletype=kind, metadata=None, contiguous=False
            )
    with pytest.raises(UnacceptableContentError, match="holds one page"):
        accepting(tmp_path, sink.getvalue(), "tiff:reduced-copy", migration="image-to-jp2")


def test_an_access_copy_shows_the_picture_and_not_the_thumbnail_before_it(tmp_path: Path):
    made = converted(tmp_path, pages(1, 0), "image-to-jpeg", quality=90, prove=())
    with Image.open(made.derivative) as shown:
        assert shown.size == (32, 24)


def test_what_is_compressed_in_a_png_is_unpacked_within_bounds(tmp_path: Path):
    bomb = zlib.compress(bytes(300 << 20), 9)
    with pytest.raises(UnacceptableContentError):
        to_tiff(tmp_path, with_chunk(png(), b"iCCP", b"bomb\0\0" + bomb))


def test_a_derivative_has_the_facts_of_an_original(tmp_path: Path):
    facts = to_jp2(tmp_path, png(dpi=(300, 300))).made.facts
    assert facts is not None
    assert (facts.width, facts.height, facts.mode, facts.bits) == (32, 24, "RGB", 8)
    assert facts.compression == "JPEG 2000, reversible"
