"""Names of every script, names that end oddly, links for identification, and the times of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preservation.identification.links import NamedLinks
from preservation.model.identifiers import object_name
from preservation.model.paths import RelativePath, printable
from preservation.premis.units import file_time, nanoseconds_of
from preservation.survey.issues import found_elsewhere, leads_out, spelled_otherwise


@pytest.mark.parametrize(
    "name",
    [
        "\u0646\u0627\u0645\u0647\u200c\u0647\u0627",  # Persian: letters
        "क्\u200dष",  # Devanagari
        "\U0001f469\u200d\U0001f393 portraits",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
        "Donau\u00addampfschiff",
        "日本語フォルダ",
        "1 - Enquiry.",
    ],
)
def test_a_name_in_any_script_names_an_object_and_is_shown_as_it_is(name: str):
    assert object_name(name) == name
    assert printable(name) == name


@pytest.mark.parametrize("name", ["a\u202eb", "a\u2066b", "a\u200eb", "a\ufeffb", "a\nb", "a\x7fb"])
def test_what_turns_the_writing_direction_or_shows_nothing_is_refused_and_escaped(name: str):
    with pytest.raises(ValueError, match="control character"):
        object_name(name)
    assert printable(name).isascii()


def test_a_name_in_a_sentence_is_shown_once_escaped_and_in_its_own_script():
    persian = RelativePath("\u0646\u0627\u0645\u0647\u200c\u0647\u0627.md5")
    assert "'E:/Auftr\\xe4ge/'" in found_elsewhere(persian, "E:/Auftr\udce4ge/").message
    assert f"'{persian}'" in spelled_otherwise(persian, 1, [persian]).message
    assert "'..\\a.txt'" in leads_out(persian, "..\\a.txt").message


@pytest.mark.parametrize(
    ("modified", "text"),
    [
        (-11_644_473_600 * 10**9, "1601-01-01T00:00:00.000Z"),
        (-6_374_419_200 * 10**9, "1768-01-02T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (4_354_819_198 * 10**9, "2107-12-31T23:59:58.000Z"),
        (253_402_300_799 * 10**9, "9999-12-31T23:59:59.000Z"),
        (253_402_300_800 * 10**9, ""),
        (-(2**63), "1677-09-21T00:12:43.145224192Z"),
        (2**80, ""),
    ],
)
def test_any_time_of_a_file_can_be_recorded(modified: int, text: str):
    assert file_time(modified) == text


@given(st.integers(-62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1))
def test_any_recorded_time_comes_back_to_the_nanosecond(modified: int):
    assert nanoseconds_of(file_time(modified)) == modified


@pytest.mark.parametrize("text", ["", "1998", "1998-03-15T22:13:00Z", "1998-13-15T22:13:00.000Z", "now"])
def test_what_is_no_time_of_ours_is_none(text: str):
    assert nanoseconds_of(text) is None


def test_links_with_ever_new_names_are_removed_as_they_are_done(tmp_path: Path):
    links = NamedLinks(tmp_path, 12)
    for batch in range(30):
        first = links.number
        shown = [links.to(f"папка {batch} {number}.tif") for number in range(256)]
        assert all(str(Path(link).readlink()) == "/proc/self/fd/12" for link in shown)
        links.remove_before(first)
    left = list(tmp_path.rglob("*.tif"))
    assert len(left) < 3_000
    assert {Path(link) for link in shown} <= set(left)
