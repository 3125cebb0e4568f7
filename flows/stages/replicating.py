"""Replicate: into every store, read back from where it rests; the policy's number, or not stored."""

from __future__ import annotations

from collections.abc import Iterable

from flows.progress import LOG, human_size
from flows.stages.stage import Stage, chronicle_of, end
from flows.wiring import Installation, now
from flows.workspace import Workspace
from preservation.errors import IntegrityError, StorageError, UnavailableError
from preservation.model.events import Event
from preservation.model.verdicts import Verdict
from preservation.packaging.planned import PlannedBag
from storage.replication.outcomes import AtFault, Failed, Failure, Mismatch, Short
from storage.replication.progress import Progress
from storage.replication.replicate import replicate


def _replicate(workspace: Workspace, installation: Installation) -> Iterable[Event]:
    planned = PlannedBag.open(workspace.root)
    if planned is None:
        raise IntegrityError(f"{workspace.root}: the plan of the package is gone; preserve the drop again")
    policy = installation.policy_of(workspace.submission.object.collection)
    outcome = replicate(
        planned,
        installation.stores_for(policy),
        copies=policy.terms.replication.copies,
        sites=policy.terms.replication.sites,
        threads=installation.settings.work.reading_threads,
        clock=now,
        verified=tuple(workspace.replicas.so_far),
        purgers=tuple(installation.purgers.values()),
        progress=lambda told: _tell(str(planned.package), told),
    )
    workspace.replicas.write(outcome.replicas)
    if isinstance(outcome, Short):
        _fall_short(workspace, outcome.failures)
        return ()
    for failure in outcome.failures:
        LOG.warning("%s: store %s: %s", planned.package, failure.store, failure.reason)
    chronicle = chronicle_of(workspace)
    return tuple(chronicle.replicated(str(planned.package), replica) for replica in outcome.replicas)


REPLICATE = Stage("replicate", _replicate)


def _fall_short(workspace: Workspace, failures: tuple[Failure, ...]) -> None:
    """End the submission where the drop itself changed; else raise what stopped the stores."""
    issues = tuple(issue for failure in failures for issue in failure.issues)
    reasons = " ".join(f"Store {failure.store}: {failure.reason}" for failure in failures)
    if any(isinstance(failure, Mismatch) and failure.at_fault is AtFault.SOURCE for failure in failures):
        end(workspace, Verdict.REJECTED, reasons, issues=issues)
        return
    if any(isinstance(failure, Failed) and failure.retryable for failure in failures):
        raise UnavailableError(reasons)
    raise StorageError(reasons)


def _tell(package: str, told: Progress) -> None:
    LOG.info(
        "%s: %s store %s: %s files, %s so far",
        package,
        told.step.value,
        told.store,
        f"{told.files:,}",
        human_size(told.bytes),
    )
