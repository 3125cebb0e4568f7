"""Thresholds of ``page-content`` out of good scans: what was measured of them, and a little more.

What is agreed to be good shows how far a good page goes. A quarter beyond that is where a fault begins, but
no threshold comes closer than ``_NOT_BELOW``: a few good pages do not show all that is good.
"""

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from preservation.model.files import SurveyedFile
from preservation.model.page_measures import PageMeasures
from preservation.model.paths import RelativePath
from preservation.policy.page_content import PageFault
from preservation.policy.screen_tables import ScreenOutcome
from preservation.policy.screens import DecodableImages
from preservation.rasters.families import family_of, is_raster
from preservation.screening.examiners import ImageExaminer
from preservation.screening.page_ledger import PageLedger
from preservation.screening.reports import ImageReport
from preservation.tools.work import Completed, WorkOutcome
from preservation.tools.workers import CagedWorkers

_AT_ONCE = 200
_BEYOND: Final = 1.25
_NOT_BELOW: Final = {
    PageFault.SHADOWS: 0.5, PageFault.HIGHLIGHTS: 1.0, PageFault.SKEW: 0.5, PageFault.FOCUS: 2.0,
    PageFault.BORDER: 1.0, PageFault.DUPLICATES: 85.0,
}  # fmt: skip
_NOT_ABOVE: Final = {PageFault.SKEW: 5.0, PageFault.FOCUS: 20.0}
_MOST_BLANK: Final = 0.5
"""Per cent: a page with more than that on it is not blank, however full all others are."""
_HIGHEST: Final = 100.0
_THE_SAME: Final = 95.0
"""Per cent: so alike are two scans of one page, and no two pages that are to be told apart."""

_MEASURES: Final = {
    PageFault.BLANK: "content",
    PageFault.SHADOWS: "shadows",
    PageFault.HIGHLIGHTS: "highlights",
    PageFault.SKEW: "skew",
    PageFault.FOCUS: "edge_width",
    PageFault.BORDER: "border",
}
"""The measure by which each fault is found; duplicates are found by comparing pages."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One key of ``page-content``: how many pages it was measured of, how far they go, and the threshold.

    ``threshold`` is ``None`` where no page could be measured so; then the default holds.
    """

    key: PageFault
    pages: int
    least: float
    median: float
    most: float
    threshold: float | None


@dataclass(frozen=True, slots=True)
class AlikePages:
    """Two pages of the good ones that are so alike, in per cent, that they count as one page twice."""

    path: RelativePath
    other: RelativePath
    likeness: float


class GoodPages:
    """Takes the pages of good scans, one file after the other; ``folder`` is for a temporary file."""

    def __init__(self, folder: Path) -> None:
        self.pages = 0
        self.alike: list[AlikePages] = []
        self._found = {key: array("d") for key in PageFault}
        self._ledger = PageLedger(folder)

    def take(self, path: RelativePath, pages: Iterable[PageMeasures]) -> None:
        """Enter the pages of a file."""
        for page in pages:
            self.pages += 1
            for key, name in _MEASURES.items():
                value = getattr(page, name)
                if value is not None:
                    self._found[key].append(abs(value))
            earlier = self._ledger.most_alike(page)
            if earlier is not None and (page.content or 0) >= _MOST_BLANK:
                if earlier.likeness >= _THE_SAME:
                    self.alike.append(AlikePages(path, earlier.path, earlier.likeness))
                else:
                    self._found[PageFault.DUPLICATES].append(earlier.likeness)
            self._ledger.remember(path, "", page)

    def results(self) -> Iterator[Calibrated]:
        """Yield every key with its threshold, in the order of the policy."""
        for key, values in self._found.items():
            if not values:
                yield Calibrated(key, 0, 0.0, 0.0, 0.0, None)
                continue
            least, most = min(values), max(values)
            yield Calibrated(key, len(values), least, median(values), most, _threshold(key, least, most))


def _threshold(key: PageFault, least: float, most: float) -> float:
    if key is PageFault.BLANK:
        # Down, so that the emptiest of the good pages is none: three digits are measured.
        return min(_MOST_BLANK, math.floor(least / _BEYOND * 1000) / 1000)
    if key is PageFault.DUPLICATES:
        return min(_HIGHEST, max(_NOT_BELOW[key], math.ceil(most * 10 + 1) / 10))
    beyond = math.ceil(most * _BEYOND * 100) / 100
    return min(_NOT_ABOVE.get(key, _HIGHEST), max(_NOT_BELOW[key], beyond))


def screen_of(results: Iterable[Calibrated], pages: int) -> str:
    """Return the screen of a policy that has these thresholds, as TOML."""
    lines = [
        "[[screen]]",
        'check      = "page-content"',
        'outcome    = "warn"',
        f'because    = "Thresholds under which none of {pages:,} good pages had a finding."',
    ]
    lines += [f"{one.key.value:10} = {one.threshold:g}" for one in results if one.threshold is not None]
    return "\n".join(lines) + "\n"


def measured(
    files: Iterable[SurveyedFile], *, root: Path, workers: CagedWorkers, scratch: Path
) -> Iterator[tuple[RelativePath, tuple[PageMeasures, ...]]]:
    """Yield the raster images among ``files``, each with the measures of its pages; none where none came.

    ``workers`` have preloaded the job of images. Raises what ``CagedWorkers.map`` raises.
    """
    screen = DecodableImages(check="decodable-images", outcome=ScreenOutcome.WARN, because="measured")
    examiner = ImageExaminer(screen, workers.limits, scratch)
    images = (file for file in files if is_raster(file.path, file.identification))
    while several := list(islice(images, _AT_ONCE)):
        requests = []
        for file in several:
            family = family_of(file.path, file.identification)
            if family is None or not file.size:
                yield file.path, ()
                continue
            request = examiner.request(root / file.path, family, size=file.size, needs_a_look=False)
            arguments = {**request.arguments, "measured": True}
            requests.append((file.path, replace(request, arguments=arguments, outputs=())))
        outcomes = workers.map(request for _, request in requests)
        for (path, _), outcome in zip(requests, outcomes, strict=True):
            yield path, _pages_of(outcome)


def _pages_of(outcome: WorkOutcome) -> tuple[PageMeasures, ...]:
    """Return what was measured of a sound image; a damaged one is no good scan."""
    try:
        report = msgspec.convert(outcome.value, ImageReport) if isinstance(outcome, Completed) else None
    except msgspec.ValidationError:
        return ()
    return report.measures if report is not None and report.fault is None and not report.unmeasured else ()
