"""From what an examiner reports of a file to issues that stand in the record."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

import msgspec

from preservation.model.amounts import count
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, printable, quoted
from preservation.model.screening import Unexamined
from preservation.policy.screens import DecodableImages, Screen
from preservation.screening import codes
from preservation.screening.reports import ArchiveReport, DocumentReport, ImageReport
from preservation.tools.work import Completed, Died, Exhausted, Refused, WorkOutcome

Report = TypeVar("Report", bound=msgspec.Struct)

_REMARKS_NAMED = 3
_LOOK = "Open it; if it is as it should be, ask an archivist."
_LIMITS = "Raise [limits] in muniment.toml, or have the policy ask instead."
_RESCAN = "Rescan or export it again and put the new file in its place; then drop it again."


@dataclass(frozen=True, slots=True)
class Subject:
    """A file, and the severity of a finding of the check at hand."""

    path: RelativePath
    severity: Severity
    because: str = ""

    @classmethod
    def under(cls, path: RelativePath, screen: Screen) -> Self:
        """Return the subject of the policy's ``screen``."""
        return cls(path, screen.outcome.severity, screen.because)

    def issue(
        self,
        code: IssueCode,
        words: str,
        next_step: str,
        *,
        severity: Severity | None = None,
        for_operators: str = "",
    ) -> Issue:
        """Return an issue that says ``words`` of the file, by default with the check's severity."""
        message = f"{printable(self.path)} {words.removesuffix('.')}."
        return Issue(
            code, severity or self.severity, message, self.path, next_step, self.because, for_operators
        )


def read_report(outcome: WorkOutcome, kind: type[Report], subject: Subject) -> Report | Issue:
    """Return the report, or the issue that says why there is none.

    The report comes from a process that may have been taken over: what has not its shape is no report.
    """
    match outcome:
        case Completed(value):
            try:
                return msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                words = f"made its examiner report nonsense: {error}"
                return subject.issue(codes.EXAMINER_CRASHED, words, _RESCAN)
        case Refused(reason):
            return subject.issue(codes.EXAMINER_CRASHED, f"could not be examined: {reason}", _RESCAN)
        case Exhausted(limit, detail):
            words = f"takes more {limit} to be examined than it may ({detail})"
            return subject.issue(codes.LIMIT_REACHED, words, _LOOK, for_operators=_LIMITS)
        case Died(detail):
            return subject.issue(codes.EXAMINER_CRASHED, f"crashes what opens it ({detail})", _RESCAN)


def about_image(report: ImageReport, subject: Subject, screen: DecodableImages) -> Iterator[Issue]:
    """Yield what is wrong with an image, each fault weighed by the screen, and what is remarkable."""
    if report.fault is not None:
        yield subject.issue(codes.DAMAGED_IMAGE, f"is a damaged image: {report.fault}", _RESCAN)
    if report.later is not None:
        severity = (screen.later or screen.outcome).severity
        words = f"is a damaged image, behind its first picture: {report.later}"
        yield subject.issue(codes.DAMAGED_IMAGE, words, _RESCAN, severity=severity)
    if report.profile is not None:
        words = f"has a damaged ICC profile: {report.profile}; what its colours are is not certain"
        next_step = "Scan or export it again with the profile; its pixels are not concerned."
        yield subject.issue(codes.DAMAGED_PROFILE, words, next_step, severity=screen.profile.severity)
    if report.imperfect is not None:
        words = f"can be decoded, and breaks a rule of its format: {report.imperfect}"
        yield subject.issue(codes.IMPERFECT_IMAGE, words, _LOOK, severity=screen.imperfect.severity)
    for note in report.notes:
        yield subject.issue(codes.REMARK_ON_IMAGE, note, "", severity=Severity.INFO)
    if report.too_much is not None:
        yield subject.issue(
            codes.LIMIT_REACHED, f"cannot be decoded here: {report.too_much}", _LOOK, for_operators=_LIMITS
        )
    if report.unsupported is not None:
        yield no_decoder(subject, report.unsupported)


def no_decoder(subject: Subject, reason: str) -> Issue:
    """Return the issue that an image was not looked into: silence would look like soundness."""
    words = f"is an image that could not be checked, because there is no decoder for it here ({reason})"
    next_step = "Open it to see that it is whole."
    return subject.issue(codes.NO_DECODER, words, next_step, severity=Severity.WARNING)


@dataclass(frozen=True, slots=True)
class DocumentSeverities:
    """The severities where a document needs a password, runs something, or has to be mended by readers."""

    locked: Severity
    active: Severity
    imperfect: Severity


_NAMED = 5


