"""What filling a store, or emptying one into others, comes to: a line each."""

from dataclasses import dataclass

from preservation.model.amounts import byte_size, count
from preservation.model.identifiers import PackageId, StoreName


@dataclass(frozen=True, slots=True)
class FilledReplica:
    """A package that a store has now, or would get; every byte, ``bytes`` in all, was read back there.

    ``was_gone``: by the catalogue the store had it before, and nothing of it was there.
    """

    store: StoreName
    package: PackageId
    bytes: int = 0
    was_gone: bool = False


@dataclass(frozen=True, slots=True)
class NotFilled:
    """What a store still lacks, and why: one package, or all of them where the store is away.

    ``damage`` means that this store does not hold what was promised, also where it was only read to fill
    another one.
    """

    store: StoreName
    package: PackageId | None
    sentence: str
    damage: bool = False


@dataclass(frozen=True, slots=True)
class LeftForLater:
    """Replicas that were not written because the budget was used up."""

    replicas: int
    bytes: int

    @property
    def sentence(self) -> str:
        """What is left, and what to do."""
        size = byte_size(self.bytes)
        return f"{count(self.replicas, 'replica')}, {size}, left, for the budget is used up; run it again"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A package that is in fewer stores, or on fewer sites, than its policy asks for.

    Replicas in the stores ``damaged``, where damage of it is open, do not count.
    """

    package: PackageId
    copies: int
    of_copies: int
    sites: int
    of_sites: int
    damaged: tuple[StoreName, ...] = ()

    @property
    def sentence(self) -> str:
        """How much is lacking."""
        asked = f"{count(self.of_copies, 'copy', 'copies')} on {count(self.of_sites, 'site')}"
        sentence = f"its policy asks for {asked}, and it has {self.copies:,} on {self.sites:,}"
        if self.damaged:
            sentence += f"; its replica in {' and '.join(self.damaged)} is damaged: muniment damage"
        return sentence
