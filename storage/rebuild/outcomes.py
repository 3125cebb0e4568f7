"""What rebuilding did, found, and could not know."""

from dataclasses import dataclass
from typing import TypeAlias

from preservation.model.identifiers import ObjectId, PackageId, StoreName
from preservation.model.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class AddedVersion:
    """A version that the catalogue lacked and has now, or would get, by its lists in ``store``.

    ``vouched`` says whether the journal has its accession; ``replicas`` are those that it has in the
    catalogue.
    """

    package: PackageId
    store: StoreName
    vouched: bool
    replicas: tuple[StoreName, ...]


@dataclass(frozen=True, slots=True)
class AddedReplica:
    """A replica that the catalogue lacked of a version that it had."""

    package: PackageId
    store: StoreName


@dataclass(frozen=True, slots=True)
class AddedEnd:
    """The end of a submission that the catalogue lacked."""

    object: ObjectId
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RebuildFault:
    """What could not be rebuilt, or contradicts what is there; ``damage``: bytes are not as promised."""

    about: str
    sentence: str
    damage: bool


@dataclass(frozen=True, slots=True)
class LostRecord:
    """What a database had, and neither journal nor stores state."""

    about: str
    sentence: str


Rebuilt: TypeAlias = AddedVersion | AddedReplica | AddedEnd | RebuildFault | LostRecord