def about_document(
    report: DocumentReport, subject: Subject, severities: DocumentSeverities, kind: str
) -> Iterator[Issue]:
    """Yield what is wrong with a document of that ``kind``, and what of it was not looked at."""
    article = "an" if kind[:1] in "EO" else "a"
    if report.needs_password:
        words = "is encrypted and cannot be opened without a password"
        next_step = "Save it without the password and put that file in its place; then drop it again."
        yield subject.issue(codes.PASSWORD_NEEDED, words, next_step, severity=severities.locked)
    if report.fault is not None:
        words = f"is a broken {kind}: {report.fault}"
        yield subject.issue(codes.BROKEN_DOCUMENT, words, _RESCAN)
    elif report.facts is not None and report.facts.encrypted:
        words = "is encrypted, with an empty password; what may be done with it is restricted"
        next_step = "Save it without restrictions if you may."
        yield subject.issue(codes.ENCRYPTED, words, next_step, severity=Severity.WARNING)
    if report.encrypted:
        words = f"is {article} {kind} of which parts are encrypted: {', '.join(report.encrypted[:_NAMED])}"
        next_step = "Save it without the password if you may; what is encrypted cannot be looked at."
        yield subject.issue(codes.PASSWORD_NEEDED, words, next_step, severity=severities.locked)
    if report.fault is None and report.remarks:
        remarks = "; ".join(report.remarks[:_REMARKS_NAMED])
        words = f"is {article} {kind} that readers have to repair: {remarks}"
        next_step = "Open it to see that it is whole; export it again if you can."
        yield subject.issue(codes.IMPERFECT_DOCUMENT, words, next_step, severity=severities.imperfect)
    if report.active:
        words = f"is a PDF that runs something when it is opened or clicked: {', '.join(report.active)}"
        next_step = "Ask who made it whether it must; if not, save it as PDF/A, which cannot, and drop that."
        yield subject.issue(codes.ACTIVE_DOCUMENT, words, next_step, severity=severities.active)
    yield from _not_looked_at(report, subject)


def _not_looked_at(report: DocumentReport, subject: Subject) -> Iterator[Issue]:
    attached = report.facts.attachments if report.facts is not None else ()
    if report.facts is not None and attached:
        what = "a portfolio, which is there for the sake of" if report.facts.is_portfolio else "a PDF with"
        named = ", ".join(map(quoted, attached[:_NAMED]))
        more = f" and {len(attached) - _NAMED:,} more" if len(attached) > _NAMED else ""
        words = (
            f"is {what} {count(len(attached), 'attached file')}: {named}{more}; none of them was looked into"
        )
        next_step = "Save them out of it and drop them beside it if each is to be identified and checked."
        yield subject.issue(codes.ATTACHMENTS, words, next_step, severity=Severity.INFO)
    if report.unseen:
        words = f"was not looked into wholly: {'; '.join(report.unseen[:_NAMED])}"
        next_step = "Open it to see that it is whole."
        yield subject.issue(codes.DOCUMENT_NOT_WHOLLY_SEEN, words, next_step, severity=Severity.INFO)


def about_archive(report: ArchiveReport, subject: Subject) -> Iterator[Issue]:
    """Yield what would do harm when an archive is unpacked."""
    if report.escaping:
        named = "; ".join(map(printable, report.escapes))
        yield subject.issue(
            codes.ESCAPING_ARCHIVE,
            f"is an archive of which {count(report.escaping, 'member')} must not be unpacked: {named}",
            "Pack it again from the folder itself, without links, devices and '..'; then drop it again.",
        )
    if report.bomb is not None:
        words = f"is an archive that would fill a disk or the memory: {report.bomb}"
        next_step = "Drop its content as a folder instead."
        yield subject.issue(codes.ARCHIVE_BOMB, words, next_step)
    if report.fault is not None:
        words = f"is an archive that cannot be listed to its end: {report.fault}"
        next_step = "Pack or copy it again; then drop it again."
        yield subject.issue(codes.BROKEN_ARCHIVE, words, next_step)
    if report.damaged:
        named = "; ".join(map(printable, report.damage))
        words = (
            f"is an archive of which {count(report.damaged, 'member')} cannot be unpacked as packed: {named}"
        )
        next_step = "Pack or copy it again; then drop it again."
        yield subject.issue(codes.BROKEN_ARCHIVE, words, next_step)
    if report.nested or not report.wholly or report.encrypted or report.unread:
        extent = _not_seen_of(report)
        words = f"was not looked into wholly: {extent}"
        next_step = "Drop its content as a folder if every file in it is to be identified and checked."
        yield subject.issue(codes.ARCHIVE_NOT_WHOLLY_SEEN, words, next_step, severity=Severity.INFO)


def _not_seen_of(report: ArchiveReport) -> str:
    if not report.wholly:
        return "only its beginning was looked at"
    found = (
        (report.nested, f"{count(report.nested, 'archive')} in it"),
        (report.encrypted, f"{count(report.encrypted, 'member')} behind a password"),
        (report.unread, f"{count(report.unread, 'member')} for which there was no time, or no unpacker"),
    )
    return ", ".join(words for number, words in found if number)


_REASONS_NAMED = 5


def not_examined(unexamined: Iterable[Unexamined]) -> Issue | None:
    """Return the remark on what nothing looked into; ``None`` where something looked into every file."""
    reasons = list(unexamined)
    if not reasons:
        return None
    first = ", ".join(f"{printable(one.reason)} ({one.files:,})" for one in reasons[:_REASONS_NAMED])
    more = f", and {len(reasons) - _REASONS_NAMED} more reasons" if len(reasons) > _REASONS_NAMED else ""
    files = count(sum(one.files for one in reasons), "file")
    message = (
        f"Not examined: {files}, of which name, size and format were checked and nothing else: {first}{more}."
    )
    return Issue(codes.NOT_EXAMINED, Severity.INFO, message, None, "Open some of them where it matters.")
