"""The check of ``image-specification``: what a contract asks of images, held against what they state.

Each demand that is not met is one finding of a file, however many of its pages do not meet it.
"""

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from preservation.model.amounts import count
from preservation.model.files import SurveyedFile
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.page_facts import ImageColour, PageFacts, StatedPages
from preservation.model.paths import folded, quoted
from preservation.policy.globs import PathMatcher
from preservation.policy.image_specification import ImageSpecification, NumberRange
from preservation.rasters.families import is_raster
from preservation.screening import codes
from preservation.screening.report_issues import Subject
from preservation.screening.reports import ImageReport, PictureFinding

_ROUNDING: Final = 0.001
"""Formats state a resolution in units of their own, and round by less than this part of it."""
_NEAR_SQUARE: Final = 0.001
_MILLIMETRES: Final = 25.4

_SCAN_AGAIN: Final = "Scan it again as the contract asks, or ask an archivist; then drop it again."
_EXPORT_AGAIN: Final = "Export it again from the scan with this setting; then drop it again."
_WRITE_TAGS: Final = "Have the scanning program write it into each file, export the file again and drop it."


@dataclass(frozen=True, slots=True)
class Deviation:
    """What one page has that is not as asked: said of the file, after its name."""

    code: IssueCode
    found: str
    asked: str
    next_step: str = _EXPORT_AGAIN


_Demand = Callable[[ImageSpecification, PageFacts], Iterator[Deviation]]


class SpecificationCheck:
    """One ``image-specification`` of a policy."""

    def __init__(self, screen: ImageSpecification) -> None:
        self._screen = screen
        self._paths = PathMatcher(screen.paths)

    def findings_about(self, file: SurveyedFile, report: ImageReport | None) -> Iterator[PictureFinding]:
        """Yield what of an image is not as asked; ``report`` is ``None`` where none came of it."""
        is_meant = not self._screen.paths or self._paths.matches(file.path)
        if not (self._screen.asks_for_pictures and is_meant):
            return
        subject = Subject.under(file.path, self._screen)
        if not is_raster(file.path, file.identification):
            # What the policy names is to be an image; of other files a screen without paths says nothing.
            if self._screen.paths and not self._screen.formats:
                reason = f"it is no raster image but {file.identification.name}"
                yield PictureFinding(_not_compared(subject, reason))
            return
        stated = report.stated if report is not None else None
        if stated is None or stated.fault or not stated.pages:
            reason = stated.fault if stated is not None else ""
            yield PictureFinding(_not_compared(subject, reason or "nothing could read what it states"))
        if stated is not None and stated.pages:
            for deviation in _deviations(self._screen, stated):
                words = f"{deviation.found}; the policy asks for {deviation.asked}"
                yield PictureFinding(subject.issue(deviation.code, words, deviation.next_step))


def format_issues(screen: ImageSpecification) -> Callable[[SurveyedFile], Iterator[Issue]]:
    """Return the part of the check that takes no look into files: whether their formats are allowed.

    Where the screen has no paths, it is about raster images alone.
    """
    paths = PathMatcher(screen.paths)

    def issues_about(file: SurveyedFile) -> Iterator[Issue]:
        is_meant = paths.matches(file.path) if screen.paths else is_raster(file.path, file.identification)
        if screen.formats and is_meant and file.identification.decided not in screen.formats:
            found = file.identification
            named = f"{found.name} ({found.decided})" if found.decided else found.name
            words = f"is of {named}; the policy asks for {' or '.join(screen.formats)}"
            yield Subject.under(file.path, screen).issue(codes.OTHER_FORMAT, words, _EXPORT_AGAIN)

    return issues_about


def _not_compared(subject: Subject, reason: str) -> Issue:
    words = f"was not held against the specification: {reason}"
    next_step = "Open it and compare it with the contract; or export it again in a common form and drop that."
    severity = Severity.QUESTION if subject.severity is Severity.ERROR else subject.severity
    return subject.issue(codes.NOT_SPECIFIED, words, next_step, severity=severity)


