"""Register: writes catalogue and journal in one transaction; from then on the package counts as kept."""

import errno
import os
import shutil
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

from flows.installation.wiring import now
from flows.submission.stages.drop_changes import changed_since_survey, has_changed
from flows.submission.stages.plan import issues_of_the_whole
from flows.submission.stages.ports import HasCatalogue, HasSettings
from flows.submission.stages.stage import Stage, end, ingest_events_of
from flows.submission.workspace import LackingStore, Workspace, only, payload_files
from preservation.model.derivatives import Purpose
from preservation.model.events import Event
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.verdicts import Verdict
from preservation.packaging.planned import PlannedBag
from storage.ports.catalogue import Registration

STORE_LACKS_IT = IssueCode("REP-008")


class RegistrationPorts(HasSettings, HasCatalogue, Protocol):
    """What registration asks of an installation."""


def _register(workspace: Workspace, ports: RegistrationPorts) -> Iterable[Event]:
    submission = workspace.submission
    package = only(workspace.number).package
    replicas = tuple(workspace.replicas)
    event = ingest_events_of(workspace).registered(str(package))
    tally = workspace.tally()
    # Before it counts as kept: a kept package is not resumed, and its access copies would be lost.
    _move_access_copies(workspace, ports)
    ports.catalogue.register(
        Registration(
            package=package,
            submission=submission.identifier,
            fingerprint=only(workspace.fingerprint),
            policy=workspace.policy.reference,
            registered_at=now(),
            files=tally.files,
            bytes=tally.bytes,
            replicas=replicas,
        ),
        payload_files(workspace),
        (event,),
    )
    stores = " and ".join(f"{replica.store}" for replica in replicas)
    # A drop may change after the stores have it; the later changes are not kept.
    late_changes = [changed_since_survey(Severity.WARNING)] if has_changed(workspace) else []
    lacking = tuple(workspace.lacking.so_far)
    end(
        workspace,
        Verdict.STORED,
        f"Kept as {package}: {tally.files} files, read back from {stores} and matched."
        + _reuse_sentence(workspace)
        + _lacking_sentence(lacking),
        issues=chain(
            issues_of_the_whole(workspace),
            workspace.unsound.so_far,
            late_changes,
            map(_lacking_issue, lacking),
        ),
        package=package,
        replicas=replicas,
        lacking=tuple(one.store for one in lacking),
    )
    return (event,)


REGISTER = Stage("register", _register)


def _lacking_sentence(lacking: Sequence[LackingStore]) -> str:
    """Return which stores do not have the version yet, if any."""
    if not lacking:
        return ""
    names = " and ".join(one.store for one in lacking)
    return f" Not in store {names} yet, which failed: it is copied there when the store is back."


def _lacking_issue(one: LackingStore) -> Issue:
    return Issue(
        STORE_LACKS_IT,
        Severity.WARNING,
        f"Store {one.store} does not have the package yet: {one.reason.rstrip('.')}.",
        None,
        "Nothing, once the store is back: what it lacks is copied each night, or by: muniment stores fill",
    )


def _reuse_sentence(workspace: Workspace) -> str:
    """Return how much of the version lies in earlier versions, if any does."""
    planned = PlannedBag.open(workspace.root)
    if planned is None or not planned.summary.fetched_files:
        return ""
    summary = planned.summary
    return (
        f" Of the {summary.payload_files} files of the package, {summary.fetched_files} had been kept "
        "before and are not repeated."
    )


def _move_access_copies(workspace: Workspace, ports: RegistrationPorts) -> None:
    """Move the access derivatives to ``access/``; they can be made again, so they may be replaced."""
    made = workspace.root / Purpose.ACCESS
    if not made.exists():
        return
    target = ports.settings.access / only(workspace.number).package.prefix
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_tree(made, target)
        shutil.rmtree(made)


def _copy_tree(source: Path, target: Path) -> None:
    """Copy the files to another disk. Raises the first ``OSError`` as it is, since it names the fault."""
    for folder, _, names in os.walk(source):
        below = target / Path(folder).relative_to(source)
        below.mkdir()
        for name in names:
            shutil.copyfile(Path(folder) / name, below / name)
