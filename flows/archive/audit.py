"""Audits: every byte of the replicas is read from where it rests, by the pace of the policies or as asked."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

from flows.alarms.alarms import raise_alarm, raise_alarms
from flows.archive.audit_alarms import damage_alarms, doubt_alarm
from flows.archive.audit_allowance import AuditAllowance
from flows.archive.audit_budget import AuditBudget
from flows.archive.audit_marks import AuditMarks
from flows.archive.audit_plan import Share, planned, read_ahead, versions_of, within_budget
from flows.archive.audit_provider import ProviderResult, is_stated_as_kept, of_day
from flows.archive.audit_request import AuditRequest, Selection
from flows.archive.audit_sample import Sample, neighbours, read_sample, sample_of
from flows.archive.replica_claim import in_use, new_claimant, release_the_dead
from flows.archive.throttle import Throttle
from flows.installation.disk_faults import translated_faults
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE, Installation, now, open_installation
from preservation.errors import PreservationError, reason_of
from preservation.model.amounts import count
from preservation.model.identifiers import PackageId, StoreName
from storage.audits.confirmer_processes import ConfirmerProcesses
from storage.audits.replica import ReplicaReader
from storage.audits.work import LEASE, AuditPorts, AuditResult, AuditWork
from storage.moments import ForwardClock
from storage.ports.audits import AuditedReplica
from storage.ports.stores import Store

_TOGETHER = 50
_BYTES_TOGETHER = 2 * 10**9
"""So many replicas, or bytes, are claimed at once: little enough to be read before the claim is over, and for
several audits to end at about the same time."""

_ANY_SIZE = 2**62
"""More bytes than any replica has."""

_MANY_FILES = 5_000
"""For so many files it is worth starting processes, which takes longer than to read a few."""


@dataclass(frozen=True, slots=True)
class NotAudited:
    """What was to be read of a store and was not, and why: the store is away, or it is not its hour."""

    store: StoreName
    sentence: str
    is_fault: bool = True


AuditOutcome: TypeAlias = AuditResult | NotAudited | Sample | ProviderResult


def audit_installation(
    settings: Settings,
    request: AuditRequest,
    *,
    read: Callable[[int, int], None],
    goes_on: Callable[[], bool] = lambda: True,
) -> Iterator[AuditOutcome]:
    """Read what the request names; yield what was seen of each replica once it is recorded.

    Each replica that was read, and each damage, is in the journal. Damage raises one alarm a store. Several
    audits at once share what is to be read. ``read`` is called with files and bytes as they are read, from
    any thread; where ``goes_on`` returns ``False``, the audit ends, and the next one goes on there.

    Raises:
        NotFoundError: There is no such store or object.
        StorageError: The database does not answer.
        ConfigurationError: A setting or a policy is wrong.
    """
    with ExitStack() as opened:
        failed: list[str] = []
        is_the_job = request == AuditRequest(seed=request.seed, shared_by=request.shared_by)
        run_failed = opened.enter_context(recorded_run(Job.AUDIT, settings)) if is_the_job else failed.append
        installation = opened.enter_context(open_installation(settings))
        opened.enter_context(translated_faults(settings))
        scratch = opened.enter_context(scratch_folder(settings.processing, ".auditing"))
        audit = Audit(installation, request, scratch, read, goes_on)
        marks = AuditMarks(settings.state / "audits-under-way", audit.began)
        is_damaged = marks.follows_a_killed_one
        try:
            for one in audit.outcomes():
                if isinstance(one, NotAudited) and one.is_fault:
                    failed.append(one.sentence)
                if isinstance(one, AuditResult):
                    if one.doubts or one.unjudged:
                        raise_alarm(settings, doubt_alarm(one, now()))
                        failed += [one.unjudged] if one.unjudged else []
                    # That lists are lost is one cause, and one alarm.
                    is_damaged |= bool(one.damaged and not one.unjudged)
                yield one
            if not goes_on():
                failed.append("it was stopped before its end; the next one goes on there")
        finally:
            # Also of what was not read to its end, so that no result tells of it.
            if is_damaged or audit.is_damaged:
                open_damages = installation.audits.damages()
                raise_alarms(settings, damage_alarms(open_damages, marks.unreported_since, now()))
            marks.remove()
        if failed and is_the_job:
            run_failed(failed[0] if len(failed) == 1 else f"{failed[0]} And {len(failed) - 1} more.")


def audit_plan(settings: Settings, request: AuditRequest) -> tuple[Share, ...]:
    """Return what an audit that began now would read of each collection in each store; nothing is read.

    Raises as ``audit_installation``.
    """
    with open_installation(settings) as installation:
        return tuple(within_budget(planned(installation, request, now()), AuditBudget.of(request)))


@dataclass
class Audit:
    """One audit of an open installation."""

    installation: Installation
    request: AuditRequest
    scratch: Path
    read: Callable[[int, int], None]
    goes_on: Callable[[], bool]

    def __post_init__(self) -> None:
        self.claimant = new_claimant()
        self.clock = ForwardClock(now)
        self.began = self.clock()
        self.ports = AuditPorts(
            self.installation.catalogue,
            self.installation.journal,
            self.installation.audits,
            SOFTWARE,
            self.clock,
            now,
        )
        self.allowance = AuditAllowance(self.request)
        self.is_damaged = False
        self._files = 0
        self._confirmer: ConfirmerProcesses | None = None

    def outcomes(self) -> Iterator[AuditOutcome]:
        """Yield what is seen, a store at a time."""
        stores = {store.name: store for store in self.installation.stores}
        object_id = self.request.object_id
        versions = [] if object_id is None else versions_of(self.installation, object_id)
        release_the_dead(self.installation.audits)
        away: set[StoreName] = set()
        sampled: set[StoreName] = set()
        try:
            for share in planned(self.installation, self.request, self.began):
                store = stores[share.scope.store]
                if store.name in away | sampled or not self.goes_on() or self.allowance.is_used_up:
                    continue
                if not self._is_open(share):
                    yield self._at_other_times(share)
                    continue
                try:
                    store.check()
                    if self.request.provider or self._is_to_be_asked(share):
                        yield from self._of_provider(store, share, versions)
                    if self.request.provider:
                        continue
                    if self.request.selection is Selection.SAMPLE:
                        sampled.add(store.name)
                        yield from self._of_sample(store, share)
                    elif versions:
                        yield from self._of_object(store, share, versions)
                    else:
                        yield from self._of_share(store, share)
                except PreservationError as error:
                    away.add(store.name)
                    # A store that is there at times is taken away when its hours are over.
                    is_open = self._is_open(share)
                    yield NotAudited(store.name, reason_of(error)) if is_open else self._at_other_times(share)
        finally:
            self._end_processes()
            self.installation.audits.release(self.claimant)

    def _is_to_be_asked(self, share: Share) -> bool:
        """Return whether the provider is asked beside the reading: by the job, or whatever is like it."""
        return share.pace.provider_checksums and self.request.selection is Selection.DUE

    def _of_provider(
        self, store: Store, share: Share, versions: Sequence[PackageId]
    ) -> Iterator[AuditOutcome]:
        """Compare what the provider states; read the replicas of which it differs before all others."""
        provider = self.installation.provider(store.name)
        if provider is None:
            sentence = f"store {store.name}: nobody states checksums of what is in it; read it instead"
            yield NotAudited(store.name, sentence, is_fault=False)
            return
        found = ProviderResult(store.name, share.scope.collection)
        asked = self._asked_about(store, share, versions)
        suspects = [
            package
            for package in takewhile(lambda _: self._may_go_on(share)(), asked)
            if not is_stated_as_kept(self.installation, provider, package, self.scratch, found)
        ]
        yield found
        for number, package in enumerate(suspects):
            if not self.allowance.has_room(share, self._size_of(package, store.name)):
                left = count(len(suspects) - number, "replica")
                sentence = (
                    f"store {store.name}: {share.scope.collection}: {left} of which the provider states "
                    f"otherwise not read: the budget is used up. First comes {package}: muniment audit "
                    f"--object {package.object} --store {store.name}"
                )
                yield NotAudited(store.name, sentence, is_fault=False)
                return
            yield from self._whole(store, share, package)

    def _size_of(self, package: PackageId, store: StoreName) -> tuple[int, int]:
        """Return how many files and bytes of a version a store has by the catalogue."""
        replicas = self.installation.catalogue.package(package).replicas
        mine = [one for one in replicas if one.store == store]
        return sum(one.files for one in mine), sum(one.bytes for one in mine)

    def _asked_about(self, store: Store, share: Share, versions: Sequence[PackageId]) -> Iterator[PackageId]:
        collection = share.scope.collection
        if versions:
            return (one for one in versions if one.object.collection == collection)
        packages = (one.package for one in self.installation.audits.replicas(store.name, collection))
        return packages if self.request.provider else of_day(packages, self.began.date())

    def _of_sample(self, store: Store, share: Share) -> Iterator[AuditOutcome]:
        request = self.request
        seed = request.seed if request.seed is not None else _new_seed()
        audits, number = self.installation.audits, request.sample or 0
        sample = sample_of(audits, store.name, request.collection, seed, number)
        yield sample
        widened: dict[PackageId, None] = {}
        for result in read_sample(self.ports, sample, self._reader(store, share, lambda: None)):
            yield result
            if result.damaged:
                widened.update(dict.fromkeys(neighbours(self.ports, result)))
        for package in widened:
            yield from self._whole(store, share, package)

    def _of_object(self, store: Store, share: Share, versions: Sequence[PackageId]) -> Iterator[AuditOutcome]:
        if versions[0].object.collection != share.scope.collection:
            return
        for package in versions:
            yield from self._whole(store, share, package)

    def _whole(self, store: Store, share: Share, package: PackageId) -> Iterator[AuditOutcome]:
        """Read one replica as a whole, where the store has one and nobody else reads it."""
        held = {one.store for one in self.installation.catalogue.package(package).replicas}
        if store.name not in held:
            return
        at = now()
        claimed = self.installation.audits.claim_package(
            self.claimant, package, store.name, at=at, until=at + LEASE
        )
        if claimed is None:
            yield NotAudited(store.name, in_use(package, store.name), is_fault=False)
            return
        if dear := self._too_dear(share, [claimed]):
            yield dear
            return
        self.allowance.take(share, [claimed])
        yield from self._read(store, share, [claimed])

    def _of_share(self, store: Store, share: Share) -> Iterator[AuditOutcome]:
        tried: set[PackageId] = set()
        larger_alone = self.allowance.takes_larger(share)
        while self.goes_on():
            if not self._is_open(share):
                yield self._at_other_times(share)
                return
            most_bytes, most_files = self.allowance.bytes_left(share), self.allowance.files_left(share)
            if 0 in {most_bytes, most_files}:
                return
            claimed = self._claimed(share, most_bytes, most_files, larger_alone=larger_alone)
            larger_alone = False
            fresh = [one for one in claimed if one.package not in tried]
            if not fresh:
                return
            if dear := self._too_dear(share, fresh):
                yield dear
                return
            tried.update(one.package for one in fresh)
            yield from self._read(store, share, fresh)
            self.allowance.take(share, fresh)

    def _claimed(
        self, share: Share, most: int | None, most_files: int | None, *, larger_alone: bool
    ) -> tuple[AuditedReplica, ...]:
        """Claim what comes next, within the limits; ``larger_alone``: or one that is larger than they are."""
        at = now()
        claim = partial(
            self.installation.audits.claim,
            self.claimant,
            [read_ahead(share.scope.store, share.scope.collection, self.clock()), share.scope],
            at=at,
            until=at + LEASE,
            most_files=most_files,
        )
        some = claim(
            most_replicas=_TOGETHER,
            most_bytes=_BYTES_TOGETHER if most is None else min(_BYTES_TOGETHER, most),
            larger_alone=larger_alone or (most is None and most_files is None),
        )
        if some or (most is not None and most <= _BYTES_TOGETHER):
            return some
        # The next one is more than is claimed at once: it comes alone, where the limits have room for it.
        return claim(most_replicas=1, most_bytes=_ANY_SIZE if most is None else most, larger_alone=False)

    def _too_dear(self, share: Share, claimed: Sequence[AuditedReplica]) -> NotAudited | None:
        """Give claims back that cost more than can be paid; return what to say of the first of them."""
        payable = self.allowance.payable(share)
        if payable is None or sum(one.bytes for one in claimed) <= payable:
            return None
        self.installation.audits.release(self.claimant)
        store, one, pace = share.scope.store, claimed[0], share.pace
        cost, day = pace.cost(one.bytes) or 0.0, pace.money_a_day
        never = self.request.selection is Selection.DUE and day is not None and cost > day
        why = (
            f"more than the {day:,.2f} of a day: raise money in [fixity] of its policy, or read it by hand: "
            f"muniment audit --object {one.package.object} --store {store}"
            if never
            else "more than may be spent now; what follows it waits, too"
        )
        sentence = f"store {store}: {one.package} costs {cost:,.2f} to read, {why}"
        return NotAudited(store, sentence, is_fault=never)

    def _read(self, store: Store, share: Share, replicas: Sequence[AuditedReplica]) -> Iterator[AuditResult]:
        work = AuditWork(self.ports, self.claimant)
        reader = self._reader(store, share, work.beat)
        self._files += sum(one.files for one in replicas)
        if self._confirmer is not None and self._files >= _MANY_FILES:
            self._confirmer.start()
        try:
            yield from work.read(replicas, reader, self._may_go_on(share))
        finally:
            self.is_damaged |= work.is_damaged

    def _reader(self, store: Store, share: Share, beat: Callable[[], None]) -> ReplicaReader:
        """Return what reads replicas in ``store``, at most at the rate of its policy."""
        throttle = Throttle(share.pace.bytes_a_second)

        def progress(files: int, size: int) -> None:
            self.read(files, size)
            throttle.wait(size)
            beat()

        return ReplicaReader(
            store,
            [other for other in self.installation.stores if other.name != store.name],
            lambda: self.installation.reopened(store.name),
            self.scratch,
            self.installation.settings.work.threads,
            self.clock,
            progress,
            confirmer=self._confirmer_of(store),
        )

    def _confirmer_of(self, store: Store) -> ConfirmerProcesses | None:
        """Return what reads the small files of the store at once, where it has that."""
        if self._confirmer is None or self._confirmer.name != store.name:
            self._end_processes()
            inner = self.installation.confirmers.get(store.name)
            # This process is one of those that read.
            others = min(self.installation.settings.work.threads, len(os.sched_getaffinity(0))) - 1
            self._confirmer = None if inner is None else ConfirmerProcesses(inner, others)
        return self._confirmer

    def _end_processes(self) -> None:
        if self._confirmer is not None:
            self._confirmer.close()
            self._confirmer = None

    def _may_go_on(self, share: Share) -> Callable[[], bool]:
        return lambda: self.goes_on() and self._is_open(share)

    def _is_open(self, share: Share) -> bool:
        return share.pace.is_open(now().astimezone())

    def _at_other_times(self, share: Share) -> NotAudited:
        store, collection = share.scope.store, share.scope.collection
        sentence = (
            f"store {store}: by the policy of {collection} it is read at other times: {share.pace.window}"
        )
        return NotAudited(store, sentence, is_fault=False)


def _new_seed() -> int:
    """Return a seed that nobody chose: who could choose it could choose what is not read."""
    return secrets.randbelow(1 << 32)
