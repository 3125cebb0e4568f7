"""Compare a drop with the version of its object that is kept already: what the new version would lack."""

from collections.abc import Iterator

from flows.archive.history import originals_of
from flows.submission.workspace import Workspace, only
from preservation.manifests.names import likelihood
from preservation.model.difference import Original, changes_between
from preservation.model.digests import Algorithm
from preservation.model.identifiers import ObjectId
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath
from preservation.planning.further_version import issues_of_version
from preservation.policy.selection import is_descriptive
from storage.ports.catalogue import Catalogue, Registration


def compare(workspace: Workspace, catalogue: Catalogue) -> None:
    """Record how the drop differs from the version before; nothing where there is none, or none differs."""
    before = version_before(workspace, catalogue)
    if before is None or before.fingerprint == only(workspace.fingerprint):
        workspace.changes.write([])
        workspace.difference.write([])
        return
    policy = workspace.policy

    def says_what(path: RelativePath) -> bool:
        return likelihood(path) is None and not is_descriptive(policy, path)

    changes = changes_between(originals_of(catalogue, before.package), _dropped(workspace), says_what)
    workspace.changes.write(changes.files)
    workspace.difference.write([changes.since(before.package)])


def is_outdated(workspace: Workspace, catalogue: Catalogue) -> bool:
    """Return whether another version was kept since the drop was compared."""
    before = version_before(workspace, catalogue)
    if before is None or before.fingerprint == only(workspace.fingerprint):
        return False
    return all(one.before != before.package for one in workspace.difference.so_far)


def issues_of_comparison(workspace: Workspace) -> Iterator[Issue]:
    """Yield what the policy makes of the difference."""
    for difference in workspace.difference.so_far:
        versions = workspace.policy.terms.versions
        yield from issues_of_version(difference, workspace.changes.so_far, versions)


def is_approved(workspace: Workspace, catalogue: Catalogue) -> bool:
    """Return whether a person approved what the submission asks.

    What is asked about a version that was kept after the person was asked, nobody has approved.
    """
    for approval in workspace.approval.so_far:
        before = version_before(workspace, catalogue)
        is_new = approval.asked_at and before is not None and before.registered_at > approval.asked_at
        asks = (one.severity is Severity.QUESTION for one in issues_of_comparison(workspace))
        return not (is_new and any(asks))
    return False


def version_before(workspace: Workspace, catalogue: Catalogue) -> Registration | None:
    """Return the newest version that is kept, below the drop's own number where it has one."""
    object_id: ObjectId = workspace.submission.object
    latest = catalogue.latest(object_id)
    number = next((one.package.version for one in workspace.number.so_far), None)
    if latest is None or number is None or latest.package.version < number:
        return latest
    earlier = (one for one in catalogue.history(object_id).registrations if one.package.version < number)
    return max(earlier, key=lambda one: one.package.version, default=None)


def _dropped(workspace: Workspace) -> Iterator[Original]:
    for dossier in workspace.dossiers:
        if dossier.kept is not None:
            yield dossier.path, dossier.kept.digests[Algorithm.SHA256]
