"""Replicate: writes to every store and reads back; with fewer replicas than the policy asks, not stored."""

from collections.abc import Iterable
from typing import Protocol

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarm
from flows.installation.log import LOG
from flows.installation.wiring import now
from flows.submission.progress.meter import Meter, to_replicate
from flows.submission.stages.drop_changes import changed_since_survey, has_changed, require_drop
from flows.submission.stages.ports import HasSettings, HasStores
from flows.submission.stages.stage import Stage, end, ingest_events_of, plan_gone
from flows.submission.workspace import LackingStore, Workspace, only
from preservation.errors import StorageError, UnavailableError
from preservation.model.events import Event
from preservation.model.identifiers import StoreName
from preservation.model.verdicts import Verdict
from preservation.packaging.planned import PlannedBag
from storage.ports.stores import Purger
from storage.replication.outcomes import AtFault, Failed, Mismatch, ReplicationOutcome, Short
from storage.replication.replicate import replicate


class ReplicationPorts(HasSettings, HasStores, Protocol):
    """What replication asks of an installation."""

    @property
    def purgers(self) -> dict[StoreName, Purger]:
        """What removes an unfinished try from each store."""


def _replicate(workspace: Workspace, ports: ReplicationPorts) -> Iterable[Event]:
    planned = PlannedBag.open(workspace.root)
    if planned is None:
        raise plan_gone(workspace)
    if has_changed(workspace):
        require_drop(workspace)
        issue = changed_since_survey(workspace)
        end(workspace, Verdict.REJECTED, issue.message, issues=(issue,))
        return ()
    outcome = _replicated(planned, workspace, ports)
    workspace.replicas.write(outcome.replicas)
    workspace.lacking.write(LackingStore(failure.store, failure.reason) for failure in outcome.failures)
    raise_alarms(
        ports.settings,
        (
            integrity_alarm(f"store {failure.store}", failure.reason, now())
            for failure in outcome.failures
            if isinstance(failure, Mismatch) and failure.at_fault is AtFault.STORE
        ),
    )
    if isinstance(outcome, Short):
        _end_short(workspace, outcome)
    for failure in outcome.failures:
        LOG.warning("%s: store %s: %s", planned.package, failure.store, failure.reason)
    ingest = ingest_events_of(workspace)
    return tuple(ingest.replicated(str(planned.package), replica) for replica in outcome.replicas)


REPLICATE = Stage("replicate", _replicate)


def _replicated(planned: PlannedBag, workspace: Workspace, ports: ReplicationPorts) -> ReplicationOutcome:
    policy = workspace.policy
    stores = ports.stores_for(policy)
    number = only(workspace.number)
    verified = tuple(workspace.replicas.so_far)
    done = {replica.store for replica in verified}
    with Meter(workspace, REPLICATE.name) as meter:
        tracks = {
            store.name: meter.track(store.name, lambda: to_replicate(planned.summary))
            for store in stores
            if store.name not in done
        }
        return replicate(
            planned,
            stores,
            copies=policy.terms.replication.copies,
            sites=policy.terms.replication.sites,
            threads=ports.settings.work.threads,
            clock=now,
            verified=verified,
            purgers=[one for name, one in ports.purgers.items() if number.may_purge(name)],
            progress=lambda step: tracks[step.store].set_part(step.step, step.files, step.bytes),
        )


def _end_short(workspace: Workspace, outcome: Short) -> None:
    """End the submission where the drop itself changed; else raise what stopped the stores."""
    failures = outcome.failures
    # Each reason names its store, unless the drop is at fault.
    reasons = list(dict.fromkeys(failure.reason for failure in failures))
    if any(isinstance(failure, Mismatch) and failure.at_fault is AtFault.SOURCE for failure in failures):
        require_drop(workspace)
        issues = tuple(issue for failure in failures for issue in failure.issues)
        # A committed version is never removed, so the reader must know that it is there.
        reasons += [
            f"Store {replica.store} holds it as it was surveyed; that copy stays, unregistered"
            for replica in outcome.replicas
        ]
        end(workspace, Verdict.REJECTED, f"{'. '.join(reasons)}.", issues=issues)
        return
    if any(isinstance(failure, Failed) and failure.retryable for failure in failures):
        raise UnavailableError(". ".join(reasons))
    raise StorageError(". ".join(reasons))
