"""Images: decoded to the last pixel, told truthfully, refused where they are bombs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from support.hostile_files import circular_tiff
from support.images import HEIGHT, WIDTH, drawn, encoded, images_of_many_kinds, samples, tiff_of
from support.screenings import codes, policy_that, screened

from preservation.model.issues import IssueCode, Severity
from preservation.model.screening import ImageFacts, ScreenedFile
from preservation.screening import images
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

DAMAGED, NO_DECODER, DAMAGED_PROFILE, LIMIT = map(IssueCode, ("SCR-020", "SCR-021", "SCR-022", "SCR-070"))
POLICY = policy_that(decodable_images="reject")


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 2, JOB_MODULES) as pool:
        yield pool


def examined(tmp_path: Path, workers: CagedWorkers, files: dict[str, bytes]) -> dict[str, ScreenedFile]:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content)
    results = screened(root, workers, policy=POLICY)
    assert {name: (root / name).read_bytes() for name in files} == files
    return {str(path): result for path, result in results.items()}


def facts_of(tmp_path: Path, workers: CagedWorkers, name: str, content: bytes) -> ImageFacts:
    result = examined(tmp_path, workers, {name: content})[name]
    assert result.issues == ()
    assert result.image is not None
    return result.image


def test_every_kind_of_sound_image_is_decoded_and_shown(tmp_path: Path, workers: CagedWorkers) -> None:
    results = examined(tmp_path, workers, images_of_many_kinds())
    assert {name: result.issues for name, result in results.items() if result.issues} == {}
    assert {name for name, result in results.items() if result.image is None} == set()
    # tifffile decodes JPEG 2000 inside TIFF strip by strip, and has no picture at the end.
    assert {name for name, result in results.items() if result.thumbnail is None} == {"jp2-inside.tif"}
    assert [path.name for path in sorted((tmp_path / "thumbnails").iterdir())] == [
        str(result.thumbnail).removeprefix("thumbnails/")
        for result in results.values()
        if result.thumbnail is not None
    ]
    for path in (tmp_path / "thumbnails").iterdir():
        with Image.open(path) as picture:
            assert (picture.format, picture.mode, max(picture.size)) == ("JPEG", "RGB", 160)


def test_images_cut_off_anywhere_are_damaged(tmp_path: Path, workers: CagedWorkers) -> None:
    cut = {}
    for name, whole in images_of_many_kinds().items():
        for missing in (1, 2, 12, 40, len(whole) // 10, len(whole) // 2, len(whole) * 3 // 4):
            cut[f"{missing:06}-{name}"] = whole[:-missing]
    results = examined(tmp_path, workers, cut)
    missed = [name for name, result in results.items() if DAMAGED not in codes(result)]
    # libtiff leaves some bytes behind the last directory of a TIFF of several pages.
    assert set(missed) <= {"000001-pages.tif", "000002-pages.tif", "000012-pages.tif"}


@pytest.mark.parametrize("name", ["raw.tif", "pages.tif", "baseline.jpg", "progressive.jpg", "rgb.png"])
def test_of_an_image_cut_in_two_the_half_that_is_there_is_shown(
    tmp_path: Path, workers: CagedWorkers, name: str
) -> None:
    whole = images_of_many_kinds()[name]
    results = examined(tmp_path, workers, {"sound": whole, "cut": whole[: len(whole) // 2]})
    sound, cut = results["sound"], results["cut"]
    assert (sound.is_part_shown, cut.is_part_shown) == (False, True)
    assert DAMAGED in codes(cut)
    assert sound.thumbnail
    assert cut.thumbnail
    with Image.open(tmp_path / sound.thumbnail) as first, Image.open(tmp_path / cut.thumbnail) as second:
        assert first.size == second.size
        upper = (0, 0, first.width, first.height // 4)
        apart = np.asarray(first.crop(upper), dtype="i2") - np.asarray(second.crop(upper))
        assert np.abs(apart).mean() < 8


def test_of_an_image_of_which_nothing_can_be_decoded_nothing_is_shown(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    kinds = images_of_many_kinds()
    cut = {name: kinds[name][:60] for name in ("raw.tif", "baseline.jpg", "rgb.png")}
    # The headers are whole, and none of the 120,000 pixels is there.
    with Image.open(io.BytesIO(kinds["raw.tif"])) as whole:
        cut["header.tif"] = kinds["raw.tif"][: whole.tile[0].offset]  # type: ignore[attr-defined]  # a file's image
    cut["header.png"] = kinds["rgb.png"][: kinds["rgb.png"].index(b"IDAT") + 8]
    for result in examined(tmp_path, workers, cut).values():
        assert (result.thumbnail, result.is_part_shown) == (None, False)
        assert DAMAGED in codes(result)


def test_after_a_damaged_image_the_next_one_is_examined_as_strictly_as_ever(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    half = encoded(drawn(), "JPEG")
    half = half[: len(half) // 2]
    results = examined(tmp_path, workers, {f"{number}.jpg": half for number in range(8)})
    assert all(DAMAGED in codes(result) for result in results.values())


def test_a_picture_of_a_part_is_not_made_where_finding_the_damage_took_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "half.jpg"
    whole = encoded(drawn(), "JPEG")
    file.write_bytes(whole[: len(whole) // 2])
    for seconds, shown in ((10.0, True), (0.0, False)):
        monkeypatch.setattr(images, "_SECONDS_BEFORE_PART", seconds)
        sink = io.BytesIO()
        with file.open("rb") as source:
            report = images.examine({"family": "JPEG", "memory": 1 << 30}, [source], [sink])
        assert (report["is_part_shown"], bool(sink.getvalue())) == (shown, shown)
        assert report["fault"] == "the file ends before the image does"


def test_a_truncated_tiff_is_named_and_to_be_rescanned(tmp_path: Path, workers: CagedWorkers) -> None:
    whole = encoded(drawn(), "TIFF")
    issue = examined(tmp_path, workers, {"sheet 4.tif": whole[: len(whole) // 2]})["sheet 4.tif"].issues[0]
    assert issue.message.startswith("sheet 4.tif is a damaged image: the file ends before")
    assert issue.next_step.startswith("Rescan")
    assert issue.path == "sheet 4.tif"


def test_a_flipped_bit_in_a_png_is_found_by_its_crc(tmp_path: Path, workers: CagedWorkers) -> None:
    content = bytearray(encoded(drawn(), "PNG", dpi=(300, 300)))
    content[content.index(b"pHYs") + 6] ^= 1
    result = examined(tmp_path, workers, {"a.png": bytes(content)})["a.png"]
    assert codes(result) == {DAMAGED: Severity.ERROR}
    assert "'pHYs' is damaged" in result.issues[0].message


def test_pages_that_go_round_in_a_circle_are_damaged(tmp_path: Path, workers: CagedWorkers) -> None:
    content = bytearray(encoded(drawn(), "TIFF"))
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * entries, first)
    result = examined(tmp_path, workers, {"a.tif": bytes(content)})["a.tif"]
    assert DAMAGED in codes(result)
    assert "circle" in result.issues[0].message


def test_pages_of_nothing_that_go_round_in_a_circle_are_not_followed_for_ever(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    result = examined(tmp_path, workers, {"a.tif": circular_tiff()})["a.tif"]
    assert codes(result) == {DAMAGED: Severity.ERROR}
    assert "circle" in result.issues[0].message


@pytest.mark.parametrize(
    ("name", "content", "bits", "mode", "compression"),
    [
        ("rgb16.tif", tiff_of(samples(20, 30, 3), photometric="rgb"), 16, "RGB", "none"),
        ("deep.tif", tiff_of(samples(20, 30, 3, kind="f4"), photometric="rgb"), 32, "RGB;32F", "none"),
        ("twelve.tif", tiff_of(samples(20, 30) >> 4, bitspersample=12), 12, "I;16", "none"),
        ("bilevel.tif", encoded(drawn().convert("1"), "TIFF", compression="group4"), 1, "1", "CCITT Group 4"),
        ("grey16.png", encoded(Image.fromarray(samples(20, 30)), "PNG"), 16, "I;16", "Deflate"),
        ("g.jp2", encoded(Image.fromarray(samples(64, 64)), "JPEG2000"), 16, "I;16", "JPEG 2000, reversible"),
        ("palette.bmp", encoded(drawn().convert("P"), "BMP"), 8, "P", "none"),
    ],
)  # fmt: skip
def test_bits_are_those_of_the_file_and_not_of_the_decoder(
    tmp_path: Path, workers: CagedWorkers, name: str, content: bytes, bits: int, mode: str, compression: str
) -> None:
    facts = facts_of(tmp_path, workers, name, content)
    assert (facts.bits, facts.mode, facts.compression) == (bits, mode, compression)


@pytest.mark.parametrize(
    ("name", "content", "resolution"),
    [
        ("inch.tif", tiff_of(samples(9, 9), resolution=(600, 300), resolutionunit="inch"), (600.0, 300.0)),
        ("cm.tif", tiff_of(samples(9, 9), resolution=(118.11, 118.11), resolutionunit=3), (300, 300)),
        ("ratio.tif", tiff_of(samples(9, 9), resolution=(3, 4), resolutionunit="none"), None),
        ("jfif.jpg", encoded(drawn(), "JPEG", dpi=(240, 240)), (240.0, 240.0)),
        ("silent.jpg", encoded(drawn(), "JPEG"), None),
        ("phys.png", encoded(drawn(), "PNG", dpi=(300, 300)), (300, 300)),
        ("silent.png", encoded(drawn(), "PNG"), None),
    ],
)  # fmt: skip
def test_resolution_is_in_dots_per_inch_or_nothing(
    tmp_path: Path, workers: CagedWorkers, name: str, content: bytes, resolution: tuple[float, float] | None
) -> None:
    found = facts_of(tmp_path, workers, name, content).resolution
    assert found is None if resolution is None else found == pytest.approx(resolution, abs=0.02)


def test_a_resolution_that_only_exif_tells_is_found(tmp_path: Path, workers: CagedWorkers) -> None:
    exif = Image.Exif()
    exif[282], exif[283], exif[296], exif[274] = 400.0, 400.0, 2, 6
    content = bytearray(encoded(drawn(), "JPEG", exif=exif))
    content[content.index(b"JFIF\0") + 7] = 0
    facts = facts_of(tmp_path, workers, "a.jpg", bytes(content))
    assert (facts.resolution, facts.orientation) == ((400.0, 400.0), 6)


def test_profile_frames_and_size_are_told(tmp_path: Path, workers: CagedWorkers) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(drawn(), "TIFF", icc_profile=profile, save_all=True, append_images=[drawn()] * 4)
    facts = facts_of(tmp_path, workers, "a.tif", content)
    assert (facts.frames, facts.width, facts.height, facts.profile) == (5, WIDTH, HEIGHT, "sRGB built-in")


def test_a_broken_profile_breaks_nothing_else(tmp_path: Path, workers: CagedWorkers) -> None:
    content = encoded(drawn(), "JPEG", icc_profile=b"no profile" * 20)
    result = examined(tmp_path, workers, {"a.jpg": content})["a.jpg"]
    assert codes(result) == {DAMAGED_PROFILE: Severity.WARNING}
    assert result.image
    assert result.image.profile == "unreadable profile"


def test_thumbnails_stand_upright_and_show_the_colours(tmp_path: Path, workers: CagedWorkers) -> None:
    image = Image.new("RGB", (800, 400), "red")
    image.paste("blue", (0, 0, 400, 400))
    exif = Image.Exif()
    exif[274] = 6
    examined(tmp_path, workers, {"a.jpg": encoded(image, "JPEG", exif=exif, quality=95)})
    with Image.open(tmp_path / "thumbnails" / "000001.jpg") as picture:
        assert picture.size == (80, 160)
        top, bottom = picture.getpixel((40, 20)), picture.getpixel((40, 140))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[2] - top[0] > 100
    assert bottom[0] - bottom[2] > 100


def test_transparency_is_shown_on_white(tmp_path: Path, workers: CagedWorkers) -> None:
    examined(tmp_path, workers, {"a.png": encoded(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG")})
    with Image.open(tmp_path / "thumbnails" / "000001.jpg") as picture:
        assert picture.getpixel((80, 80)) == (255, 255, 255)


def test_only_the_first_images_get_thumbnails_and_those_with_issues(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    tiny = encoded(Image.new("L", (8, 8)), "PNG")
    files = {f"{number:04}.png": tiny for number in range(305)} | {"9999.tif": tiny}
    root = tmp_path / "drop"
    root.mkdir()
    for name, content in files.items():
        (root / name).write_bytes(content)
    policy = policy_that(decodable_images="reject", extension_matches="warn")
    results = list(screened(root, workers, policy=policy).values())
    assert [result.thumbnail is not None for result in results] == [True] * 300 + [False] * 5 + [True]


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, workers: CagedWorkers) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 20))), (b"IEND", b""))
    )
    result = examined(tmp_path, workers, {"bomb.png": bomb})["bomb.png"]
    assert codes(result) == {LIMIT: Severity.ERROR}
    assert "60,000 x 60,000 pixels" in result.issues[0].message
    assert "decompression bomb" in result.issues[0].message


def test_a_tiff_larger_than_memory_is_decoded_strip_by_strip(tmp_path: Path) -> None:
    row = np.random.default_rng(3).integers(0, 255, (1, 9_000, 3), dtype="u1")
    content = tiff_of(
        np.repeat(row, 7_000, axis=0), photometric="rgb", compression="deflate", rowsperstrip=100
    )
    # Four bytes a pixel when Pillow decodes it, and two fifths of 512 MiB may be used for that.
    with CagedWorkers(Limits(address_space=512 << 20), 1, JOB_MODULES) as tight:
        facts = facts_of(tmp_path, tight, "map.tif", content)
        cut = examined(tmp_path, tight, {"map.tif": content[: len(content) // 2]})["map.tif"]
    assert (facts.width, facts.height, facts.bits, facts.compression) == (9_000, 7_000, 8, "Deflate")
    assert DAMAGED in codes(cut)


def test_an_image_without_a_decoder_is_said_to_be_unchecked(tmp_path: Path, workers: CagedWorkers) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(64)
    result = examined(tmp_path, workers, {"a.heic": heic})["a.heic"]
    assert codes(result) == {NO_DECODER: Severity.WARNING}


def test_a_thumbnail_is_never_named_after_the_file(tmp_path: Path, workers: CagedWorkers) -> None:
    name = "..%2f\u202e\nx.png"
    result = examined(tmp_path, workers, {name: encoded(Image.new("L", (9, 9)), "PNG")})[name]
    assert result.thumbnail == "thumbnails/000001.jpg"


def test_hostile_bytes_in_every_format_end_in_a_verdict(tmp_path: Path, workers: CagedWorkers) -> None:
    rng = np.random.default_rng(4)
    files = {}
    for name, whole in images_of_many_kinds().items():
        for attempt in range(4):
            content = bytearray(whole)
            for position in rng.integers(8, min(len(content), 4000), 12):
                content[position] = rng.integers(0, 256)
            files[f"{attempt}-{name}"] = bytes(content)
    results = examined(tmp_path, workers, files)
    assert len(results) == len(files)
    assert any(result.issues for result in results.values())


def test_damaged_exif_does_not_make_an_image_damaged(tmp_path: Path, workers: CagedWorkers) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(200))
    assert facts_of(tmp_path, workers, "a.jpg", encoded(drawn(), "JPEG", exif=exif)).orientation is None
