"""Damage that decoders pass over, and oddities that are none: each is told for what it is."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.images import drawn, encoded, samples, tiff_of
from support.rasters import srgb_profile
from support.screenings import codes, screened

from preservation.model.issues import IssueCode, Severity
from preservation.model.screening import ScreenedFile
from preservation.policy.load import parse
from preservation.policy.schema import Policy
from preservation.rasters import jp2_structure
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

DAMAGED, NO_DECODER, PROFILE, IMPERFECT, REMARK = map(
    IssueCode, ("SCR-020", "SCR-021", "SCR-022", "SCR-023", "SCR-024")
)
REJECTED = {DAMAGED: Severity.ERROR}


def policy_with(keys: str = "") -> Policy:
    text = f"""
policy = "test"
revision = 1
[[screen]]
check = "irregular-entries"
outcome = "reject"
because = "It says so here."
[[screen]]
check = "decodable-images"
outcome = "reject"
because = "It says so here."
{keys}
[otherwise]
action = "retain"
because = "Kept as received."
[replication]
copies = 1
sites = 1
"""
    return parse(text.encode(), "test.toml")


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 2, JOB_MODULES) as pool:
        yield pool


def examined(
    tmp_path: Path, workers: CagedWorkers, files: dict[str, bytes], keys: str = ""
) -> dict[str, ScreenedFile]:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content)
    results = screened(root, workers, policy=policy_with(keys))
    return {str(path): result for path, result in results.items()}


def zeroed(content: bytes, *, at: float = 0.5, count: int = 512) -> bytes:
    start = int(len(content) * at)
    return content[:start] + bytes(count) + content[start + count :]


def in_tiff(page: np.ndarray, **options: object) -> bytes:
    return tiff_of(page, **options)


GREY = np.asarray(drawn().convert("L"))
LINES = np.kron(np.random.default_rng(5).integers(0, 2, (150, 200), dtype="u1"), np.ones((8, 8), "u1"))
"""A page of squares, black on white, of 1600 by 1200 pixels."""
FAX = Image.fromarray(LINES * 255).convert("1")


def test_image_data_that_was_overwritten_is_found_where_the_library_goes_on(
    tmp_path: Path, workers: CagedWorkers
):
    big = drawn().resize((1600, 1200))
    files = {
        "baseline.jpg": encoded(big, "JPEG"),
        "progressive.jpg": encoded(big, "JPEG", progressive=True),
        "g4.tif": encoded(FAX, "TIFF", compression="group4"),
        "g3.tif": encoded(FAX, "TIFF", compression="group3"),
        "jpeg.tif": encoded(big, "TIFF", compression="jpeg"),
        "packbits.tif": encoded(big, "TIFF", compression="packbits"),
        "lzw.tif": encoded(big, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encoded(big, "TIFF", compression="tiff_adobe_deflate"),
    }
    assert {name: codes(result) for name, result in examined(tmp_path, workers, files).items()} == {
        name: {} for name in files
    }
    damaged = examined(tmp_path, workers, {name: zeroed(content) for name, content in files.items()})
    assert {name: codes(result) for name, result in damaged.items()} == dict.fromkeys(files, REJECTED)


_WITH_LITTLE_MEMORY = """
import resource, sys
from preservation.screening import images

held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (20 << 20),) * 2)
try:
    with open(sys.argv[2], "rb") as image:
        print(images.examine({"family": sys.argv[1], "memory": 1 << 30}, [image], []))
except MemoryError:
    print("too little memory")
