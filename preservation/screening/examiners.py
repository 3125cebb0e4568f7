"""Which examiner looks into which files: its requests to the caged workers, and what becomes of the answers.

To add a screen that looks into files, add it to ``EXAMINERS``.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from preservation.model.events import Agent
from preservation.model.formats import Identification
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath
from preservation.model.screening import ALL_CONTENT, PASSWORD_PROTECTION, Inhibitor, ScreenedFile
from preservation.policy.document_specification import DocumentSpecification
from preservation.policy.schema import Policy
from preservation.policy.screen_tables import ScreenTable
from preservation.policy.screens import DecodableImages, SafeArchives, SoundDocuments
from preservation.policy.supplied_xml import SuppliedXml
from preservation.rasters.families import Family, family_of
from preservation.screening import codes, report_issues
from preservation.screening.document_specification import DocumentSpecifications
from preservation.screening.programs import DECODERS, READERS
from preservation.screening.report_issues import DocumentSeverities, Subject
from preservation.screening.reports import ArchiveReport, DocumentReport, ImageReport
from preservation.screening.supplied_xml import XML_JOBS, schemas_for
from preservation.tools.limits import Limits
from preservation.tools.work import JobName, Request, WorkOutcome

JOB_MODULES: Final = (
    "preservation.screening.images",
    "preservation.screening.documents",
    "preservation.screening.archives",
    "preservation.screening.packages",
)
"""What the caged workers of every screening must preload."""

_EXAMINE_IMAGE, _EXAMINE_PDF, _EXAMINE_ARCHIVE, _EXAMINE_PACKAGE = (
    JobName(f"{name}:examine") for name in JOB_MODULES
)

FIRST_SHOWN: Final = 300
"""So many images of a drop get a thumbnail, whatever is found."""
_SLOWEST_PDF = 512 << 10
"""Bytes of a PDF a second that must be expected: every image is decoded, and JPEG 2000 takes its time."""
_SHARE_OF_ONE_IMAGE = 0.4
"""Of a worker's address space: besides the decoded image there are the libraries, and the image reduced."""


class Examiner(Protocol):
    """Asks about files of its families, and adds to the screened file what the answer says."""

    families: ClassVar[frozenset[Family]]

    def request(self, source: Path, family: Family, *, size: int, needs_a_look: bool) -> Request:
        """Return what to ask about a file of ``size`` bytes.

        ``needs_a_look`` is true where people will want to see the file.
        """

    def finish(self, screened: ScreenedFile, request: Request, outcome: WorkOutcome) -> ScreenedFile:
        """Return ``screened`` with the facts and issues that the outcome holds."""


class ImageExaminer:
    """Has images decoded, and thumbnails made of the first few hundred."""

    families: ClassVar = frozenset(family for family in Family if family.is_image)

    def __init__(self, screen: DecodableImages, limits: Limits, thumbnails: Path, **_: object) -> None:
        self._screen = screen
        self._memory = int(limits.address_space * _SHARE_OF_ONE_IMAGE)
        self._thumbnails = thumbnails
        self._asked = 0

    def request(self, source: Path, family: Family, *, size: int, needs_a_look: bool) -> Request:  # noqa: ARG002  as any examiner
        """Return what to ask about an image."""
        self._asked += 1
        # Never named after the file: its name may be anything.
        thumbnail = self._thumbnails / f"{self._asked:06}.jpg"
        return Request(
            _EXAMINE_IMAGE,
            {"family": family.value, "memory": self._memory},
            (source,),
            (thumbnail,) if needs_a_look or self._asked <= FIRST_SHOWN else (),
        )

    def finish(self, screened: ScreenedFile, request: Request, outcome: WorkOutcome) -> ScreenedFile:
        """Return ``screened`` with the image's facts, its issues, and its thumbnail if one was made."""
        subject = Subject.under(screened.path, self._screen)
        report = report_issues.read_report(outcome, ImageReport, subject)
        if isinstance(report, Issue):
            return _without_report(screened, report, DECODERS["pillow"])
        return replace(
            screened,
            image=report.facts,
            examiner=_unless(report.unsupported or report.too_much, DECODERS[report.decoder]),
            is_damaged=report.fault is not None or report.later is not None,
            thumbnail=self._kept_thumbnail(request, report),
            is_part_shown=report.is_part_shown,
            issues=(*screened.issues, *report_issues.about_image(report, subject, self._screen)),
        )

    def _kept_thumbnail(self, request: Request, report: ImageReport) -> str | None:
        for path in request.outputs:
            if report.has_thumbnail:
                return f"{self._thumbnails.name}/{path.name}"
            # Created for the worker, and empty still: there was nothing to be shown.
            path.unlink()
        return None