def _deviations(screen: ImageSpecification, stated: StatedPages) -> Iterator[Deviation]:
    found: dict[tuple[IssueCode, str], tuple[Deviation, PageFacts, int]] = {}
    for page in stated.pages:
        for demand in _DEMANDS:
            for deviation in demand(screen, page):
                key = deviation.code, deviation.asked
                first = found.get(key, (deviation, page, 0))
                found[key] = first[0], first[1], first[2] + page.alike
    for deviation, page, pages in found.values():
        where = f" on page {page.number:,}" if stated.count > 1 else ""
        more = f" (the first of {pages:,} such pages)" if pages > 1 else ""
        yield replace(deviation, found=f"{deviation.found}{where}{more}")
    if screen.pages is not None and not stated.fault and not screen.pages.holds(stated.count):
        asked = f"{screen.pages} a file"
        next_step = "Export one file for as many pages as the contract asks; then drop it again."
        yield Deviation(codes.OTHER_PAGES, f"has {count(stated.count, 'page')}", asked, next_step)


def _compression(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    allowed = screen.compressions
    if allowed and not {page.compression, page.compression.partition(",")[0]}.intersection(allowed):
        yield Deviation(codes.OTHER_COMPRESSION, f"has compression {page.compression}", " or ".join(allowed))


def _resolution(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    if screen.dpi is None and not screen.square_pixels:
        return
    asked = f"{screen.dpi} dpi" if screen.dpi is not None else "the same number across and down"
    if page.dispute:
        yield Deviation(
            codes.DISPUTED_RESOLUTION, f"states resolutions that contradict each other: {page.dispute}", asked
        )
    if page.resolution is None:
        yield Deviation(codes.NO_RESOLUTION, "states no resolution in a unit of length", asked)
        return
    across, down = page.resolution
    named = f"is {across:.6g} x {down:.6g} dpi"
    if screen.dpi is not None and not all(screen.dpi.holds(axis, _ROUNDING) for axis in (across, down)):
        yield Deviation(codes.OTHER_RESOLUTION, named, asked, _SCAN_AGAIN)
    if screen.square_pixels and abs(across - down) > _NEAR_SQUARE * across:
        yield Deviation(codes.NOT_SQUARE, named, "the same number across and down")


def _unit(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    if screen.resolution_unit is not None and page.unit not in {"", screen.resolution_unit}:
        found = "no unit" if page.unit == "none" else f"the {page.unit}"
        yield Deviation(
            codes.OTHER_UNIT, f"states its resolution by {found}", f"the {screen.resolution_unit}"
        )


def _size(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    edges = (("longer", screen.long_edge, max), ("shorter", screen.short_edge, min))
    for name, extent, of in edges:
        edge = of(page.width, page.height)
        if extent is not None and not extent.holds(edge):
            found = f"is {page.width:,} x {page.height:,} pixels, its {name} edge {edge:,}"
            yield Deviation(codes.OTHER_SIZE, found, f"{extent} pixels of the {name} edge", _SCAN_AGAIN)


def _of_the_original(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    original, dpi = screen.original_mm, screen.dpi
    if original is None or dpi is None:
        return
    reached = min(min(page.width, page.height) / original.short, max(page.width, page.height) / original.long)
    least = NumberRange(least=dpi.least)
    if not least.holds(reached * _MILLIMETRES, _ROUNDING):
        size = f"{original.short:g} x {original.long:g} mm"
        found = (
            f"is {page.width:,} x {page.height:,} pixels, {reached * _MILLIMETRES:.0f} dpi of an original of "
            f"{size}"
        )
        yield Deviation(codes.TOO_FEW_PIXELS, found, f"{least} dpi of it", _SCAN_AGAIN)


def _pixels(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    if screen.bits and not set(page.bits) <= set(screen.bits):
        found = f"has samples of {_listed(page.bits, 'and')} bit"
        yield Deviation(codes.OTHER_BITS, found, f"{_listed(screen.bits)} bit", _SCAN_AGAIN)
    if screen.samples and page.samples not in screen.samples:
        found = (
            f"has {count(page.samples, 'sample')} a pixel" if page.samples else "has samples of a rare kind"
        )
        yield Deviation(codes.OTHER_SAMPLES, found, f"{_listed(screen.samples)} samples")
    if screen.colours and page.colour not in screen.colours:
        found = "other" if page.colour is ImageColour.OTHER else str(page.colour)
        yield Deviation(codes.OTHER_COLOURS, f"has {found} pixels", _listed(screen.colours), _SCAN_AGAIN)


def _listed(items: Sequence[object], word: str = "or") -> str:
    return f" {word} ".join(map(str, items))


def _profile(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    found = page.profile
    if screen.profile == "forbidden" and found is not None:
        yield Deviation(codes.UNWANTED_PROFILE, f"has the ICC profile {quoted(found.name)}", "none")
    if not screen.asks_for_profile:
        return
    if found is None:
        asked = _listed(screen.profile_names) if screen.profile_names else "one"
        yield Deviation(codes.NO_PROFILE, "has no ICC profile", asked)
        return
    if found.fault:
        yield Deviation(
            codes.UNSOUND_PROFILE,
            f"has an ICC profile that is not known to be sound: {found.fault}",
            "a sound one",
        )
        return
    if screen.profile_names and found.name not in screen.profile_names:
        asked = _listed([quoted(name) for name in screen.profile_names])
        yield Deviation(codes.OTHER_PROFILE, f"has the ICC profile {quoted(found.name)}", asked)
    if screen.profile_digests and found.sha256 not in screen.profile_digests:
        asked = f"one of SHA-256 {_listed(screen.profile_digests)}"
        named = f"has the ICC profile {quoted(found.name)} of SHA-256 {found.sha256}"
        yield Deviation(codes.OTHER_PROFILE, named, asked)


def _layout(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    if screen.orientations and page.orientation not in screen.orientations:
        asked = f"{_listed(screen.orientations)}"
        yield Deviation(codes.OTHER_ORIENTATION, f"has orientation tag {page.orientation}", asked)
    if screen.byte_order is not None and page.byte_order not in {"", screen.byte_order}:
        asked = f"{screen.byte_order}-endian"
        yield Deviation(codes.OTHER_BYTE_ORDER, f"is a {page.byte_order}-endian TIFF", asked)
    if screen.no_reduced_copies and page.copies:
        yield Deviation(codes.REDUCED_COPIES, f"holds {_listed(page.copies, 'and')}", "the picture alone")
    if screen.no_layers and page.layers:
        next_step = "Flatten it in the program that has the layers; then drop it again."
        yield Deviation(codes.LAYERS, f"holds {page.layers}", "none", next_step)


def _tags(screen: ImageSpecification, page: PageFacts) -> Iterator[Deviation]:
    stated = dict(page.tags)
    for name, pattern in screen.tags.items():
        asked = f"a tag {name}" + ("" if pattern == "*" else f" that fits {quoted(pattern)}")
        text = stated.get(name)
        if text is None:
            yield Deviation(codes.NO_TAG, f"has no tag {name}", asked, _WRITE_TAGS)
        elif not _fits(text, pattern):
            yield Deviation(codes.OTHER_TAG, f"has the tag {name} with {quoted(text)}", asked, _WRITE_TAGS)


def _fits(text: str, pattern: str) -> bool:
    # ``*`` and ``?`` alone are special in patterns of policies.
    return fnmatch.fnmatchcase(folded(text), folded(pattern).replace("[", "[[]"))


_DEMANDS: Final[tuple[_Demand, ...]] = (
    _compression, _resolution, _unit, _size, _of_the_original, _pixels, _profile, _layout, _tags,
)  # fmt: skip
"""In the order in which findings of a file are reported."""