"""


@pytest.mark.parametrize(("family", "form"), [("JPEG 2000", "JPEG2000"), ("TIFF", "TIFF"), ("WebP", "WEBP")])
def test_a_sound_image_for_which_there_is_too_little_memory_is_not_called_damaged(
    tmp_path: Path, family: str, form: str
):
    image = tmp_path / "image"
    image.write_bytes(encoded(Image.new("RGB", (3000, 2000)), form))
    command = [sys.executable, "-c", _WITH_LITTLE_MEMORY, family, str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "too little memory\n"


def test_a_jpeg_that_becomes_another_kind_in_the_midst_of_its_data_is_damaged(
    tmp_path: Path, workers: CagedWorkers
):
    whole = encoded(drawn(), "JPEG")
    middle = len(whole) // 2
    damaged = whole[:middle] + b"\xff\xce" + whole[middle + 2 :]
    assert codes(examined(tmp_path, workers, {"a.jpg": damaged})["a.jpg"]) == REJECTED


def test_a_packet_of_a_jpeg_2000_that_lost_its_marker_is_missed_unless_it_is_the_last():
    def tile_part(tile: int, *packets: int) -> bytes:
        head = struct.pack(">HHHIBB", 0xFF90, 10, tile, 0, 0, 1) + b"\xff\x93"
        return head + b"".join(struct.pack(">HHH", 0xFF91, 4, number) + b"data" for number in packets)

    def lost(*parts: bytes) -> bool:
        content = b"".join(parts)
        return jp2_structure.lost_a_packet(content, 0, len(content))

    assert not lost(tile_part(0, 0, 1), tile_part(1, 0, 1, 2), tile_part(0, 2))
    assert lost(tile_part(0, 0, 2))
    assert lost(tile_part(0, 0, 1), tile_part(1, 0, 1), tile_part(0, 3))


def test_a_checksum_that_does_not_match_is_found_in_a_deflated_tiff(tmp_path: Path, workers: CagedWorkers):
    content = bytearray(in_tiff(GREY, compression="deflate", rowsperstrip=len(GREY)))
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        end = tiff.pages.first.dataoffsets[0] + tiff.pages.first.databytecounts[0]
    content[end - 1] ^= 1
    assert codes(examined(tmp_path, workers, {"a.tif": bytes(content)})["a.tif"]) == REJECTED


def test_jpegs_of_rare_kinds_are_not_called_damaged(tmp_path: Path, workers: CagedWorkers):
    deep = (samples(64, 96) >> 4).astype("u2")
    files = {
        "twelve.jpg": imagecodecs.jpeg_encode(deep, bitspersample=12),
        "lossless.jpg": imagecodecs.jpeg_encode(GREY, lossless=True),
        "cmyk.jpg": encoded(drawn().convert("CMYK"), "JPEG"),
        "grey.jpg": encoded(drawn().convert("L"), "JPEG"),
        "restarts.jpg": encoded(drawn(), "JPEG", restart_marker_rows=1),
    }
    results = examined(tmp_path, workers, files)
    assert {name: codes(result) for name, result in results.items()} == {name: {} for name in files}
    twelve = results["twelve.jpg"].image
    assert twelve
    assert (twelve.width, twelve.height, twelve.bits) == (96, 64, 12)


def test_a_twelve_bit_jpeg_that_is_cut_off_is_damaged(tmp_path: Path, workers: CagedWorkers):
    whole = imagecodecs.jpeg_encode((samples(64, 96) >> 4).astype("u2"), bitspersample=12)
    cut = examined(tmp_path, workers, {"a.jpg": whole[: len(whole) // 2]})["a.jpg"]
    assert codes(cut) == REJECTED


def test_damage_behind_the_first_page_is_found_and_weighed_by_itself(tmp_path: Path, workers: CagedWorkers):
    pages = encoded(FAX, "TIFF", compression="group4", save_all=True, append_images=[FAX, FAX])
    files = {"pages.tif": zeroed(pages, at=0.5)}
    assert codes(examined(tmp_path, workers, files)["pages.tif"]) == REJECTED
    result = examined(tmp_path, workers, files, keys='later = "warn"')["pages.tif"]
    assert codes(result) == {DAMAGED: Severity.WARNING}
    assert "picture 2" in result.issues[0].message


def test_a_picture_below_a_page_is_looked_at_to_its_end(tmp_path: Path, workers: CagedWorkers):
    for compression in (None, "lzw", "deflate", "jpeg"):
        sink = io.BytesIO()
        with tifffile.TiffWriter(sink) as tiff:
            tiff.write(GREY[::10, ::10], subifds=1, subfiletype=1)
            tiff.write(GREY, compression=compression, photometric="minisblack")
        sound = sink.getvalue()
        with tifffile.TiffFile(io.BytesIO(sound)) as read:
            below = read.pages.first.pages[0].aspage()
            at, size = below.dataoffsets[0], below.databytecounts[0]
        cut = sound[: at + size // 2]
        if read.pages.first.offset > at:
            cut = sound[: at + size // 2] + bytes(len(sound) - at - size // 2)
        results = examined(tmp_path, workers, {"sound.tif": sound, "cut.tif": cut})
        assert codes(results["sound.tif"]) == {}
        assert DAMAGED in codes(results["cut.tif"])


def stereo_pair() -> bytes:
    return encoded(drawn(), "MPO", save_all=True, append_images=[drawn().rotate(180)])


def test_the_second_picture_of_a_pair_is_decoded_too(tmp_path: Path, workers: CagedWorkers):
    whole = stereo_pair()
    files = {
        "sound.jpg": whole,
        "zeroed.jpg": zeroed(whole, at=0.75),
        "cut.jpg": whole[: len(whole) * 3 // 4],
    }
    results = examined(tmp_path, workers, files, keys='later = "warn"')
    assert codes(results["sound.jpg"]) == {}
    assert codes(results["zeroed.jpg"]) == {DAMAGED: Severity.WARNING}
    assert codes(results["cut.jpg"]) == {DAMAGED: Severity.WARNING}
    sound = results["sound.jpg"].image
    assert sound
    assert sound.frames == 2


def test_a_film_behind_a_photograph_is_told_and_is_no_fault(tmp_path: Path, workers: CagedWorkers):
    film = struct.pack(">I4s4sI", 24, b"ftyp", b"mp42", 0) + bytes(5000)
    result = examined(tmp_path, workers, {"a.jpg": encoded(drawn(), "JPEG") + film})["a.jpg"]
    assert codes(result) == {REMARK: Severity.INFO}
    assert "5,016 bytes" in result.issues[0].message
    assert "film" in result.issues[0].message


def with_chunk(png: bytes, name: bytes, body: bytes) -> bytes:
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return png[:33] + chunk + png[33:]


def v5_bitmap(profile: bytes, stated: int) -> bytes:
    plain = encoded(drawn(), "BMP")
    pixels = plain[54:]
    header = plain[14:54][4:].ljust(120, b"\0")
    header = bytearray(struct.pack("<I", 124) + header)
    header[56:60] = b"DEBM"
    header[112:120] = struct.pack("<II", 124 + len(pixels), stated)
    at = 14 + 124
    return b"BM" + struct.pack("<IHHI", at + len(pixels) + len(profile), 0, 0, at) + header + pixels + profile


def test_a_damaged_profile_is_told_whatever_holds_it(tmp_path: Path, workers: CagedWorkers):
    profile = srgb_profile()
    cut = profile[:400]
    jpeg = encoded(drawn(), "JPEG", icc_profile=bytes(range(256)) * 600)
    part = jpeg.index(b"ICC_PROFILE\0\2\3") - 4
    length = int.from_bytes(jpeg[part + 2 : part + 4]) + 2
    files = {
        "cut.tif": encoded(drawn(), "TIFF", icc_profile=cut),
        "garbage.png": with_chunk(encoded(drawn(), "PNG"), b"iCCP", b"icc\0\0" + bytes(range(255)) * 2),
        "cut.png": encoded(drawn(), "PNG", icc_profile=cut),
        "part.jpg": jpeg[:part] + jpeg[part + length :],
        "cut.jpg": encoded(drawn(), "JPEG", icc_profile=cut),
        "cut.webp": encoded(drawn(), "WEBP", icc_profile=cut),
        "cut.bmp": v5_bitmap(cut, len(profile)),
    }
    results = examined(tmp_path, workers, files)
    assert {name: codes(result) for name, result in results.items()} == {
        name: {PROFILE: Severity.WARNING} for name in files
    }
    results = examined(tmp_path, workers, files, keys='profile = "reject"')
    assert {severity for result in results.values() for severity in codes(result).values()} == {
        Severity.ERROR
    }


def test_a_whole_profile_is_not_called_damaged(tmp_path: Path, workers: CagedWorkers):
    profile = srgb_profile()
    files = {
        f"a.{form.lower()}": encoded(drawn(), form, icc_profile=profile)
        for form in ("TIFF", "PNG", "JPEG", "WEBP")
    } | {"a.bmp": v5_bitmap(profile, len(profile))}
    results = examined(tmp_path, workers, files)
    assert {name: codes(result) for name, result in results.items()} == {name: {} for name in files}


def test_pixels_without_a_colour_are_told(tmp_path: Path, workers: CagedWorkers):
    picture = Image.fromarray(np.arange(256, dtype="u1").reshape(16, 16), "P")
    picture.putpalette(bytes(range(256)) * 3)
    sound = Image.fromarray(np.arange(256, dtype="u1").reshape(16, 16) % 16, "P")
    sound.putpalette(bytes(range(48)))
    results = examined(
        tmp_path, workers, {"a.png": short_palette(encoded(picture, "PNG")), "b.png": encoded(sound, "PNG")}
    )
    assert codes(results["a.png"]) == {IMPERFECT: Severity.WARNING}
    assert codes(results["b.png"]) == {}


def short_palette(png: bytes) -> bytes:
    at = png.index(b"PLTE")
    length = int.from_bytes(png[at - 4 : at])
    body = png[at + 4 : at + 4 + length][:48]
    chunk = struct.pack(">I", len(body)) + b"PLTE" + body + struct.pack(">I", zlib.crc32(b"PLTE" + body))
    return png[: at - 4] + chunk + png[at + 8 + length :]


def test_a_gif_without_a_picture_and_a_bitmap_of_a_rare_kind_are_not_called_damaged(
    tmp_path: Path, workers: CagedWorkers
):
    empty = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + bytes(6) + b"!\xfe\5hello\0;"
    rare = bytearray(encoded(drawn(), "BMP"))
    rare[28] = 64
    results = examined(tmp_path, workers, {"a.gif": empty, "b.bmp": bytes(rare)})
    assert codes(results["a.gif"]) == {REMARK: Severity.INFO}
    assert codes(results["b.bmp"]) == {NO_DECODER: Severity.WARNING}


def test_a_blank_page_in_few_bytes_is_no_bomb(tmp_path: Path, workers: CagedWorkers):
    blank = encoded(Image.new("1", (18_000, 17_000), 1), "TIFF", compression="group4")
    assert len(blank) < 40_000
    assert codes(examined(tmp_path, workers, {"blank.tif": blank})["blank.tif"]) == {}


@pytest.mark.parametrize("missing", [2, 100, 5000])
def test_a_jpeg_2000_without_its_end_is_damaged(tmp_path: Path, workers: CagedWorkers, missing: int):
    whole = encoded(drawn().resize((800, 600)), "JPEG2000", no_jp2=True)
    files = {"sound.j2k": whole, "cut.j2k": whole[:-missing]}
    results = examined(tmp_path, workers, files)
    assert codes(results["sound.j2k"]) == {}
    assert codes(results["cut.j2k"]) == REJECTED


def test_messages_are_sentences_for_people(tmp_path: Path, workers: CagedWorkers):
    files = {
        f"{count}-{name}": (content[:count] + b"\xff" * 40 + content[count + 40 :])[: len(content) * 2 // 3]
        for name, content in {
            "a.jpg": encoded(drawn(), "JPEG"), "a.mpo.jpg": stereo_pair(), "a.png": encoded(drawn(), "PNG"),
            "a.tif": encoded(drawn(), "TIFF", compression="tiff_lzw"),
            "a.gif": encoded(drawn().convert("P"), "GIF"),
            "a.bmp": encoded(drawn(), "BMP"), "a.jp2": encoded(drawn(), "JPEG2000"),
        }.items()
        for count in (4, 20, 60, 400)
    }  # fmt: skip
    messages = [
        issue.message for result in examined(tmp_path, workers, files).values() for issue in result.issues
    ]
    assert len(messages) >= len(files) // 2
    for message in messages:
        assert not any(
            word in message for word in ("0x", "<_io", "'MPO'", "-1", "decoder error", "Error", "None")
        )


def test_every_codestream_of_a_jpx_is_decoded(tmp_path: Path, workers: CagedWorkers):
    whole = encoded(drawn(), "JPEG2000")
    at = whole.index(b"jp2c") - 4
    box = whole[at:]
    stream = whole[at + 8 :]
    assert int.from_bytes(box[:4]) in {0, len(box)}
    first = struct.pack(">I4s", len(stream) + 8, b"jp2c") + stream
    sound = whole[:at] + first + first
    cut = whole[:at] + first + struct.pack(">I4s", len(stream) // 2 + 8, b"jp2c") + stream[: len(stream) // 2]
    results = examined(tmp_path, workers, {"sound.jpx": sound, "cut.jpx": cut}, keys='later = "warn"')
    assert codes(results["sound.jpx"]) == {}
    assert codes(results["cut.jpx"]) == {DAMAGED: Severity.WARNING}
