"""The check of ``page-content``: what was measured of pages, held against the thresholds of the policy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from preservation.model.amounts import count
from preservation.model.files import SurveyedFile
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.page_measures import PageMeasures, Region
from preservation.model.paths import printable
from preservation.policy.globs import PathMatcher
from preservation.policy.page_content import PageContent, PageFault
from preservation.rasters.families import is_raster
from preservation.screening import codes
from preservation.screening.page_ledger import EarlierPage, PageLedger
from preservation.screening.report_issues import Subject
from preservation.screening.reports import ImageReport, PictureFinding

_LEAST_CONTENT: Final = 0.5
"""Per cent: pages with less on them look alike without being the same."""

_SCAN_AGAIN: Final = "Scan the page again; then drop it again."
_LOOK: Final = "Look at its picture; if the page is as it should be, ask an archivist."


@dataclass(frozen=True, slots=True)
class MeasuredFault:
    """A measure that is beyond its threshold: the fault, the measure and the threshold, in words."""

    code: IssueCode
    words: str
    next_step: str
    region: Region | None = None


_Judge = Callable[[PageContent, PageMeasures], MeasuredFault | None]


class ContentCheck:
    """One ``page-content``; remembers the pages of the drop. ``folder`` is for a temporary file."""

    def __init__(self, screen: PageContent, folder: Path) -> None:
        self._screen = screen
        self._paths = PathMatcher(screen.paths)
        self._ledger = PageLedger(folder) if PageFault.DUPLICATES in screen.faults else None

    def findings_about(self, file: SurveyedFile, report: ImageReport | None) -> Iterator[PictureFinding]:
        """Yield what is wrong with the pages of an image; ``report`` is ``None`` where none came of it."""
        # What the policy names is to be a page; of other files a screen without paths says nothing.
        has_pages = is_raster(file.path, file.identification)
        if not (self._paths.matches(file.path) if self._screen.paths else has_pages):
            return
        subject = Subject.under(file.path, self._screen)
        measures = report.measures if report is not None else ()
        if report is None or ((report.unmeasured or not measures) and not report.fault):
            yield PictureFinding(_not_measured(subject, report))
        found: dict[IssueCode, tuple[MeasuredFault, PageMeasures, int]] = {}
        for page in measures:
            for fault in self._faults_of(file, page):
                first = found.get(fault.code, (fault, page, 0))
                found[fault.code] = first[0], first[1], first[2] + 1
        for fault, page, pages in found.values():
            where = f", on page {page.number:,}" if len(measures) > 1 else ""
            more = f" (the first of {pages:,} such pages)" if pages > 1 else ""
            issue = subject.issue(fault.code, f"{fault.words}{where}{more}", fault.next_step)
            is_shown = report is not None and page.number == report.shown
            yield PictureFinding(issue, fault.region if is_shown else None)

    def _faults_of(self, file: SurveyedFile, page: PageMeasures) -> Iterator[MeasuredFault]:
        for kind, judge in _JUDGES.items():
            fault = judge(self._screen, page) if kind in self._screen.faults else None
            if fault is not None:
                yield fault
        if self._ledger is not None:
            digest = next(iter(file.digests.values()), "")
            earlier = self._ledger.most_alike(page)
            if earlier is not None:
                yield from self._duplicate(file, page, earlier, digest)
            self._ledger.remember(file.path, digest, page)

    def _duplicate(
        self, file: SurveyedFile, page: PageMeasures, earlier: EarlierPage, digest: str
    ) -> Iterator[MeasuredFault]:
        where = printable(earlier.path) + (f", page {earlier.number:,}" if earlier.number > 1 else "")
        next_step = "See which of the two pages is missing, and scan it; or take one of them out."
        if digest and earlier.digest == digest and earlier.path != file.path:
            words = f"is byte for byte the same file as {where}"
            yield MeasuredFault(codes.SAME_BYTES, words, next_step)
        elif (page.content or 0) >= _LEAST_CONTENT and earlier.likeness >= self._screen.duplicates:
            words = (
                f"shows the same page as {where}: {earlier.likeness:g} % alike; from "
                f"{self._screen.duplicates:g} % on it is taken for the same"
            )
            yield MeasuredFault(codes.SAME_PICTURE, words, next_step)


def _not_measured(subject: Subject, report: ImageReport | None) -> Issue:
    pages = f"{count(report.unmeasured, 'page')} of it" if report is not None and report.measures else "it"
    words = (
        f"was not measured: nothing here makes a grey picture of {pages}, and so no page fault was looked for"
    )
    severity = Severity.QUESTION if subject.severity is Severity.ERROR else subject.severity
    return subject.issue(codes.NOT_MEASURED, words, "Open it and look at it.", severity=severity)


def _blank(screen: PageContent, page: PageMeasures) -> MeasuredFault | None:
    if page.content is None or page.content >= screen.blank:
        return None
    words = (
        f"is a blank page: {page.content:g} % of its pixels differ from the paper; below {screen.blank:g} % "
        "a page is taken for blank"
    )
    return MeasuredFault(codes.BLANK_PAGE, words, _LOOK)


def _shadows(screen: PageContent, page: PageMeasures) -> MeasuredFault | None:
    if page.shadows is None or page.shadows <= screen.shadows:
        return None
    words = f"has lost its shadows: {page.shadows:g} % of it is black; at most {screen.shadows:g} % may be"
    return MeasuredFault(
        codes.LOST_SHADOWS,
        words,
        "Scan it again with a longer exposure, or a lower contrast.",
        page.shadows_at,
    )


def _highlights(screen: PageContent, page: PageMeasures) -> MeasuredFault | None:
    if page.highlights is None or page.highlights <= screen.highlights:
        return None
    found = f"{page.highlights:g} % of it is white"
    words = f"has lost its highlights: {found}; at most {screen.highlights:g} % may be"
    return MeasuredFault(
        codes.LOST_HIGHLIGHTS,
        words,
        "Scan it again with a shorter exposure, or a lower contrast.",
        page.highlights_at,
    )


def _skew(screen: PageContent, page: PageMeasures) -> MeasuredFault | None:
    if page.skew is None or abs(page.skew) <= screen.skew:
        return None
    words = (
        f"is skewed: its lines are turned by {abs(page.skew):g} degrees; at most {screen.skew:g} degrees are "
        "allowed"
    )
    return MeasuredFault(codes.SKEWED_PAGE, words, _SCAN_AGAIN)


def _focus(screen: PageContent, page: PageMeasures) -> MeasuredFault | None:
    if page.edge_width is None or page.edge_width <= screen.focus:
        return None
    words = (
        f"is out of focus: its sharpest edges take {page.edge_width:g} pixels of a page 1,000 pixels long; "
        f"at most {screen.focus:g} are allowed"
    )
    return MeasuredFault(codes.OUT_OF_FOCUS, words, _SCAN_AGAIN)


def _border(screen: PageContent, page: PageMeasures) -> MeasuredFault | None:
    if page.border is None or page.border <= screen.border:
        return None
    words = (
        f"is not cropped: a dark stripe along an edge takes {page.border:g} % of it; at most "
        f"{screen.border:g} % are allowed"
    )
    return MeasuredFault(
        codes.UNCROPPED_EDGE,
        words,
        "Crop it to the page, or scan it again; then drop it again.",
        page.border_at,
    )


_JUDGES: Final[dict[PageFault, _Judge]] = {
    PageFault.BLANK: _blank,
    PageFault.SHADOWS: _shadows,
    PageFault.HIGHLIGHTS: _highlights,
    PageFault.SKEW: _skew,
    PageFault.FOCUS: _focus,
    PageFault.BORDER: _border,
}
"""In the order in which faults of a page are reported; duplicates are found beside them."""
