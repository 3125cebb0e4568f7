"""What a bag says of itself, read once, for the rules to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from preservation.bagit.algorithms import BagAlgorithm
from preservation.bagit.baginfo import MetadataElement
from preservation.bagit.declaration import Declaration
from preservation.bagit.source import Listing
from preservation.model.digests import HexDigest
from preservation.model.paths import RelativePath


@dataclass(frozen=True, slots=True)
class Manifest:
    """A payload or tag manifest. ``entries`` gives the promised digest of each file, by its path in the bag.

    ``checkable`` says that the algorithm can be computed here.
    """

    path: RelativePath
    algorithm: BagAlgorithm
    entries: Mapping[RelativePath, HexDigest]
    checkable: bool


@dataclass(frozen=True, slots=True)
class ToFetch:
    """A payload file that ``fetch.txt`` says where to get; ``length`` in bytes where it says so."""

    url: str
    length: int | None


@dataclass(frozen=True, slots=True)
class BagContents:
    """Everything about the bag but the bytes of its files."""

    listing: Listing
    declaration: Declaration
    payload_manifests: tuple[Manifest, ...]
    tag_manifests: tuple[Manifest, ...]
    metadata: tuple[MetadataElement, ...]
    fetch: Mapping[RelativePath, ToFetch]

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All manifests, those of the payload first."""
        return (*self.payload_manifests, *self.tag_manifests)
