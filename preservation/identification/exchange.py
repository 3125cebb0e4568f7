"""What travels between the stages' identifier and the caged processes that do its work."""

from __future__ import annotations

from typing import Protocol

import msgspec

from preservation.model.formats import Identification
from preservation.model.paths import RelativePath


class FileAt(Protocol):
    """A file to identify: where it is below its root, and its size in bytes."""

    @property
    def path(self) -> RelativePath:
        """Where it is."""

    @property
    def size(self) -> int:
        """How many bytes it has."""


class FoundFormats(msgspec.Struct, frozen=True):
    """What was found: the identifications that differ, and for each file asked about, which it is.

    Most files of a batch are of a few formats, so the same is not sent hundreds of times.
    """

    different: tuple[Identification, ...]
    of_each: tuple[int, ...]

    @classmethod
    def gathered(cls, identifications: list[Identification]) -> FoundFormats:
        """Gather what was found of each file."""
        numbers: dict[Identification, int] = {}
        of_each = [numbers.setdefault(found, len(numbers)) for found in identifications]
        return cls(tuple(numbers), tuple(of_each))

    def spread(self) -> list[Identification]:
        """Return what was found of each file. Raises ``IndexError`` where it says what cannot be."""
        return [self.different[number] for number in self.of_each]
