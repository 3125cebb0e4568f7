"""Register: writes catalogue and journal in one transaction; from then on the package counts as kept."""

import errno
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import Protocol

from flows.submission.stages.drop_changes import changed_since_survey, has_changed
from flows.submission.stages.lacking import lacking_issue, lacking_sentence
from flows.submission.stages.plan import issues_of_the_whole
from flows.submission.stages.ports import HasCatalogue, HasSettings
from flows.submission.stages.stage import Stage, end, ingest_events_of, plan_gone
from flows.submission.workspace import Workspace, only, payload_files
from preservation.files.tree import copy_tree, remove_tree
from preservation.model.amounts import count
from preservation.model.derivatives import Purpose
from preservation.model.events import Event
from preservation.model.identifiers import PackageId
from preservation.model.issues import Severity
from preservation.model.packages import Replica
from preservation.model.tag_digests import TagDigest, tag_digests_among
from preservation.model.verdicts import Verdict
from preservation.normalization.issues import not_made, not_made_sentence
from preservation.packaging.planned import PlannedBag
from storage.ports.catalogue import Registration


class RegistrationPorts(HasSettings, HasCatalogue, Protocol):
    """What registration asks of an installation."""


def _register(workspace: Workspace, ports: RegistrationPorts) -> Iterable[Event]:
    submission = workspace.submission
    package = only(workspace.number).package
    replicas = tuple(workspace.replicas)
    tag_digests = _tag_digests(workspace)
    event = ingest_events_of(workspace).registered(str(package), tag_digests)
    kept = workspace.kept()
    # Before it counts as kept: a kept package is not resumed, and its access copies would be lost.
    _move_access_copies(workspace, ports)
    ports.catalogue.register(
        Registration(
            package=package,
            submission=submission.identifier,
            fingerprint=only(workspace.fingerprint),
            policy=workspace.policy.reference,
            registered_at=event.at,
            files=kept.files,
            bytes=kept.bytes,
            replicas=replicas,
            tag_digests=tag_digests,
        ),
        payload_files(workspace),
        (event,),
    )
    # A drop may change after the stores have it; the later changes are not kept.
    late_changes = [changed_since_survey(workspace, Severity.WARNING)] if has_changed(workspace) else []
    lacking = tuple(workspace.lacking.so_far)
    planned = PlannedBag.open(workspace.root)
    end(
        workspace,
        Verdict.STORED,
        kept_sentence(package, kept.files, workspace.tally().files, replicas)
        + _removed_sentence(workspace)
        + _reuse_sentence(workspace)
        + _again_sentence(workspace)
        + not_made_sentence(workspace.derivatives)
        + lacking_sentence(lacking),
        issues=chain(
            issues_of_the_whole(workspace),
            chain.from_iterable(one.issues for one in workspace.doubted.so_far),
            workspace.unsound.so_far,
            planned.summary.issues if planned is not None else (),
            not_made(workspace.derivatives),
            late_changes,
            map(lacking_issue, lacking),
        ),
        package=package,
        replicas=replicas,
        lacking=tuple(one.store for one in lacking),
    )
    return (event,)


REGISTER = Stage("register", _register)


def _tag_digests(workspace: Workspace) -> tuple[TagDigest, ...]:
    """Return the digests of the tag manifests, which are those that every store gave back.

    Raises ``IntegrityError`` where the plan is gone.
    """
    planned = PlannedBag.open(workspace.root)
    if planned is None:
        raise plan_gone(workspace)
    return tag_digests_among((entry.path, entry.digests) for entry in planned.entries)


def kept_sentence(package: PackageId, kept: int, dropped: int, replicas: Iterable[Replica]) -> str:
    """Return what is kept, and how many of the dropped files are not."""
    stores = " and ".join(replica.store for replica in replicas)
    sentence = f"Kept as {package}: {count(kept, 'file')}, read back from {stores} and matched."
    if kept == dropped:
        return sentence
    were = "was" if dropped - kept == 1 else "were"
    return f"{sentence} {count(dropped - kept, 'file')} of the drop {were} left out."


def _removed_sentence(workspace: Workspace) -> str:
    """Return how many files the version before has that this one does not have, if any."""
    return "".join(
        f" {one.before} has {count(one.removed, 'file')} that this version does not have."
        for one in workspace.difference.so_far
        if one.removed
    )


def _again_sentence(workspace: Workspace) -> str:
    """Return of which version the stores no longer have the same content, if there is one."""
    return "".join(
        f" {one.package} has the same content, and was not found as it was kept in as many stores as its "
        "policy asks for."
        for one in workspace.doubted.so_far
    )


def _reuse_sentence(workspace: Workspace) -> str:
    """Return how much of the version lies in earlier versions, if any does."""
    planned = PlannedBag.open(workspace.root)
    if planned is None or not planned.summary.fetched_files:
        return ""
    summary = planned.summary
    return (
        f" Of the {count(summary.payload_files, 'file')} of the package, {summary.fetched_files:,} had been "
        "kept before and are not repeated."
    )


def _move_access_copies(workspace: Workspace, ports: RegistrationPorts) -> None:
    """Move the access derivatives to ``access/``; they can be made again, so they may be replaced."""
    made = workspace.root / Purpose.ACCESS
    if not made.exists():
        return
    target = ports.settings.access / only(workspace.number).package.prefix
    with suppress(OSError):
        remove_tree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_tree(made, target)
        remove_tree(made)
