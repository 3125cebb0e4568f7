"""What is wanted back, and what became of it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from preservation.model.amounts import count
from preservation.model.digests import Digests
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import BagPath, RelativePath, StoreKey, printable

REPLICA_LACKS_FILE = IssueCode("RST-001")
REPLICA_DIFFERS = IssueCode("RST-002")
REPLICA_UNREADABLE = IssueCode("RST-003")
FILE_LOST = IssueCode("RST-004")
REPLICA_UNDESCRIBED = IssueCode("RST-005")
CATALOGUE_SILENT = IssueCode("RST-006")
JOURNAL_SILENT = IssueCode("RST-007")
RECORDS_DIFFER = IssueCode("RST-008")
NOT_VOUCHED_FOR = IssueCode("RST-009")
EARLIER_HAS_MORE = IssueCode("RST-010")
STORE_AWAY = IssueCode("RST-011")
TIMES_NOT_GIVEN = IssueCode("RST-012")

_REPAIR_DATABASE = "Repair the database: muniment doctor reports what is wrong with it."
_REACH_STORE = "Nothing is known of its replica: check the store, and the credentials for it."
_SEE_TO_REPLICA = "Find out what happened to that store: its replica needs repair."


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file to be restored: its path in the bag, where it goes below the target, its key and digests.

    ``modified`` is its time of last change in nanoseconds since 1970 (UTC), where that is recorded.
    """

    path: BagPath
    place: RelativePath
    key: StoreKey
    digests: Digests
    modified: int | None = None


@dataclass(slots=True)
class Restored:
    """What a restore did. ``folder`` is where the files lie; ``lost`` could be had from no replica.

    ``sources`` counts the files that came from each store; ``bytes`` are those of ``files``. ``there`` is how
    many files were in the target already, as they were kept.
    """

    package: PackageId
    folder: Path | None
    files: int = 0
    bytes: int = 0
    there: int = 0
    sources: Counter[StoreName] = field(default_factory=Counter)
    issues: list[Issue] = field(default_factory=list)
    lost: list[BagPath] = field(default_factory=list)


def replica_issue(code: IssueCode, store: StoreName, path: BagPath, what: str) -> Issue:
    """Return the finding that one replica could not give a file; another one may."""
    return Issue(
        code,
        Severity.WARNING,
        f"Store {store}: {printable(path)} {what}.",
        RelativePath(path),
        _SEE_TO_REPLICA,
    )


def lost_issue(path: BagPath) -> Issue:
    """Return the finding that no replica could give a file."""
    return Issue(
        FILE_LOST,
        Severity.ERROR,
        f"No store has {printable(path)} as it was kept.",
        RelativePath(path),
        "Look for a copy elsewhere: the donor, a backup, an earlier restore. Its digest is in the manifest.",
    )


def undescribed_issue(message: str) -> Issue:
    """Return the finding that a replica has no lists of its own, or none that can be relied on."""
    return Issue(REPLICA_UNDESCRIBED, Severity.WARNING, f"{message}.", None, _SEE_TO_REPLICA)


def away_issue(message: str) -> Issue:
    """Return the finding that a store does not answer: nothing is known of its replica."""
    return Issue(STORE_AWAY, Severity.WARNING, f"{message}.", None, _REACH_STORE)


def catalogue_issue(reason: str) -> Issue:
    """Return the finding that the catalogue could not be read."""
    message = f"The catalogue could not be read, so only the stores show what to restore: {reason}."
    return Issue(CATALOGUE_SILENT, Severity.WARNING, message, None, _REPAIR_DATABASE)


def records_issue(doubt: str) -> Issue:
    """Return the finding that catalogue and journal do not agree on the version."""
    next_step = "Find out which accounts could write to the database: it was changed by hand."
    return Issue(RECORDS_DIFFER, Severity.WARNING, f"{doubt}.", None, next_step)


def not_vouched_issue(package: PackageId, why: str) -> Issue:
    """Return the finding that there was no recorded digest to compare the replica's lists with."""
    message = f"The lists of {package} are compared with each other only: {why}."
    next_step = "Compare the restored files with a list of your own, where much depends on them."
    return Issue(NOT_VOUCHED_FOR, Severity.WARNING, message, None, next_step)


def earlier_has_more_issue(package: PackageId, before: PackageId, removed: int) -> Issue:
    """Return the finding that the version before has files that the restored one does not have."""
    message = f"{before} has {count(removed, 'file')} that {package} does not have."
    next_step = f"To have them, too: muniment restore {package.object} TARGET --version {before.version}"
    return Issue(EARLIER_HAS_MORE, Severity.WARNING, message, None, next_step)


def journal_issue(reason: str) -> Issue:
    """Return the finding that the journal could not record the restore."""
    message = f"The files are restored, but the journal could not record it: {reason}."
    return Issue(JOURNAL_SILENT, Severity.WARNING, message, None, _REPAIR_DATABASE)


def times_not_given_issue(reason: str) -> Issue:
    """Return the remark that files have not the times of last change that they were dropped with."""
    return Issue(
        TIMES_NOT_GIVEN,
        Severity.INFO,
        f"Not every file has its time of last change: {reason}.",
        None,
        "Nothing: the bytes are right. premis.xml of the package has the times (muniment restore --whole).",
    )
