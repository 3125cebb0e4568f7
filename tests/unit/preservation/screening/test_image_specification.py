"""``image-specification``: each key with a real file that breaks just that, and one that does not."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.images import encoded, images_of_many_kinds
from support.policies import a_policy
from support.screenings import codes, screened
from support.specified_images import (
    SRGB,
    SRGB_NAME,
    grey_tiff,
    photoshop_resources,
    pixels,
    profile,
    resolution_resource,
    tiff,
    tiff_of_pages,
    with_pillow,
)

from preservation.errors import ConfigurationError
from preservation.model.issues import IssueCode, Severity
from preservation.model.page_facts import ImageColour, PageFacts
from preservation.model.screening import ScreenedFile
from preservation.rasters.families import Family
from preservation.rasters.page_facts import gathered, stated_pages
from preservation.screening.examiners import JOB_MODULES
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

DECODABLE = '[[screen]]\ncheck = "decodable-images"\noutcome = "reject"\nbecause = "Whole."\n'


def asking(keys: str, outcome: str = "reject") -> str:
    return f'[[screen]]\ncheck = "image-specification"\noutcome = "{outcome}"\nbecause = "Agreed."\n{keys}\n'


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 2, JOB_MODULES) as pool:
        yield pool


def results_of(
    tmp_path: Path, workers: CagedWorkers, files: dict[str, bytes], *sections: str
) -> dict[str, ScreenedFile]:
    root = tmp_path / "drop"
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    results = screened(root, workers, policy=a_policy(DECODABLE, *sections))
    return {str(path): result for path, result in results.items()}


class Case(NamedTuple):
    key: str
    code: str
    breaking: bytes
    fitting: bytes
    says: str


def jpeg_with_thumbnail() -> bytes:
    content = with_pillow("JPEG", dpi=(400, 400))
    # A JFIF segment with a picture of one pixel in it.
    return content[:4] + b"\0\x13" + content[6:18] + b"\1\1\x80\x80\x80" + content[20:]


def layered(content: bytes = b"Adobe Photoshop Document Data Block\0") -> bytes:
    return tiff(extratags=[(37724, "B", len(content), content, True)])


def damaged(whole: bytes) -> bytes:
    return whole[:36] + b"none" + whole[40:]


SHA256 = hashlib.sha256(SRGB).hexdigest()
CASES = [
    Case(
        'formats = ["fmt/353"]',
        "IMG-002",
        with_pillow("PNG"),
        tiff(),
        "(fmt/11); the policy asks for fmt/353",
    ),
    Case('compressions = ["none"]', "IMG-003", tiff(compression="lzw"), tiff(), "has compression LZW"),
    Case(
        'compressions = ["JPEG 2000"]',
        "IMG-003",
        with_pillow("JPEG"),
        with_pillow("JPEG2000"),
        "has compression JPEG",
    ),
    Case(
        'compressions = ["JPEG 2000, reversible"]',
        "IMG-003",
        with_pillow("JPEG2000", irreversible=True),
        with_pillow("JPEG2000"),
        "irreversible; the policy asks for JPEG 2000, reversible",
    ),
    Case(
        "dpi = { least = 400, most = 400 }",
        "IMG-004",
        tiff(resolution=(300, 300)),
        tiff(),
        "is 300 x 300 dpi; the policy asks for 400 dpi",
    ),
    Case("dpi = { least = 400 }", "IMG-004", tiff(resolution=(400, 300)), tiff(), "is 400 x 300 dpi"),
    Case(
        "dpi = { most = 450 }",
        "IMG-004",
        with_pillow("PNG", dpi=(600, 600)),
        with_pillow("PNG", dpi=(450, 450)),
        "the policy asks for at most 450 dpi",
    ),
    Case(
        "dpi = { least = 300, most = 600 }",
        "IMG-005",
        with_pillow("JPEG"),
        with_pillow("JPEG", dpi=(300, 300)),
        "states no resolution in a unit of length; the policy asks for 300 to 600 dpi",
    ),
    Case("dpi = { least = 1 }", "IMG-005", tiff(resolutionunit="NONE"), tiff(), "states no resolution"),
    Case(
        "dpi = { least = 400, most = 400 }",
        "IMG-006",
        tiff(extratags=[(34377, "B", 28, resolution_resource(72), True)]),
        tiff(extratags=[(34377, "B", 28, resolution_resource(400), True)]),
        "400 x 400 dpi by its fields and 72 x 72 dpi by Photoshop's resources",
    ),
    Case(
        "square_pixels = true",
        "IMG-007",
        tiff(resolution=(400, 200)),
        tiff(resolution=(72, 72)),
        "400 x 200 dpi",
    ),
    Case(
        'resolution_unit = "inch"',
        "IMG-008",
        tiff(resolutionunit="CENTIMETER", resolution=(157.48, 157.48)),
        tiff(),
        "by the centimetre; the policy asks for the inch",
    ),
    Case(
        "long_edge = { least = 301 }", "IMG-009", tiff(), tiff(pixels().repeat(2, 0)), "its longer edge 300"
    ),
    Case("short_edge = { most = 100 }", "IMG-009", tiff(), tiff(pixels()[:100]), "its shorter edge 200"),
    Case(
        "original_mm = { short = 12.7, long = 19.05 }\ndpi = { least = 401 }",
        "IMG-010",
        tiff(resolution=(500, 500)),
        tiff(np.tile(pixels(), (2, 2, 1)), resolution=(500, 500)),
        "400 dpi of an original of 12.7 x 19.05 mm; the policy asks for at least 401 dpi of it",
    ),
    Case("bits = [8]", "IMG-011", tiff(pixels().astype("u2") * 256), tiff(), "samples of 16 bit"),
    Case(
        "bits = [16]",
        "IMG-011",
        with_pillow("PNG"),
        encoded(Image.fromarray(pixels()[..., 0].astype("u2")), "PNG"),
        "8 bit",
    ),
    Case("samples = [3]", "IMG-012", with_pillow("PNG", "RGBA"), with_pillow("PNG"), "has 4 samples a pixel"),
    Case('colours = ["RGB"]', "IMG-013", grey_tiff(), tiff(), "has grey pixels; the policy asks for RGB"),
    Case(
        'colours = ["grey"]',
        "IMG-013",
        with_pillow("PNG", "1"),
        with_pillow("JPEG", "L"),
        "has bilevel pixels",
    ),
    Case(
        'colours = ["RGB"]',
        "IMG-013",
        with_pillow("GIF", "P"),
        tiff(photometric="ycbcr", compression="jpeg"),
        "palette",
    ),
    Case('profile = "required"', "IMG-014", tiff(iccprofile=None), tiff(), "has no ICC profile"),
    Case('profile = "forbidden"', "IMG-015", tiff(), tiff(iccprofile=None), f"the ICC profile '{SRGB_NAME}'"),
    Case(
        f'profile_names = ["{SRGB_NAME}"]',
        "IMG-016",
        tiff(iccprofile=profile("Lab")),
        tiff(),
        f"the policy asks for '{SRGB_NAME}'",
    ),
    Case(
        f'profile_digests = ["{SHA256}"]',
        "IMG-016",
        tiff(iccprofile=profile("Lab")),
        with_pillow("PNG", icc_profile=SRGB),
        SHA256,
    ),
    Case('profile = "required"', "IMG-017", tiff(iccprofile=damaged(SRGB)), tiff(), "not known to be sound"),
    Case(
        'profile = "required"',
        "IMG-017",
        with_pillow("JPEG", icc_profile=damaged(SRGB)),
        with_pillow("JPEG", icc_profile=SRGB),
        "not known to be sound",
    ),
    Case(
        "orientations = [1]",
        "IMG-018",
        tiff(extratags=[(274, "H", 1, 6, True)]),
        tiff(),
        "has orientation tag 6; the policy asks for 1",
    ),
    Case("pages = { most = 1 }", "IMG-019", tiff_of_pages({}, {}), tiff_of_pages({}), "has 2 pages"),
    Case(
        "pages = { most = 1 }",
        "IMG-019",
        images_of_many_kinds()["animated.png"],
        with_pillow("PNG"),
        "has 2 pages",
    ),
    Case(
        "no_reduced_copies = true",
        "IMG-020",
        tiff_of_pages({}, {"step": 4, "subfiletype": 1}),
        tiff_of_pages({}, {}),
        "a reduced copy as page 2",
    ),
    Case(
        "no_reduced_copies = true",
        "IMG-020",
        tiff_of_pages({"subifds": 1}, {"step": 2, "subfiletype": 1}),
        tiff(),
        "a reduced copy below its page",
    ),
    Case("no_reduced_copies = true", "IMG-020", jpeg_with_thumbnail(), with_pillow("JPEG"), "JFIF segment"),
    Case(
        "no_reduced_copies = true",
        "IMG-020",
        tiff(extratags=[(34377, "B", 16, photoshop_resources(0x040C, b"tiny"), True)]),
        tiff(),
        "a thumbnail in Photoshop's resources",
    ),
    Case("no_layers = true", "IMG-021", layered(), tiff(), "holds Photoshop's layers"),
    Case('byte_order = "little"', "IMG-022", tiff(byteorder=">"), tiff(), "is a big-endian TIFF"),
    Case('tags = { Make = "*" }', "IMG-023", tiff(extratags=[]), tiff(), "has no tag Make"),
    Case(
        'tags = { Make = "*" }',
        "IMG-023",
        tiff(extratags=[(271, "s", 0, "   ", True)]),
        tiff(),
        "has no tag Make",
    ),
    Case(
        'tags = { Software = "capture one*" }',
        "IMG-024",
        tiff(software="SilverFast [8]"),
        tiff(),
        "the tag Software with 'SilverFast [8]'; the policy asks for a tag Software that fits 'capture one*'",
    ),
    Case(
        'tags = { Software = "SilverFast [?]" }',
        "IMG-024",
        tiff(),
        tiff(software="SilverFast [8]"),
        "Capture One 23",
    ),
]


def test_what_breaks_one_key_has_that_finding_and_what_fits_has_none(tmp_path: Path, workers: CagedWorkers):
    files, sections = {}, []
    for number, case in enumerate(CASES):
        files |= {f"{number:02}/breaking.tif": case.breaking, f"{number:02}/fitting.tif": case.fitting}
        sections.append(asking(f'paths = ["{number:02}/**"]\n{case.key}'))
    results = results_of(tmp_path, workers, files, *sections)
    for number, case in enumerate(CASES):
        breaking, fitting = (results[f"{number:02}/{name}.tif"] for name in ("breaking", "fitting"))
        assert fitting.issues == (), case.key
        found = [issue for issue in breaking.issues if not issue.code.startswith("SCR")]
        assert [issue.code for issue in found] == [case.code], (case.key, found)
        (issue,) = found
        assert case.says in issue.message, case.key
        assert issue.next_step
        assert (issue.severity, issue.because) == (Severity.ERROR, "Agreed.")
        assert breaking.thumbnail


def test_a_deviation_of_a_later_page_counts_and_is_one_finding(tmp_path: Path, workers: CagedWorkers):
    pages = [{}, {"resolution": (72, 72)}, {"resolution": (72, 72)}]
    results = results_of(
        tmp_path, workers, {"book.tif": tiff_of_pages(*pages)}, asking("dpi = { least = 400, most = 400 }")
    )
    (issue,) = results["book.tif"].issues
    assert "is 72 x 72 dpi on page 2 (the first of 2 such pages)" in issue.message


def test_a_page_that_only_says_that_it_is_a_copy_is_held_against_everything(
    tmp_path: Path, workers: CagedWorkers
):
    disguised = tiff_of_pages({}, {"resolution": (72, 72), "subfiletype": 1})
    copied = tiff_of_pages({}, {"resolution": (72, 72), "subfiletype": 1, "step": 2})
    files = {"disguised.tif": disguised, "copied.tif": copied}
    results = results_of(tmp_path, workers, files, asking("dpi = { least = 400 }\npages = { most = 1 }"))
    assert set(codes(results["disguised.tif"])) == {"IMG-004", "IMG-019"}
    assert results["copied.tif"].issues == ()


def test_an_image_that_cannot_be_compared_is_not_as_specified(tmp_path: Path, workers: CagedWorkers):
    whole = with_pillow("PNG", dpi=(400, 400))
    files = {
        "cut.png": whole[: len(whole) // 2],
        "header.tif": tiff()[:8],
        "sound.png": whole,
        "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(100),
    }
    results = results_of(tmp_path, workers, files, asking("dpi = { least = 400 }"))
    assert results["sound.png"].issues == ()
    for name in ("cut.png", "header.tif", "photo.heic"):
        assert codes(results[name])[IssueCode("IMG-001")] is Severity.QUESTION, name


def test_what_the_policy_names_and_is_no_image_is_not_called_as_specified(
    tmp_path: Path, workers: CagedWorkers
):
    files = {"page.tif": b"<html>404</html>", "notes.txt": b"Notes\n"}
    results = results_of(tmp_path, workers, files, asking('paths = ["*.tif"]\ndpi = { least = 400 }'))
    [issue] = results["page.tif"].issues
    assert (issue.code, issue.severity) == ("IMG-001", Severity.QUESTION)
    assert "page.tif was not held against the specification: it is no raster image but" in issue.message
    assert results["notes.txt"].issues == ()


def test_screens_for_several_paths_stand_beside_each_other(tmp_path: Path, workers: CagedWorkers):
    files = {"a/one.tif": tiff(), "b/two.tif": tiff(resolution=(72, 72)), "c/three.txt": b"words\n"}
    results = results_of(
        tmp_path,
        workers,
        files,
        asking('paths = ["a/**"]\ndpi = { least = 400 }'),
        asking('paths = ["b/**"]\ndpi = { most = 72 }', "warn"),
        asking('paths = ["c/**"]\nformats = ["fmt/353"]', "warn"),
        asking('formats = ["fmt/353"]'),
    )
    assert {name: codes(result) for name, result in results.items()} == {
        "a/one.tif": {},
        "b/two.tif": {},
        # Where a contract names a folder, every file in it is meant; else images are.
        "c/three.txt": {"IMG-002": Severity.WARNING},
    }


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("", "asks for nothing"),
        ("dpi = {}", "must have least, most or both"),
        ("dpi = { least = 2, most = 1 }", "nothing is at least 2 and at most 1"),
        ("original_mm = { short = 1, long = 2 }", "original_mm takes the least dpi"),
        ('compressions = ["zip"]', "is no compression"),
        ('profile = "forbidden"\nprofile_names = ["a"]', "leaves no profile to be named"),
        ('profile_digests = ["12"]', "SHA-256"),
        ('tags = { Scanner = "*" }', "Scanner"),
    ],
)
def test_a_specification_that_asks_for_nothing_or_the_impossible_is_a_fault(keys: str, fault: str):
    with pytest.raises(ConfigurationError) as raised:
        a_policy(DECODABLE, asking(keys))
    assert fault in " ".join(raised.value.faults)


def test_a_specification_without_the_screen_that_decodes_is_a_fault():
    with pytest.raises(ConfigurationError) as raised:
        a_policy(asking("bits = [8]"))
    assert 'check = "decodable-images" decodes' in " ".join(raised.value.faults)


@given(st.binary(max_size=300), st.sampled_from(list(Family)))
def test_whatever_a_file_holds_its_facts_are_read_or_a_fault_is_named(content: bytes, family: Family):
    start = {Family.TIFF: b"II*\0\x08\0\0\0", Family.PNG: b"\x89PNG\r\n\x1a\n", Family.JPEG: b"\xff\xd8"}
    stream = io.BytesIO(start.get(family, b"") + content)
    stated = stated_pages(stream, family, None, ())
    assert stated.pages or stated.fault


def test_a_file_whose_pages_all_differ_is_not_wholly_compared():
    def pages() -> Iterator[tuple[PageFacts, bool]]:
        for number in range(1, 5000):
            yield PageFacts(number, number, 1, (8,), 1, ImageColour.GREY, "none"), False

    stated = gathered(pages())
    assert "of its pages differ" in stated.fault
    assert len(stated.pages) < 1100
