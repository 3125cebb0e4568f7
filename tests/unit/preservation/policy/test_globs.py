"""Patterns for paths: what they take, and whether two of them can take one path."""

from __future__ import annotations

import time

import pytest

from preservation.model.paths import extension_of
from preservation.policy.globs import PathMatcher, PathPattern, can_both_match, path_pattern


@pytest.mark.parametrize(
    ("pattern", "taken", "not_taken"),
    [
        ("Thumbs.db", ["Thumbs.db", "a/b/thumbs.DB"], ["Thumbs.db/a", "xThumbs.db", "Thumbs_db"]),
        ("*.csv", ["a.csv", "b/.csv", "a\nb.csv"], ["a.csv.txt", "csv"]),
        ("._*", ["._", "a/._b"], ["a._b"]),
        ("page_????.tif", ["page_0001.tif"], ["page_001.tif", "page_00/1.tif"]),
        ("scans/*.tif", ["scans/a.tif", "SCANS/A.TIF"], ["a.tif", "scans/x/a.tif", "old/scans/a.tif"]),
        ("scans/**", ["scans/a", "scans/b/c/d"], ["scans", "old/scans/a"]),
        ("**/__MACOSX/**", ["__MACOSX/a", "b/__MACOSX/c/d"], ["__MACOSX", "x__MACOSX/a"]),
        ("**/a/**/b/*", ["a/b/c", "x/a/y/z/b/c"], ["a/b", "b/a/c", "a/xb/c"]),
        ("**", ["a", "b/c"], []),
        ("*a*b*c*", ["xaxbxcx", "abc"], ["acb", "ab/c"]),
        ("Straße/é*", ["STRASSE/E\N{COMBINING ACUTE ACCENT}t.tif"], ["strase/é"]),
        ("[ab].txt", ["[ab].txt"], ["a.txt"]),
        ("a+b(c).txt", ["A+B(C).TXT"], ["aab(c).txt"]),
    ],
)
def test_a_pattern_takes_what_people_mean_by_it(pattern: str, taken: list[str], not_taken: list[str]):
    matcher = PathMatcher([path_pattern(pattern)])
    assert [path for path in taken if not matcher.matches(path)] == []
    assert [path for path in not_taken if matcher.matches(path)] == []


def test_no_patterns_take_nothing_and_several_take_what_any_of_them_takes():
    assert not PathMatcher([]).matches("")
    several = PathMatcher([path_pattern("*.a"), path_pattern("b|c")])
    assert [several.first_match(path) for path in ("x.A", "b|c", "b")] == ["*.a", "b|c", None]


@pytest.mark.parametrize("pattern", ["", "/a", "a/", "a//b", "./a", "a/../b", "..", "**a", "a/b**/c"])
def test_a_pattern_that_could_take_no_file_is_refused(pattern: str):
    with pytest.raises(ValueError, match=r"takes no file|stands alone"):
        path_pattern(pattern)


@pytest.mark.parametrize(
    ("left", "right", "meet"),
    [
        ("*.csv", "*.xml", False),
        ("*.csv", "*.CSV", True),
        ("*.csv", "scans/*", True),
        ("*.csv", "scans/*.tif", False),
        ("scans/**", "texts/**", False),
        ("scans/**", "**/texts/*", True),
        ("scan*", "*.tif", True),
        ("a*b", "b*a", False),
        ("a*b", "*c*", True),
        ("page_?.tif", "page_??.tif", False),
        ("*", "a/b/c", True),
        ("a/*", "a/b/*", False),
        ("a/**/z", "**/y/z", True),
        ("a/b", "a/b", True),
        ("**", "x", True),
    ],
)
def test_two_patterns_meet_where_some_path_fits_both(left: str, right: str, *, meet: bool):
    assert can_both_match(PathPattern(left), PathPattern(right)) is meet
    assert can_both_match(PathPattern(right), PathPattern(left)) is meet


def test_a_hostile_name_does_not_keep_a_pattern_busy():
    matcher = PathMatcher([path_pattern("**/*a*a*a*a*a*a*a*b/**/*a*a*a*a*a*c/**/d*d*e")])
    hostile = "/".join(["a" * 250] * 16)
    started = time.process_time()
    assert not matcher.matches(hostile)
    assert time.process_time() - started < 2


def test_the_extension_is_the_last_one_of_the_name():
    names = {"a/b.TIF": "tif", "a.tar.gz": "gz", ".bashrc": "", "x.y/z": "", "a.": "", ".a.b": "b"}
    assert {name: extension_of(name) for name in names} == names