class DocumentExaminer:
    """Has documents read to their ends, and holds PDFs against what the policy specifies of them.

    Those that need a password have an outcome of their own.
    """

    families: ClassVar = frozenset(family for family in Family if family.is_document)

    def __init__(
        self, screen: SoundDocuments, limits: Limits, *_: object, policy: Policy | None = None
    ) -> None:
        self._screen = screen
        specified = () if policy is None else policy.screens(DocumentSpecification)
        self._specifications = DocumentSpecifications(specified)
        self._severities = DocumentSeverities(
            locked=(screen.encrypted or screen.outcome).severity,
            active=screen.active.severity,
            imperfect=screen.imperfect.severity,
        )
        self._memory = int(limits.address_space * _SHARE_OF_ONE_IMAGE)

    def request(self, source: Path, family: Family, *, size: int, needs_a_look: bool) -> Request:  # noqa: ARG002  as any examiner
        """Return what to ask about a document."""
        arguments = {"family": family.value, "memory": self._memory}
        if family is not Family.PDF:
            return Request(_EXAMINE_PACKAGE, arguments, (source,))
        return Request(_EXAMINE_PDF, arguments, (source,), more_seconds=size // _SLOWEST_PDF)

    def finish(self, screened: ScreenedFile, request: Request, outcome: WorkOutcome) -> ScreenedFile:
        """Return ``screened`` with the document's facts and issues."""
        subject = Subject.under(screened.path, self._screen)
        report = report_issues.read_report(outcome, DocumentReport, subject)
        kind = str(request.arguments["family"])
        if isinstance(report, Issue):
            screened = _without_report(screened, report, READERS["pypdf"] if kind == Family.PDF else None)
            return self._specified(screened, None) if kind == Family.PDF else screened
        first, *others = (READERS[name] for name in report.readers) if report.readers else (None,)
        issues = report_issues.about_document(report, subject, self._severities, kind)
        screened = replace(
            screened,
            document=report.facts,
            issues=(*screened.issues, *issues),
            inhibitors=_inhibitors(report),
            examiner=first,
            other_examiners=tuple(others),
            is_damaged=report.fault is not None,
        )
        return self._specified(screened, report) if kind == Family.PDF else screened

    def _specified(self, screened: ScreenedFile, report: DocumentReport | None) -> ScreenedFile:
        found = self._specifications.about(screened.path, report)
        return replace(screened, issues=(*screened.issues, *found))


class ArchiveExaminer:
    """Has archives listed, and what a zip holds compared with its checksums."""

    families: ClassVar = frozenset(family for family in Family if family.is_archive)

    def __init__(self, screen: SafeArchives, *_: object, **__: object) -> None:
        self._screen = screen

    def request(self, source: Path, family: Family, *, size: int, needs_a_look: bool) -> Request:  # noqa: ARG002  as any examiner
        """Return what to ask about an archive."""
        return Request(_EXAMINE_ARCHIVE, {"family": family.value}, (source,))

    def finish(self, screened: ScreenedFile, request: Request, outcome: WorkOutcome) -> ScreenedFile:  # noqa: ARG002  likewise
        """Return ``screened`` with what would do harm when the archive is unpacked."""
        subject = Subject.under(screened.path, self._screen)
        report = report_issues.read_report(outcome, ArchiveReport, subject)
        if isinstance(report, Issue):
            return _without_report(screened, report, None)
        found = report_issues.about_archive(report, subject)
        is_damaged = report.fault is not None or report.damaged > 0
        return replace(screened, issues=(*screened.issues, *found), is_damaged=is_damaged)


def _unless(not_seen: object, program: Agent) -> Agent | None:
    """Return the program that looked into a file, ``None`` where it did not get to see what is in it."""
    return None if not_seen else program


def _without_report(screened: ScreenedFile, issue: Issue, program: Agent | None) -> ScreenedFile:
    """Return what is known of a file of which no report came: what crashes its decoder is damaged."""
    crashed = issue.code == codes.EXAMINER_CRASHED
    return replace(
        screened,
        issues=(*screened.issues, issue),
        examiner=program if crashed else None,
        is_damaged=crashed,
    )


def _inhibitors(report: DocumentReport) -> tuple[Inhibitor, ...]:
    targets = (ALL_CONTENT,) if report.needs_password else tuple(map(str, report.withheld))
    return (Inhibitor(PASSWORD_PROTECTION, targets),) if targets else ()


_Maker: TypeAlias = type[ImageExaminer] | type[DocumentExaminer] | type[ArchiveExaminer]
EXAMINERS: Final[dict[type[ScreenTable], _Maker]] = {
    DecodableImages: ImageExaminer,
    SoundDocuments: DocumentExaminer,
    SafeArchives: ArchiveExaminer,
}


def jobs_of(policy: Policy) -> tuple[str, ...]:
    """Return what the caged workers must preload for a policy.

    With the job about XML comes lxml, a twentieth of a second for each worker that others need not spend.
    """
    return (*JOB_MODULES, XML_JOBS) if policy.screens(SuppliedXml) else JOB_MODULES


def examiners_for(policy: Policy, limits: Limits, thumbnails: Path) -> dict[Family, Examiner]:
    """Return the examiner of each family; families that the policy has not checked are absent."""
    examiners: dict[Family, Examiner] = {}
    for kind, make in EXAMINERS.items():
        screen: Any = policy.screen(kind)
        if screen is not None:
            examiner = make(screen, limits, thumbnails, policy=policy)
            examiners |= dict.fromkeys(examiner.families, examiner)
    return examiners


def unexamined(policy: Policy, path: RelativePath, identification: Identification) -> str:
    """Say why nothing looks into a file, ``""`` where an examiner does: silence would look like soundness."""
    family = family_of(path, identification)
    if family is None and schemas_for(policy, path):
        return ""
    if family is None:
        return f"no examiner for {identification.name}"
    screen = next(kind for kind, make in EXAMINERS.items() if family in make.families)
    if policy.screen(screen) is None:
        return f"the policy has no screen that looks into {family.value}"
    return (
        "of an archive only the list and the checksums are looked at: what is in it is not"
        if family.is_archive
        else ""
    )
