"""Patterns of names: which are taken, what they find in a name, and how long they take over hostile ones."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.model.identifiers import ObjectName
from preservation.policy.name_patterns import NameMatcher, NamePattern, fields_of, name_pattern, numbers_of

OBJECT = ObjectName("ms-1387")


def values(pattern: str, path: str) -> dict[str, str] | None:
    return NameMatcher(name_pattern(pattern), OBJECT).values_in(path)


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("{object}_{page:04d}.{ext}", "scans/ms-1387_0001.tif", {"page": "0001", "ext": "tif"}),
        ("{object}_{page:04d}.tif", "ms-1388_0001.tif", None),
        ("{object}_{page:04d}.tif", "ms-1387_001.tif", None),
        ("{object}_{page:04d}.tif", "ms-1387_00001.tif", None),
        ("{object}_{page:04d}.tif", "ms-1387_12345.tif", {"page": "12345"}),
        ("{object}_{page:04d}.tif", "ms-1387_١٢٣٤.tif", None),
        ("{shelfmark}_{page:d}.tif", "ms_12_7.tif", {"shelfmark": "ms_12", "page": "7"}),
        ("{shelfmark}_{page:d}.tif", "ms_12_07.tif", None),
        ("{folio:03d}{side:r|v}.tif", "012v.tif", {"folio": "012", "side": "v"}),
        ("{folio:03d}{side:r|v}.tif", "012x.tif", None),
        ("{title}{page:03d}.tif", "plate1234.tif", {"title": "plate", "page": "1234"}),
        ("{volume}/{volume}_{page:02d}.tif", "v1/v1_07.tif", {"volume": "v1", "page": "07"}),
        ("{volume}/{volume}_{page:02d}.tif", "v1/v2_07.tif", None),
        ("{volume}/{volume}_{page:02d}.tif", "v1_07.tif", None),
        ("{{{page:02d}}}.tif", "{07}.tif", {"page": "07"}),
    ],
)
def test_a_name_has_the_fields_of_the_pattern_or_does_not_fit(
    pattern: str, path: str, found: dict[str, str] | None
):
    assert values(pattern, path) == found


@pytest.mark.parametrize(
    "pattern",
    [
        "", "cover.tif", "{page", "{page:04d}/", "/{page:04d}", "../{page:04d}", "{}", "{0}", "{a.b}",
        "{a!r}",
        "{page:4d}", "{page:05.2f}", "{side:r}", "{side:r|}", "{object:04d}", "{folder}", "{Page:d}",
        "{one}{other}", "{one:d}{other:d}", "{side:r|v}{one}{side:r|v}{other}", "{a:d}_{a:04d}",
        "{a}" + "x" * 500,
    ],
)  # fmt: skip
def test_a_pattern_that_takes_nothing_or_leaves_its_fields_open_is_a_fault(pattern: str):
    with pytest.raises(ValueError, match=r"."):
        name_pattern(pattern)


def test_a_pattern_names_its_fields_and_which_of_them_are_numbers():
    pattern = name_pattern("{object}/{volume:02d}/{object}_{page:04d}{side:r|v}.{ext}")
    assert fields_of(pattern) == ("object", "volume", "page", "side", "ext")
    assert numbers_of(pattern) == ("volume", "page")


def test_accents_are_the_same_however_they_are_spelled():
    matcher = NameMatcher(name_pattern("Häuser_{page:d}.tif"), OBJECT)
    for form in ("NFC", "NFD"):
        assert matcher.values_in(unicodedata.normalize(form, "Häuser_7.tif")) == {"page": "7"}


def test_a_name_that_fits_but_for_its_case_gives_the_name_that_is_meant():
    matcher = NameMatcher(name_pattern("{object}_{folio:03d}{side:r|v}.tif"), OBJECT)
    assert matcher.values_in("MS-1387_012V.TIF") is None
    found = matcher.values_in_any_case("MS-1387_012V.TIF")
    assert found is not None
    assert matcher.name_with(found) == "ms-1387_012v.tif"


_LETTERS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/._{}")
_TEXT = st.text(_LETTERS, min_size=1, max_size=20)


@given(_TEXT, st.integers(0, 999_999_999), st.sampled_from(["r", "v"]), _TEXT)
def test_what_a_pattern_writes_it_reads_again(text: str, page: int, side: str, extension: str):
    matcher = NameMatcher(name_pattern("{object}_{title}_{page:04d}{side:r|v}.{ext}"), OBJECT)
    given = {"title": unicodedata.normalize("NFC", text), "side": side}
    given["ext"] = unicodedata.normalize("NFC", extension)
    found = matcher.values_in(matcher.name_with({**given, "page": page}))
    assert found == {**given, "page": f"{page:04d}"}


@given(st.text(max_size=60))
@settings(max_examples=40)
def test_any_text_is_a_pattern_or_a_fault_and_a_pattern_takes_any_name(text: str):
    try:
        pattern = name_pattern(text)
    except ValueError:
        return
    matcher = NameMatcher(pattern, OBJECT)
    matcher.values_in(text)
    matcher.values_in_any_case(text * 3)


@pytest.mark.parametrize("name", ["_-" * 127, "_" * 255, "a_-_." * 51, "1_" * 127, "_0001-" * 42])
def test_a_hostile_name_takes_no_longer_than_its_length_asks_for(name: str):
    matcher = NameMatcher(NamePattern("{a}_{b}-{c}_{d}-{page:04d}{e}.{ext}"), OBJECT)
    started = time.process_time()
    for _ in range(200):
        assert matcher.values_in(name + "x") is None
    assert time.process_time() - started < 1
