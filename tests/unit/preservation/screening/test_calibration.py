"""Thresholds out of good scans: under them, none of these has a finding."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.policies import a_file

from preservation.model.page_measures import PageMeasures
from preservation.model.paths import RelativePath
from preservation.policy.page_content import PageContent
from preservation.screening.calibration import GoodPages, screen_of
from preservation.screening.page_content import ContentCheck
from preservation.screening.reports import ImageReport


def rounded(least: float, most: float, digits: int) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(least, most).map(lambda value: round(value, digits))


PAGES = st.builds(
    PageMeasures,
    number=st.just(1),
    look=st.integers(0, 2**64 - 1).map(lambda look: f"{look:016x}"),
    signature=st.binary(min_size=8, max_size=8).map(lambda few: few * 128),
    content=rounded(0, 100, 3),
    shadows=rounded(0, 100, 3),
    highlights=rounded(0, 100, 3),
    skew=rounded(-5, 5, 2),
    edge_width=rounded(1, 20, 2),
    border=rounded(0, 100, 2),
)


@settings(max_examples=30)
@given(st.lists(PAGES, min_size=1, max_size=6))
def test_no_page_that_was_measured_has_a_finding_under_its_thresholds(pages: list[PageMeasures]):
    with tempfile.TemporaryDirectory() as folder:
        calibration = GoodPages(Path(folder))
        for number, page in enumerate(pages):
            calibration.take(RelativePath(f"{number}.tif"), [page])
        text = screen_of(calibration.results(), calibration.pages)
        screen = PageContent.model_validate(tomllib.loads(text)["screen"][0])
        check = ContentCheck(screen, Path(folder))
        found = [
            finding.issue
            for number, page in enumerate(pages)
            for finding in check.findings_about(
                a_file(f"{number}.tif", "fmt/353"), ImageReport(measures=(page,))
            )
        ]
    # One page twice is named while measuring; whoever leaves it there has it found.
    twice = {pair.path for pair in calibration.alike}
    assert [issue.message for issue in found if issue.path not in twice] == []
    assert {issue.code for issue in found} <= {"PAG-009"}
