"""Why the catalogue says no: one sentence each, the same from every peer."""

from __future__ import annotations

from preservation.errors import AlreadyExistsError, NotFoundError
from preservation.model.identifiers import PackageId, SubmissionId


def holds_another(submission: SubmissionId, held: PackageId) -> AlreadyExistsError:
    """Refuse a submission that asks for a second version."""
    return AlreadyExistsError(
        f"submission {submission} has version {held} already, with other content or of another object; "
        "preserve the drop as a new submission"
    )


def belongs_to(package: PackageId, owner: SubmissionId) -> AlreadyExistsError:
    """Refuse a version number that somebody else has."""
    return AlreadyExistsError(
        f"{package}: this version belongs to submission {owner}; preserve the drop again for a new version"
    )


def is_registered(package: PackageId) -> AlreadyExistsError:
    """Refuse to give back a version that is kept."""
    return AlreadyExistsError(f"{package}: this version is registered, and what is registered stays")


def not_kept(package: PackageId) -> NotFoundError:
    """Say that there is no such version."""
    return NotFoundError(
        f"{package}: the catalogue knows no such version; see what it has with: "
        f"muniment journal show {package.object}"
    )
