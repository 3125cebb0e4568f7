"""The check of XML that comes with a drop: whether it is valid by the schema that the policy names.

What is valid is said to be that, and no more: a schema says nothing of what is true of an object.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from preservation.descriptions import codes
from preservation.model.amounts import count
from preservation.model.files import SurveyedFile
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable, quoted
from preservation.model.screening import ScreenedFile
from preservation.policy.globs import PathMatcher
from preservation.policy.schema import Policy
from preservation.policy.schema_files import SchemaFile, files_of_schema, schemas_among
from preservation.policy.supplied_xml import SuppliedXml
from preservation.screening import report_issues
from preservation.screening.programs import XML_READER
from preservation.screening.report_issues import Subject
from preservation.screening.reports import XmlFault, XmlReport
from preservation.tools.work import JobName, Json, Request, WorkOutcome

XML_JOBS: Final = "preservation.screening.xml_validation"
_VALIDATE: Final = JobName(f"{XML_JOBS}:validate")

_SLOWEST: Final = 1 << 20
"""Bytes of XML a second that must be expected."""
_CORRECT: Final = "Correct it, or export it again from the program that wrote it; then drop it again."


class SuppliedXmlCheck:
    """Finds that a drop has no file of those that are to be validated, where the policy requires one."""

    def __init__(self, screen: SuppliedXml, *_: object) -> None:
        self._screen = screen
        self._paths = PathMatcher(screen.paths)
        self._is_there = False

    def look(self, file: SurveyedFile) -> Iterator[Issue]:
        """Note that there is such a file. What is in it is looked at elsewhere, in the cage."""
        self._is_there = self._is_there or self._paths.matches(file.path)
        yield from ()

    def close(self, _: Iterable[SurveyedFile]) -> Iterator[Issue]:
        """Yield that there is none."""
        screen = self._screen
        if screen.required and not self._is_there:
            wanted = ", ".join(screen.paths)
            message = (
                f"The drop has no XML that is to be valid by {printable(screen.schema_path)} ({wanted})."
            )
            next_step = "Add it, and drop it again."
            yield Issue(
                codes.NO_SUPPLIED_XML, screen.outcome.severity, message, None, next_step, screen.because
            )


@dataclass(frozen=True, slots=True)
class XmlValidation:
    """One file that is held against one schema: the request, and what its answer means."""

    screen: SuppliedXml
    request: Request

    def finish(self, screened: ScreenedFile, outcome: WorkOutcome) -> ScreenedFile:
        """Return ``screened`` with what is wrong with the file, or with the schema by which it is valid."""
        subject = Subject.under(screened.path, self.screen)
        report = report_issues.read_report(outcome, XmlReport, subject)
        if isinstance(report, Issue):
            return replace(screened, issues=(*screened.issues, report))
        found = tuple(_issues(report, subject, self.screen))
        valid_by = () if found else (self.screen.schema_path,)
        screened = replace(
            screened,
            issues=(*screened.issues, *found),
            is_damaged=screened.is_damaged or report.fault is not None,
            valid_by=(*screened.valid_by, *valid_by),
        )
        if screened.examiner is None:
            return replace(screened, examiner=XML_READER)
        others = dict.fromkeys((*screened.other_examiners, XML_READER))
        return replace(screened, other_examiners=tuple(one for one in others if one != screened.examiner))


class XmlValidations:
    """The policy's screens of this kind."""

    def __init__(self, policy: Policy) -> None:
        read = schemas_among(policy.schemas)
        self._screens = [
            (screen, PathMatcher(screen.paths), _arguments(screen, files_of_schema(screen.schema_path, read)))
            for screen in policy.screens(SuppliedXml)
        ]

    def of(self, file: SurveyedFile, root: Path) -> Iterator[XmlValidation]:
        """Yield what is to be done with a file of the drop that lies at ``root``."""
        for screen, paths, arguments in self._screens:
            if paths.matches(file.path):
                more = file.size // _SLOWEST
                request = Request(_VALIDATE, arguments, (root / file.path,), more_seconds=more)
                yield XmlValidation(screen, request)


def schemas_for(policy: Policy, path: RelativePath) -> tuple[str, ...]:
    """Return the schemas by which a file at ``path`` has to be valid."""
    screens = policy.screens(SuppliedXml)
    return tuple(screen.schema_path for screen in screens if PathMatcher(screen.paths).matches(path))


def _arguments(screen: SuppliedXml, files: Iterable[SchemaFile]) -> dict[str, Json]:
    return {
        "schema": screen.schema_path,
        # JSON has no bytes: each as the character of its number.
        "schemas": {file.path: file.content.decode("latin-1") for file in files},
        "root": screen.root or "",
    }


def _issues(report: XmlReport, subject: Subject, screen: SuppliedXml) -> Iterator[Issue]:
    schema = printable(screen.schema_path)
    if report.too_much is not None:
        words = (
            f"goes beyond what is read of XML: {printable(report.too_much)}; it was not held against {schema}"
        )
        next_step = "Make it smaller, or divide it; then drop it again."
        yield subject.issue(codes.XML_GOES_BEYOND, words, next_step)
    elif report.fault is not None:
        yield subject.issue(codes.NOT_WELL_FORMED, f"is no well-formed XML: {_at(report.fault)}", _CORRECT)
    elif report.entities:
        named = ", ".join(map(quoted, report.entities))
        words = f"has entities, which are not replaced here: {named}; it was not held against {schema}"
        next_step = "Write the characters themselves instead of entities; then drop it again."
        yield subject.issue(codes.XML_ENTITIES, words, next_step)
    elif screen.root is not None and report.local_name != screen.root:
        words = f"has the root element {quoted(report.root)}, and the policy asks for {quoted(screen.root)}"
        next_step = "See whether it is the file that is meant; then drop it again."
        yield subject.issue(codes.OTHER_ROOT, words, next_step)
    elif report.invalid:
        named = "; ".join(map(_at, report.invalid))
        more = ""
        if report.others:
            others = count(report.others, "other fault")
            more = f"; and {others} or more" if report.are_more else f"; and {others}"
        words = f"is not valid by {schema}: {named}{more}"
        yield subject.issue(codes.NOT_VALID, words, _CORRECT)


def _at(fault: XmlFault) -> str:
    words = printable(fault.words).removesuffix(".")
    return f"line {fault.line:,}: {words}" if fault.line else words
