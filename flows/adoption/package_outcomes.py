"""What became of packages that another installation wrote."""

from dataclasses import dataclass
from typing import TypeAlias

from flows.adoption.adopt import LeftToAdopt
from flows.adoption.package_plan import RefusedPackage
from preservation.model.identifiers import PackageId, StoreName


@dataclass(frozen=True, slots=True)
class AdoptedPackage:
    """A version that is kept here from now on, every byte read back from each of ``stores``.

    ``lacking`` says why a store has it not, or may be empty; ``is_short``: that is less than its policy asks.
    """

    package: PackageId
    stores: tuple[StoreName, ...]
    lacking: str = ""
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class InterruptedPackage:
    """A version that could not be adopted now; the same command goes on with it."""

    package: PackageId
    sentence: str


PackageOutcome: TypeAlias = AdoptedPackage | RefusedPackage | InterruptedPackage | LeftToAdopt
