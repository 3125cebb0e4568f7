"""``page-content``: each fault with a page that has just that, a good page that has none, and lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from support import scanned_pages
from support.images import encoded, images_of_many_kinds, samples, tiff_of
from support.policies import a_file, a_policy
from support.screenings import codes, screened

from preservation.model.issues import IssueCode, Severity
from preservation.model.page_measures import PageMeasures
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.policy.page_content import PageContent
from preservation.rasters.pillow import UPRIGHT
from preservation.rasters.reduction import reduced
from preservation.screening import measures, thumbnails
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.page_content import ContentCheck
from preservation.screening.page_ledger import PageLedger
from preservation.screening.reports import ImageReport
from preservation.screening.sighting import Sighting, Wanted
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

DECODABLE = '[[screen]]\ncheck = "decodable-images"\noutcome = "reject"\nbecause = "Whole."\n'
NO_DUPLICATES = 'faults = ["blank", "shadows", "highlights", "skew", "focus", "border"]'


def looking_for(keys: str = "", outcome: str = "reject") -> str:
    return f'[[screen]]\ncheck = "page-content"\noutcome = "{outcome}"\nbecause = "Readable."\n{keys}\n'


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 2, JOB_MODULES) as pool:
        yield pool


def results_of(
    tmp_path: Path, workers: CagedWorkers, files: dict[str, bytes], keys: str = "", outcome: str = "reject"
) -> dict[str, ScreenedFile]:
    root = tmp_path / "drop"
    root.mkdir()
    for name, content in files.items():
        (root / name).write_bytes(content)
    policy = a_policy(DECODABLE, looking_for(keys, outcome))
    return {str(path): result for path, result in screened(root, workers, policy=policy).items()}


FAULTY = {
    "PAG-002": (scanned_pages.blank(), "is a blank page"),
    "PAG-003": (scanned_pages.underexposed(scanned_pages.page()), "of it is black; at most 5 % may be"),
    "PAG-004": (scanned_pages.overexposed(scanned_pages.page()), "of it is white; at most 30 % may be"),
    "PAG-005": (scanned_pages.turned(scanned_pages.page(), 3), "turned by 3"),
    "PAG-006": (scanned_pages.blurred(scanned_pages.page()), "out of focus"),
    "PAG-007": (scanned_pages.uncropped(scanned_pages.page()), "a dark stripe along an edge takes 7.41 %"),
}


def test_each_fault_of_a_page_is_named_with_its_measure_and_its_threshold(
    tmp_path: Path, workers: CagedWorkers
):
    files = {f"{code}.tif": encoded(picture, "TIFF") for code, (picture, _) in FAULTY.items()}
    files |= {
        "good.tif": encoded(scanned_pages.page(), "TIFF"),
        "good.jpg": encoded(scanned_pages.page().convert("RGB"), "JPEG", quality=90),
        "good.png": encoded(scanned_pages.page(), "PNG"),
        "good.jp2": encoded(scanned_pages.page(), "JPEG2000"),
        "good-16-bit.tif": tiff_of(np.asarray(scanned_pages.page()).astype("u2") * 256),
        "good-fax.tif": encoded(scanned_pages.page().convert("1"), "TIFF", compression="group4"),
        "a-little-askew.tif": encoded(scanned_pages.turned(scanned_pages.page(), 1), "TIFF"),
    }
    results = results_of(tmp_path, workers, files, NO_DUPLICATES)
    for code, (_, words) in FAULTY.items():
        result = results[f"{code}.tif"]
        assert [issue.code for issue in result.issues] == [code]
        assert words in result.issues[0].message
        assert result.issues[0].next_step
        assert result.thumbnail
    assert {name: result.issues for name, result in results.items() if not name.startswith("PAG")} == {
        name: () for name in files if not name.startswith("PAG")
    }


def test_what_lies_somewhere_on_a_page_is_found_there_and_upright_as_people_see_it(
    tmp_path: Path, workers: CagedWorkers
):
    dark = scanned_pages.underexposed(scanned_pages.page())
    lid = scanned_pages.uncropped(scanned_pages.page())
    files = {
        "dark.tif": encoded(dark, "TIFF"),
        "lid.tif": encoded(lid, "TIFF"),
        # As a camera on its side leaves it: the right side of the stored picture is shown at the top.
        "turned.tif": encoded(lid, "TIFF", tiffinfo={ExifTags.Base.Orientation: 8}),
        "second.tif": encoded(scanned_pages.page(), "TIFF", save_all=True, append_images=[lid]),
        "blank.tif": encoded(scanned_pages.blank(), "TIFF"),
    }
    results = results_of(tmp_path, workers, files, NO_DUPLICATES)
    found = {name: {one.code: one.region for one in result.regions} for name, result in results.items()}
    width = 120 / lid.width
    assert found == {
        "dark.tif": {
            "PAG-003": approximately(300 / dark.width, 1500 / dark.height, 1300 / dark.width, 1.0),
        },
        "lid.tif": {"PAG-007": approximately(0.0, 0.0, width, 1.0)},
        "turned.tif": {"PAG-007": approximately(0.0, 1 - width, 1.0, 1.0)},
        "second.tif": {},
        "blank.tif": {},
    }


def test_of_a_page_that_people_are_not_shown_no_place_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    asked = {"check": "page-content", "outcome": "reject", "because": "Readable.", "faults": ["shadows"]}
    screen = PageContent.model_validate(asked)
    pictures = iter((b"", b"a picture"))
    monkeypatch.setattr(thumbnails, "of", lambda *_: next(pictures))
    dark = scanned_pages.underexposed(scanned_pages.page())
    found = Sighting(wanted=Wanted(thumbnail=True, measures=True))
    for number in (1, 2):
        found.show(dark if number == 1 else scanned_pages.page(), None, number)
    report = ImageReport(measures=tuple(found.measures), shown=found.shown)
    check = ContentCheck(screen, tmp_path)
    [told] = check.findings_about(a_file("book.tif", "fmt/353"), report)
    assert (told.issue.code, told.region, found.shown) == ("PAG-003", None, 2)


def approximately(*region: float) -> object:
    return pytest.approx(region, abs=0.03)


@given(st.sampled_from([None, *range(1, 9)]), st.integers(0, 8), st.integers(0, 5), st.data())
def test_a_region_is_turned_as_the_picture_is(
    orientation: int | None, left: int, top: int, data: st.DataObject
):
    right, bottom = data.draw(st.integers(left + 1, 9)), data.draw(st.integers(top + 1, 6))
    picture = Image.new("L", (9, 6))
    picture.paste(255, (left, top, right, bottom))
    shown = picture.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else picture
    region = measures.upright((left / 9, top / 6, right / 9, bottom / 6), orientation)
    assert region is not None
    scaled = [part * side for part, side in zip(region, 2 * shown.size, strict=True)]
    assert scaled == pytest.approx(shown.getbbox())


def test_a_page_scanned_twice_is_found_and_pages_of_the_same_layout_are_not(
    tmp_path: Path, workers: CagedWorkers
):
    pages = [scanned_pages.page(seed) for seed in range(6)]
    files = {f"{number}.tif": encoded(picture, "TIFF") for number, picture in enumerate(pages)}
    files |= {
        "x-again.jpg": encoded(scanned_pages.scanned_again(pages[1]), "JPEG", quality=92),
        "x-same.tif": files["3.tif"],
        "y-blank.tif": encoded(scanned_pages.blank(), "TIFF"),
        "z-blank.tif": encoded(scanned_pages.page(2, lines=0), "TIFF"),
    }
    results = results_of(tmp_path, workers, files, 'faults = ["duplicates"]', "warn")
    found = {name: codes(result) for name, result in results.items() if result.issues}
    assert found == {
        "x-again.jpg": {"PAG-009": Severity.WARNING},
        "x-same.tif": {"PAG-008": Severity.WARNING},
    }
    assert "shows the same page as 1.tif" in results["x-again.jpg"].issues[0].message
    assert "byte for byte the same file as 3.tif" in results["x-same.tif"].issues[0].message


def test_every_page_of_a_tiff_is_measured(tmp_path: Path, workers: CagedWorkers):
    good, blank = scanned_pages.page(), scanned_pages.blank()
    book = encoded(good, "TIFF", save_all=True, append_images=[blank, scanned_pages.page(2), blank])
    results = results_of(tmp_path, workers, {"book.tif": book}, NO_DUPLICATES)
    (issue,) = results["book.tif"].issues
    assert issue.code == "PAG-002"
    assert ", on page 2 (the first of 2 such pages)" in issue.message


def test_what_is_not_measured_is_not_called_good(tmp_path: Path, workers: CagedWorkers):
    files = {
        "float.tif": tiff_of(samples(200, 300, kind="f4")),
        "tiny.png": encoded(scanned_pages.page().resize((12, 12)), "PNG"),
        "jp2-inside.tif": images_of_many_kinds()["jp2-inside.tif"],
    }
    results = results_of(tmp_path, workers, files)
    for name in files:
        assert codes(results[name]) == {IssueCode("PAG-001"): Severity.QUESTION}, name


def test_what_the_policy_names_and_is_no_image_is_not_called_good(tmp_path: Path, workers: CagedWorkers):
    files = {"page.tif": b"<html>404</html>", "notes.txt": b"Notes\n"}
    results = results_of(tmp_path, workers, files, 'paths = ["*.tif"]')
    assert codes(results["page.tif"]) == {IssueCode("PAG-001"): Severity.QUESTION}
    assert codes(results["notes.txt"]) == {}


def test_a_later_image_keeps_its_thumbnail_only_where_something_was_found(
    tmp_path: Path, workers: CagedWorkers, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("preservation.screening.examiners.FIRST_SHOWN", 1)
    monkeypatch.setattr("preservation.screening.screen.FIRST_SHOWN", 1)
    good, blank = encoded(scanned_pages.page(), "TIFF"), encoded(scanned_pages.blank(), "TIFF")
    files = {"1.tif": good, "2.tif": good, "3.tif": blank}
    results = results_of(tmp_path, workers, files, NO_DUPLICATES)
    shown = {name: bool(result.thumbnail) for name, result in results.items()}
    assert shown == {"1.tif": True, "2.tif": False, "3.tif": True}
    assert len(list((tmp_path / "thumbnails").iterdir())) == 2


def test_hostile_images_are_answered_from_the_cage(tmp_path: Path, workers: CagedWorkers):
    whole = encoded(scanned_pages.page(), "TIFF", compression="tiff_lzw")
    files = {f"{cut}.tif": whole[:cut] + bytes(40) + whole[cut + 40 :] for cut in range(8, 4000, 400)}
    results = results_of(tmp_path, workers, files, 'faults = ["blank"]')
    assert len(results) == len(files)
    assert all(result.issues or result.image for result in results.values())


@pytest.mark.parametrize("degrees", [-4, -1.5, -0.4, 0.8, 2.2, 4.6])
def test_the_skew_of_text_is_found_to_a_fifth_of_a_degree(degrees: float):
    for picture in (scanned_pages.page(4), scanned_pages.page(5).rotate(90, expand=True)):
        found = measures.of(scanned_pages.turned(picture, degrees), 1, is_bilevel=False)
        assert found is not None
        assert found.skew == pytest.approx(-degrees, abs=0.2)


def test_a_photograph_has_no_skew_and_a_dark_one_no_border_unless_it_is_even():
    grain = np.random.default_rng(5).normal(0, 1, (60, 80))
    smooth = Image.fromarray((grain * 40 + 110).clip(0, 255).astype("u1")).resize((1600, 1200))
    found = measures.of(smooth, 1, is_bilevel=False)
    assert found is not None
    assert (found.skew, found.border) == (None, 0.0)


def test_measures_are_the_same_at_any_resolution_of_the_scan():
    large = scanned_pages.page().resize((4500, 6000), Image.Resampling.BICUBIC)
    found = [measures.of(picture, 1, is_bilevel=False) for picture in (scanned_pages.page(), large)]
    first, second = (one for one in found if one is not None)
    assert first.content == pytest.approx(second.content, rel=0.05)
    assert first.edge_width == pytest.approx(second.edge_width, abs=0.3)
    assert first.skew == second.skew == 0


@given(st.sampled_from([1, 3]), st.sampled_from(["u1", "u2", "?"]), st.integers(1, 9), st.data())
def test_samples_are_reduced_as_averaging_them_at_once_would(
    bands: int, kind: str, factor: int, data: st.DataObject
):
    rows, columns = data.draw(st.integers(1, 700)), data.draw(st.integers(1, 20))
    shape = (rows, columns, bands) if bands > 1 and kind != "?" else (rows, columns)
    draw = np.random.default_rng(rows * 31 + columns)
    values = (draw.random(shape) * (60_000 if kind == "u2" else 250)).astype("u2" if kind == "u2" else "u1")
    if kind == "?":
        values = values > 100
    found = reduced(values, factor)
    eight = values * np.uint8(255) if kind == "?" else (values >> 8 if kind == "u2" else values)
    whole = rows - rows % factor
    if factor >= 4 and whole:
        # Two rows of each square stand for all of them, and rows that fill no square are left out.
        chosen = [factor // 4, factor - 1 - factor // 4]
    else:
        chosen, whole = list(range(min(factor, rows))), rows
    expected = eight[chosen, :factor].astype("f8").mean(axis=(0, 1))
    assert found.shape[:2] == (-(-whole // factor), -(-columns // factor))
    assert np.abs(found[0, 0] - expected).max() <= 1


def measured(look: int, signature: bytes, number: int = 1) -> PageMeasures:
    return PageMeasures(number, f"{look:016x}", signature, content=10.0)


def test_a_page_is_found_again_behind_many_others_in_flat_memory(tmp_path: Path):
    ledger = PageLedger(tmp_path)
    draw = np.random.default_rng(7)
    looks = draw.integers(0, 2**63, 20_000, dtype="u8")
    wanted = draw.integers(0, 255, 1024).astype("u1").tobytes()
    ledger.remember(RelativePath("the one"), "d", measured(1, wanted))
    for look in looks:
        ledger.remember(RelativePath("another"), "e", measured(int(look), bytes(1024)))
    found = ledger.most_alike(measured(3, wanted))
    assert found is not None
    assert (found.path, found.likeness) == ("the one", 100.0)
    held = ledger._looks.nbytes + ledger._offsets.nbytes
    assert held <= 16 * 32_768
    assert list(tmp_path.iterdir()) == []


def test_a_signature_that_a_worker_made_up_is_like_no_other(tmp_path: Path):
    ledger = PageLedger(tmp_path)
    ledger.remember(RelativePath("a"), "d", measured(1, b"short"))
    found = ledger.most_alike(measured(1, b"also short"))
    assert found is not None
    assert found.likeness == 0


@pytest.mark.parametrize("look", ["", "z" * 16, "f" * 17, "F" * 16, "-" + "1" * 15, "1" * 16 + "\n"])
def test_a_look_that_a_worker_made_up_is_no_report(look: str):
    measures = {"number": 1, "look": look, "signature": ""}
    with pytest.raises(msgspec.ValidationError, match="look"):
        msgspec.convert({"measures": [measures]}, ImageReport)
