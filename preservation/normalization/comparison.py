"""What a proof compares: two files of any kind, each opened anew, in parts that belong together."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, Self

from preservation.model.events import Agent
from preservation.policy.proofs import ProvableProof


class Content(NamedTuple):
    """What one part decodes to: ``layout`` in words, ``sha256`` of the decoded content."""

    layout: str
    sha256: bytes


class Property(Protocol):
    """Something that one part has or lacks beside its content; ``str`` of it gives its figures."""

    def differences(self, other: Self) -> list[str]:
        """Name what is not the same in ``other``; nothing where the two are to be taken for the same."""


class Comparable(Protocol):
    """One side of a proof: a raster, a recording, a document, opened by one decoder.

    Parts are what can be laid beside each other (pages, tracks) and count from 0. Methods raise
    ``UnacceptableContentError`` where a part cannot be read.
    """

    @property
    def decoder(self) -> Agent:
        """What decodes the content."""

    @property
    def part_name(self) -> str:
        """What a part is called: ``page``."""

    @property
    def part_count(self) -> int:
        """How many parts there are."""

    @property
    def extent(self) -> str:
        """How many parts there are and what else is counted, in words: ``2 pages and 1 sub-images``."""

    def content(self, part: int) -> Content:
        """Decode the part; hold nothing of it afterwards, for parts are large."""

    def properties(self, part: int) -> Mapping[ProvableProof, Property]:
        """Return the part's properties by the proofs that compare them."""
