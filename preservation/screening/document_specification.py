"""The check of PDFs against what a contract asks of them, by what the reader of documents saw of each.

A level of PDF/A is only ever claimed: nothing here validates it. A font counts where what draws lists it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from preservation.model.amounts import count
from preservation.model.files import SurveyedFile
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable
from preservation.model.screening import DocumentFacts
from preservation.policy.document_specification import DocumentFeature, DocumentSpecification
from preservation.policy.globs import PathMatcher
from preservation.rasters.families import Family, family_of
from preservation.screening import codes
from preservation.screening.report_issues import Subject
from preservation.screening.reports import DocumentReport

_NAMED: Final = 5
_EXPORT: Final = "Export it again as the specification says, and drop that."
_UNKNOWN: Final = "could not be seen"


class DocumentSpecificationCheck:
    """Finds files that are to be PDFs and are none: to these the specification cannot be put."""

    def __init__(self, screen: DocumentSpecification, *_: object) -> None:
        self._screen = screen
        self._paths = PathMatcher(screen.paths)

    def look(self, file: SurveyedFile) -> Iterator[Issue]:
        """Yield that a file which the screen names by its path is no PDF."""
        is_pdf = file.size > 0 and family_of(file.path, file.identification) is Family.PDF
        if self._paths.matches(file.path) and not is_pdf:
            words = "is no PDF, and the policy asks here for one"
            yield Subject.under(file.path, self._screen).issue(
                codes.NOT_HELD_AGAINST_SPECIFICATION, words, _EXPORT
            )

    def close(self, _: Iterable[SurveyedFile]) -> Iterator[Issue]:
        """Yield nothing: each file stands for itself."""
        yield from ()


class DocumentSpecifications:
    """The policy's screens of this kind, held against what was seen of one PDF after the other."""

    def __init__(self, screens: Sequence[DocumentSpecification]) -> None:
        self._screens = [(screen, PathMatcher(screen.paths)) for screen in screens]

    def about(self, path: RelativePath, report: DocumentReport | None) -> Iterator[Issue]:
        """Yield what of a PDF is not as specified; ``report`` is ``None`` where none came of it."""
        for screen, paths in self._screens:
            if not screen.paths or paths.matches(path):
                yield from _about(Subject.under(path, screen), screen, report)


def _about(subject: Subject, screen: DocumentSpecification, report: DocumentReport | None) -> Iterator[Issue]:
    facts = None if report is None else report.facts
    if report is None or facts is None:
        words = "could not be held against the specification: it was not read"
        next_step = "See what else is said of it here; then export it again."
        yield subject.issue(codes.NOT_HELD_AGAINST_SPECIFICATION, words, next_step)
        return
    if screen.versions and facts.version not in screen.versions:
        words = f"is PDF {printable(facts.version)}, and {_asked(screen.versions)} is asked for"
        yield subject.issue(codes.OTHER_PDF_VERSION, words, _EXPORT)
    if screen.claims and facts.claims not in screen.claims:
        claimed = "claims no level of PDF/A" if facts.claims is None else f"claims {facts.claims}"
        words = f"{claimed}, and {_asked(screen.claims)} is asked for"
        yield subject.issue(codes.OTHER_PDF_CLAIM, words, _EXPORT)
    least, most = screen.least_pages, screen.most_pages
    if (least is not None and facts.pages < least) or (most is not None and facts.pages > most):
        asked = f"at least {least:,}" if least is not None and facts.pages < least else f"at most {most:,}"
        words = f"has {count(facts.pages, 'page')}, and {asked} are asked for"
        yield subject.issue(codes.OTHER_NUMBER_OF_PDF_PAGES, words, _EXPORT)
    for feature in screen.forbidden:
        found = _FOUND[feature](report, facts)
        if found == _UNKNOWN:
            words = f"could not be held against the specification: whether it has {_CALLED[feature]} {found}"
            yield subject.issue(codes.NOT_HELD_AGAINST_SPECIFICATION, words, _EXPORT)
        elif found is not None:
            words = f"has {_CALLED[feature]}{found}, which the policy forbids"
            yield subject.issue(codes.FORBIDDEN_IN_PDF, words, _EXPORT)


def _asked(choice: Sequence[str]) -> str:
    return choice[0] if len(choice) == 1 else f"one of {', '.join(choice)}"


def _absent_fonts(report: DocumentReport, _: DocumentFacts) -> str | None:
    if not report.absent_fonts:
        return None if report.parts_seen else _UNKNOWN
    more = f" and {len(report.absent_fonts) - _NAMED} more" if len(report.absent_fonts) > _NAMED else ""
    return f" ({', '.join(map(printable, report.absent_fonts[:_NAMED]))}{more})"


def _attachments(report: DocumentReport, facts: DocumentFacts) -> str | None:
    held = max(len(facts.attachments), report.embedded_files)
    if not held:
        return None if report.parts_seen else _UNKNOWN
    named = f": {', '.join(map(printable, facts.attachments[:_NAMED]))}" if facts.attachments else ""
    return f" ({count(held, 'file')}{named})"


def _forms(report: DocumentReport, _: DocumentFacts) -> str | None:
    return {True: "", False: None, None: _UNKNOWN}[report.has_xfa]


def _encryption(_: DocumentReport, facts: DocumentFacts) -> str | None:
    return "" if facts.encrypted else None


def _run(kind: str) -> Callable[[DocumentReport, DocumentFacts], str | None]:
    def found(report: DocumentReport, _: DocumentFacts) -> str | None:
        places = [one.removeprefix(kind).strip() for one in report.active if one.startswith(kind)]
        if places:
            return f" ({', '.join(map(printable, places[:_NAMED]))})"
        return _UNKNOWN if report.active_unread else None

    return found


_FOUND: Final[dict[DocumentFeature, Callable[[DocumentReport, DocumentFacts], str | None]]] = {
    DocumentFeature.ABSENT_FONTS: _absent_fonts,
    DocumentFeature.ENCRYPTION: _encryption,
    DocumentFeature.ATTACHMENTS: _attachments,
    DocumentFeature.XFA: _forms,
    DocumentFeature.JAVASCRIPT: _run("JavaScript"),
    DocumentFeature.LAUNCH: _run("Launch"),
}
_CALLED: Final = {
    DocumentFeature.ABSENT_FONTS: "fonts that are not embedded",
    DocumentFeature.ENCRYPTION: "encryption",
    DocumentFeature.ATTACHMENTS: "attachments",
    DocumentFeature.XFA: "an XFA form",
    DocumentFeature.JAVASCRIPT: "JavaScript",
    DocumentFeature.LAUNCH: "an action that starts a program",
}
