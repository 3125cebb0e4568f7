"""The checks of names: sequences and pairs, each with a drop that breaks just that, and one that does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.policies import a_file, a_policy

from preservation.errors import ConfigurationError
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, Severity
from preservation.screening.drop_checks import drop_checks_for
from preservation.screening.number_runs import NumberRuns

NAMES = ObjectName("ms-1387")
PATTERN = 'pattern = "{object}_{page:04d}.{ext}"'


def a_screen(check: str, *keys: str) -> str:
    lines = (f'check = "{check}"', 'outcome = "reject"', 'because = "The contract says so."', *keys)
    return "\n".join(("[[screen]]", *lines, ""))


def found_in(paths: Iterable[str], *screens: str) -> list[Issue]:
    checks = drop_checks_for(a_policy(*screens), NAMES, Path("/nowhere"))
    files = [a_file(path) for path in paths]
    issues = [issue for file in files for check in checks for issue in check.look(file)]
    return [*issues, *(issue for check in checks for issue in check.close(iter(files)))]


def faults(paths: Iterable[str], *keys: str, check: str = "file-names") -> dict[str, str]:
    """What stops the drop, by its code."""
    issues = found_in(paths, a_screen(check, *keys))
    return {issue.code: issue.message for issue in issues if issue.severity is Severity.ERROR}


def pages(*numbers: int, form: str = "ms-1387_{:04d}.tif") -> list[str]:
    return [form.format(number) for number in numbers]


def test_a_whole_sequence_gives_no_fault_and_says_what_was_looked_at():
    issues = found_in(pages(*range(1, 97)), a_screen("file-names", PATTERN))
    assert [(issue.code, issue.severity) for issue in issues] == [("NAM-007", Severity.INFO)]
    assert "ms-1387_{page}.{ext} (0001 to 0096)" in issues[0].message
    assert "no name shows" in issues[0].message


@pytest.mark.parametrize(
    ("paths", "keys", "code", "words"),
    [
        (["ms-1387_0001.tif", "scan2.tif"], [], "NAM-001", "scan2.tif has a name that does not fit"),
        (["ms-1387_0001.tif", "ms-1378_0002.tif"], [], "NAM-001", "'ms-1387'"),
        (["MS-1387_0001.tif", "ms-1387_0002.tif"], [], "NAM-002", "MS-1387_0001.tif differs"),
        (pages(1, 2, 4, 7, 8), [], "NAM-003", "3 numbers of ms-1387_{page}.{ext} (0001 to 0008) are"),
        (pages(1, 2, 4, 7, 8), [], "NAM-003", ": 0003, 0005 to 0006."),
        (pages(1, 3), [], "NAM-003", "1 number of ms-1387_{page}.{ext} (0001 to 0003) is missing: 0002."),
        ([*pages(1, 2), "ms-1387_0002.jpg"], [], "NAM-004", "'ms-1387_0002.tif', 'ms-1387_0002.jpg'"),
        (pages(2, 3), [], "NAM-005", "begin with 0002, and not with 0001"),
        (pages(0, 1), [], "NAM-005", "begin with 0000, and not with 0001"),
        (pages(1, 2), ["first = 0"], "NAM-005", "begin with 0001, and not with 0000"),
        (pages(1, 2), ["least = 3"], "NAM-006", "2 files, and at least 3 are asked for"),
        (pages(1, 2), ["most = 1"], "NAM-006", "2 files, and at most 1 are asked for"),
        (["notes.txt"], ['paths = ["*.tif"]', "least = 3"], "NAM-008", "No file of the drop"),
    ],
)  # fmt: skip
def test_each_rule_finds_what_breaks_just_that(paths: list[str], keys: list[str], code: str, words: str):
    found = faults(paths, PATTERN, *keys)
    assert list(found) == [code]
    assert words in found[code]


@pytest.mark.parametrize(
    ("paths", "keys"),
    [
        ([*pages(1, 2), "ms-1387_cover.tif"], ['exempt = ["*_cover.tif"]']),
        ([*pages(1, 2), "metadata.csv"], ['paths = ["*.tif"]']),
        ([*pages(1, 2), "ms-1387_0002.jpg"], ["across = []", "first = 'any'"]),
        (pages(7, 8), ['first = "any"']),
        (pages(1, 2), ["least = 2", "most = 2"]),
        ([f"{folder}/{name}" for folder in "ab" for name in pages(1, 2)], []),
        (["a/ms-1387_0001.tif", "b/ms-1387_0002.tif"], ['across = ["folder"]']),
        (pages(*range(9_999, 10_002)), ["first = 9999"]),
    ],
)
def test_what_is_allowed_is_no_fault(paths: list[str], keys: list[str]):
    assert faults(paths, PATTERN, *keys) == {}


def test_each_folder_and_each_value_of_the_other_fields_is_a_sequence_of_its_own():
    paths = ["1/012r.tif", "1/012v.tif", "1/013r.tif", "1/013v.tif", "2/001r.tif", "2/001v.tif", "2/003r.tif"]
    issues = found_in(paths, a_screen("file-names", 'pattern = "{folio:03d}{side:r|v}.tif"', 'first = "any"'))
    assert [issue.message for issue in issues if issue.severity is Severity.ERROR] == [
        "1 number of 2/{folio}r.tif (001 to 003) is missing: 002."
    ]


def test_numbers_that_are_not_filled_up_are_counted_in_any_order():
    names = sorted(f"p{number}.tif" for number in range(1, 1_200) if number != 577)
    found = faults(names, 'pattern = "p{page:d}.tif"')
    assert found == {"NAM-003": "1 number of p{page}.tif (1 to 1199) is missing: 577."}


def test_where_nothing_is_held_against_the_pattern_that_is_said_and_not_passed_over():
    (issue,) = found_in(["tiff/a.tif"], a_screen("file-names", PATTERN, 'paths = ["scans/*.tif"]'))
    assert (issue.code, issue.severity) == ("NAM-008", Severity.WARNING)


def test_a_name_whose_other_part_changes_its_case_is_named_and_is_in_the_sequence():
    found = faults(["ms-1_001.tif", "MS-1_002.tif"], 'pattern = "{shelfmark}_{page:03d}.tif"')
    assert list(found) == ["NAM-002"]
    assert "differs from ms-1_001.tif" in found["NAM-002"]


def test_a_gap_of_five_thousand_pages_is_one_finding_and_so_are_thousands_of_gaps():
    assert faults(pages(1, 5_002), PATTERN) == {
        "NAM-003": "5,000 numbers of ms-1387_{page}.{ext} (0001 to 5002) are missing: 0002 to 5001."
    }
    found = faults(pages(*range(1, 9_999, 2)), PATTERN)
    assert found["NAM-003"].endswith("0020 and 4,988 more.")


def test_of_thousands_of_sequences_the_first_are_named_and_the_others_counted():
    paths = [f"{folder:05d}/ms-1387_0002.tif" for folder in range(3_000)]
    issues = [issue for issue in found_in(paths, a_screen("file-names", PATTERN)) if issue.code == "NAM-005"]
    assert len(issues) == 11
    assert issues[-1].message == "The same is so of 2,990 further sequences of names."


def test_a_million_pages_in_order_are_held_as_one_run():
    runs = NumberRuns()
    for number in range(1, 1_000_001):
        runs.add(number)
    assert runs._earlier is None
    assert (runs.count, runs.found(10).last) == (1_000_000, 1_000_000)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=80))
def test_runs_of_numbers_say_what_a_list_of_them_says(numbers: Sequence[int]):
    runs = NumberRuns()
    for number in numbers:
        runs.add(number)
    found = runs.found(100)
    there = set(numbers)
    missing = set(range(min(there), max(there))) - there
    assert (found.first, found.last) == (min(there), max(there))
    assert {one for first, last in found.missing_runs for one in range(first, last + 1)} == missing
    assert (found.missing, found.doubled) == (len(missing), len(numbers) - len(there))
    assert set(found.doubled_numbers) == {one for one in there if numbers.count(one) > 1}


@given(st.lists(st.text("ms-1387_0o2/.tif\u0130ß", min_size=1, max_size=24), max_size=40), st.booleans())
def test_any_names_give_few_findings_of_the_whole_and_one_of_each(names: Sequence[str], by_folder: bool):  # noqa: FBT001  drawn
    across = "" if by_folder else 'across = ["folder", "ext"]'
    screens = (
        a_screen("file-names", 'pattern = "{shelfmark}_{page:d}.{ext}"', across),
        a_screen("paired-files", RAW, TIFF),
    )
    found = found_in(names, *screens)
    assert all(issue.message.isprintable() for issue in found)
    assert sum(issue.path is not None for issue in found) <= 2 * len(names)


RAW = 'one = "raw/{name}.dng"'
TIFF = 'other = "tiff/{name}.tif"'


def test_pairs_that_are_whole_give_no_fault():
    assert (
        faults(["raw/1.dng", "raw/2.dng", "tiff/1.tif", "tiff/2.tif"], RAW, TIFF, check="paired-files") == {}
    )


def test_a_file_without_its_partner_is_named_with_the_name_that_is_missing():
    found = faults(["raw/1.dng", "raw/2.dng", "tiff/1.tif"], RAW, TIFF, check="paired-files")
    assert found == {
        "NAM-009": "1 file that fits raw/{name}.dng has none beside it that fits tiff/{name}.tif: raw/2.dng "
        "(no tiff/2.tif)."
    }


def test_the_other_way_is_asked_for_unless_the_policy_says_otherwise():
    paths = ["raw/1.dng", "tiff/1.tif", "tiff/2.tif"]
    assert list(faults(paths, RAW, TIFF, check="paired-files")) == ["NAM-009"]
    assert faults(paths, RAW, TIFF, "both_ways = false", check="paired-files") == {}
    assert faults(paths, RAW, TIFF, 'exempt = ["tiff/2.*"]', check="paired-files") == {}


def test_a_file_that_fits_both_patterns_is_what_the_closer_pattern_says():
    screen = ('one = "{name}.tif"', 'other = "{name}_d.tif"')
    assert faults(["a.tif", "a_d.tif"], *screen, check="paired-files") == {}
    assert list(faults(["a.tif", "b_d.tif"], *screen, check="paired-files")) == ["NAM-009"]


def test_pairs_by_name_are_those_of_one_folder():
    paths = ["1/a.dng", "2/a.tif"]
    assert list(faults(paths, 'one = "{n}.dng"', 'other = "{n}.tif"', check="paired-files")) == ["NAM-009"]


def test_where_no_file_fits_either_pattern_that_is_said():
    (issue,) = found_in(["a.txt"], a_screen("paired-files", RAW, TIFF))
    assert (issue.code, issue.severity) == ("NAM-008", Severity.WARNING)


@pytest.mark.parametrize(
    "screen",
    [
        a_screen("file-names", 'pattern = "{a}{b}.tif"'),
        a_screen("file-names", 'pattern = "{title}.tif"', "first = 1"),
        a_screen("file-names", PATTERN, 'sequence = "ext"'),
        a_screen("file-names", PATTERN, 'across = ["volume"]'),
        a_screen("file-names", PATTERN, "least = 3", "most = 2"),
        a_screen("file-names", PATTERN, "first = -1"),
        a_screen("paired-files", RAW, 'other = "tiff/{other}.tif"'),
        a_screen("paired-files", RAW, RAW.replace("one", "other")),
        a_screen("paired-files", RAW, 'other = "{name}.tif"'),
    ],
)
def test_a_screen_that_cannot_be_meant_is_a_fault_of_the_policy(screen: str):
    with pytest.raises(ConfigurationError):
        a_policy(screen)


def test_several_screens_of_names_are_each_about_their_own_paths():
    masters = a_screen("file-names", PATTERN, 'paths = ["master/*"]')
    derivatives = a_screen("file-names", PATTERN, 'paths = ["access/*"]', "first = 2")
    paths = ["access/ms-1387_0002.jpg", "master/ms-1387_0001.tif"]
    assert [issue.code for issue in found_in(paths, masters, derivatives)] == ["NAM-007", "NAM-007"]
