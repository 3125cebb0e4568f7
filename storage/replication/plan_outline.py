"""A plan, gone through once before any store is asked for anything."""

from collections.abc import Iterator
from dataclasses import dataclass

from preservation.fixity.digesting import digest_file
from preservation.model.amounts import OnProgress
from preservation.model.packages import BagEntry, BagPlan
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.readback import PromisedFile


@dataclass(frozen=True, slots=True)
class PlanOutline:
    """What every store needs of a plan: the entry that commits it, and how much it is in all."""

    plan: BagPlan
    commit: BagEntry
    files: int
    bytes: int

    @property
    def body(self) -> Iterator[BagEntry]:
        """Every entry but the commit."""
        return (entry for entry in self.plan.entries if entry.path != self.commit.path)

    @property
    def where_committed(self) -> str:
        """What may be, and what to do, where a store has another committed version under this name."""
        return (
            f"a whole {self.plan.package} is committed there that the catalogue does not know, or that is "
            "damaged: it stays as it is. Where the database was lost or restored from a backup, restore the "
            "newest one; else preserve the drop under another name with --as"
        )

    def key(self, entry: BagEntry) -> StoreKey:
        """Where a store keeps the entry."""
        return StoreKey(f"{self.plan.package.prefix}/{entry.path}")

    def deposit(self, entry: BagEntry, written: OnProgress) -> Deposit:
        """Return the entry as a store is given it."""
        return Deposit(self.key(entry), entry.source, entry.size, written)

    def promise(self, entry: BagEntry) -> PromisedFile:
        """Return the entry as it must be found again."""
        algorithm = self.plan.algorithm
        return PromisedFile(self.key(entry), entry.size, {algorithm: entry.digests[algorithm]})

    def is_as_surveyed(self, entry: BagEntry) -> bool:
        """Return whether the bytes of the entry are still what they were when they were surveyed."""
        algorithm = self.plan.algorithm
        try:
            size, found = digest_file(entry.source, (algorithm,))
        except OSError:
            return False
        return size == entry.size and found[algorithm] == entry.digests[algorithm]


def outline_of(plan: BagPlan) -> PlanOutline:
    """Go through ``plan`` once. Raises ``ValueError`` where what commits it does not come last."""
    files = size = 0
    last: BagEntry | None = None
    for entry in plan.entries:
        files += 1
        size += entry.size
        last = entry
    if last is None or last.path != plan.commit:
        raise ValueError(f"the plan of {plan.package} does not end with {plan.commit}, which commits it")
    return PlanOutline(plan, last, files, size)
