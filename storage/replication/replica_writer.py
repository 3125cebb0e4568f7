"""One package in one store: see what is there, write what is missing, read everything back, commit."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from preservation.errors import NotFoundError, PreservationError
from preservation.fixity.checking import Confirmed
from preservation.model.packages import BagEntry, EarlierFile, Replica
from preservation.model.paths import BagPath, StoreKey
from storage.ports.stores import Deposit, Purger, Store
from storage.readback import Reading, read_back
from storage.replication.findings import (
    NAMED,
    Faults,
    absent_outcome,
    as_committed,
    failure_of,
    outcome_of,
    strangers_outcome,
)
from storage.replication.outcomes import AtFault, Mismatch, StoreOutcome, Verified
from storage.replication.plan_outline import PlanOutline
from storage.replication.progress import Listener, Step, StepProgress


@dataclass(frozen=True, slots=True)
class ReplicaWriter:
    """Brings one package into one store. ``threads`` read back at a time."""

    outline: PlanOutline
    store: Store
    purger: Purger | None
    threads: int
    clock: Callable[[], datetime]
    progress: Listener | None

    def write(self) -> StoreOutcome:
        """Complete what is there to a verified replica, or return why that could not be."""
        try:
            present = self._present()
            outcome = self._attempt(present)
            if self.purger is not None and self._is_debris(present, outcome):
                self.purger.discard_uncommitted(self.outline.plan.package)
                outcome = self._attempt(frozenset())
        except PreservationError as error:
            return failure_of(error, self.store.name)
        return outcome

    def _present(self) -> frozenset[StoreKey]:
        """Return what is there of a try that ended early; of what is committed, only that it is.

        Then nothing is written, and its names, which may be a million, are not held.
        """
        commit = self.outline.key(self.outline.commit)
        try:
            self.store.stat(commit)
        except NotFoundError:
            return frozenset(kept.key for kept in self.store.list(self.outline.plan.package.prefix))
        return frozenset((commit,))

    def _is_debris(self, present: Collection[StoreKey], outcome: StoreOutcome) -> bool:
        """Return whether what does not match is what an earlier try left and never committed."""
        return (
            isinstance(outcome, Mismatch)
            and outcome.at_fault is AtFault.STORE
            and bool(present)
            and not self._committed(present)
        )

    def _committed(self, present: Collection[StoreKey]) -> bool:
        return self.outline.key(self.outline.commit) in present

    def _attempt(self, present: Collection[StoreKey]) -> StoreOutcome:
        committed = self._committed(present)
        writing, reading = (StepProgress(self.store.name, step, self.progress) for step in Step)
        if not committed and (beside := self._unplanned(present)):
            # It may be somebody's: nothing is written among it.
            return strangers_outcome(beside, self.outline, self.store.name)
        if committed:
            writing.add(self.outline.files, self.outline.bytes)
        else:
            self._create(self.outline.body, present, writing)
        faults = self._read_back(self.outline.body, reading)
        if faults is not None:
            outcome = outcome_of(faults, self.outline, self.store.name)
            return as_committed(outcome, self.outline) if committed else outcome
        strangers = self._strangers(committed=committed)
        if strangers:
            return strangers_outcome(strangers, self.outline, self.store.name)
        if not committed:
            absent = _absent_earlier(self.store, self.outline.plan.earlier)
            if absent:
                return absent_outcome(absent, self.outline, self.store.name)
            self._create([self.outline.commit], present, writing)
        faults = self._read_back([self.outline.commit], reading)
        if faults is not None:
            return outcome_of(faults, self.outline, self.store.name)
        return Verified(
            Replica(
                store=self.store.name,
                location=self.store.location(self.outline.plan.package.prefix),
                verified_at=self.clock(),
                files=self.outline.files,
                bytes=self.outline.bytes,
            )
        )

    def _unplanned(self, present: Collection[StoreKey]) -> list[BagPath]:
        """Return what is there of ``present`` and not planned."""
        if not present:
            return []
        unplanned = set(present)
        for entry in self.outline.plan.entries:
            unplanned.discard(self.outline.key(entry))
        prefix = f"{self.outline.plan.package.prefix}/"
        return [BagPath(key.removeprefix(prefix)) for key in sorted(unplanned)]

    def _create(self, entries: Iterable[BagEntry], present: Collection[StoreKey], step: StepProgress) -> None:
        """Write those that are not there."""
        self.store.create(self._deposits(entries, present, step))
        step.report()

    def _deposits(
        self, entries: Iterable[BagEntry], present: Collection[StoreKey], step: StepProgress
    ) -> Iterator[Deposit]:
        for entry in entries:
            if self.outline.key(entry) in present:
                step.add(1, entry.size)
            else:
                yield self.outline.deposit(entry, step.add)

    def _read_back(self, entries: Iterable[BagEntry], step: StepProgress) -> Faults | None:
        promised = (self.outline.promise(entry) for entry in entries)
        first: list[Reading] = []
        count = 0
        for reading in read_back(self.store, promised, threads=self.threads, progress=step.add):
            if not isinstance(reading.verdict, Confirmed):
                count += 1
                if count <= NAMED:
                    first.append(reading)
        step.report()
        return Faults(count, tuple(first)) if count else None

    def _strangers(self, *, committed: bool) -> list[BagPath]:
        """Return what is there and not planned, knowing that everything planned is there."""
        prefix = self.outline.plan.package.prefix
        expected = self.outline.files if committed else self.outline.files - 1
        if sum(1 for _ in self.store.list(prefix)) == expected:
            return []
        # Only now are all names held: this is not how a package is kept, it is how it is refused.
        planned = {self.outline.key(entry) for entry in self.outline.plan.entries}
        return [
            BagPath(kept.key.removeprefix(f"{prefix}/"))
            for kept in self.store.list(prefix)
            if kept.key not in planned
        ]


def _absent_earlier(store: Store, files: Iterable[EarlierFile]) -> list[EarlierFile]:
    """Return those of ``files`` that ``store`` has not, or has in another size.

    One listing a version, no request a file. Raises ``StorageError`` where the store does not answer.
    """
    absent: list[EarlierFile] = []
    by_version = sorted(files, key=lambda file: file.locator.package)
    for package, relied_on in groupby(by_version, key=lambda file: file.locator.package):
        sizes: dict[StoreKey, int] = {kept.key: kept.size for kept in store.list(package.prefix)}
        absent += (file for file in relied_on if sizes.get(file.locator.key) != file.size)
    return absent
