"""What intake asks of the cage, and what becomes of the answers."""

from pathlib import Path
from typing import Final, TypeVar

import msgspec

from preservation.archives.members import ArchiveKind, UnpackLimits
from preservation.intake import codes
from preservation.intake.exchange import Found, Listed
from preservation.model.issues import Issue, IssueCode
from preservation.model.paths import RelativePath, fault_of_path, printable, quoted
from preservation.tools.wire import unpacked
from preservation.tools.work import Completed, Died, Exhausted, JobName, Refused, WorkOutcome

JOB_MODULES: Final = ("preservation.intake.jobs",)
"""What the caged workers of an intake must preload."""

READING_MODULES: Final = ("preservation.intake.second_reading",)
"""What those must preload that read submitted bags by path."""

LIST, UNPACK = (JobName(f"{JOB_MODULES[0]}:{job}") for job in ("list_archive", "unpack_archive"))
READ_AGAIN: Final = JobName(f"{READING_MODULES[0]}:read")

_SLOWEST: Final = 20

Answered = TypeVar("Answered")


def more_seconds(archive: Path) -> int:
    """Return what reading it may take besides what every request may: a second for each MiB."""
    return archive.stat().st_size >> _SLOWEST


def answered(outcome: WorkOutcome, kind: type[Answered], archive: Path) -> Answered | Issue:
    """Return what the cage answers about ``archive``, checked for its shape, or why there is no answer."""
    match outcome:
        case Completed(value):
            try:
                return msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                return not_read(archive, f"what reads it no longer makes sense: {error}")
        case Refused(reason):
            return not_read(archive, reason)
        case Exhausted(limit, detail):
            return not_read(archive, f"that takes more {limit} than it may ({detail})")
        case Died(detail):
            return not_read(archive, f"it crashes what reads it ({detail})")


def listed_in(outcome: WorkOutcome, archive: Path, limits: UnpackLimits) -> Listed | Issue:
    """Return what is in the archive, or why that is not known.

    A worker that was taken over may state anything: a base that leads elsewhere is refused, and so is more
    than may be unpacked.
    """
    found = answered(outcome, Listed, archive)
    if isinstance(found, Issue):
        return found
    try:
        base = unpacked(found.base)
    except UnicodeEncodeError:
        return not_read(archive, "what reads it no longer makes sense: it states no folder")
    if found.kind not in {None, *(kind.value for kind in ArchiveKind)}:
        return not_read(archive, "what reads it no longer makes sense: it states no kind of archive")
    if base and (not base.endswith("/") or fault_of_path(base[:-1]) is not None):
        return not_read(archive, "what reads it no longer makes sense: the bag is to lie elsewhere")
    if not found.harmful and (found.size > limits.bytes or found.files > limits.files):
        return not_read(archive, "what reads it no longer makes sense: it states more than may be unpacked")
    return found


def not_read(archive: Path, reason: str) -> Issue:
    """Return the issue of an archive that could not be read in the cage."""
    message = f"The archive {quoted(archive.name)} cannot be read here: {printable(reason)}."
    return codes.refusal(codes.ARCHIVE_NOT_READ, message)


def issue_of(found: Found) -> Issue:
    """Return an issue that was found in the cage."""
    path = None if found.path is None else RelativePath(found.path)
    return Issue(IssueCode(found.code), found.severity, printable(found.message), path, found.next_step)
