"""What validation needs of a bag, wherever it lies."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias, runtime_checkable

from preservation.bagit.algorithms import BagAlgorithm, BagDigests
from preservation.fixity.checking import Unreadable
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath

PAYLOAD = "data/"
"""What the path of every payload file begins with (RFC 8493 section 2.1.2)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Every file of the bag by its path below the base folder, nothing opened yet.

    ``issues`` are what was found while listing. ``whole`` is false where they leave nothing to validate.
    ``apple_doubles`` are those of ``files`` that are no part of the bag where no manifest names them.
    """

    files: frozenset[RelativePath]
    payload_folder: bool
    issues: tuple[Issue, ...] = ()
    whole: bool = True
    apple_doubles: frozenset[RelativePath] = frozenset()


class Digested(NamedTuple):
    """A file that was read to its end: its size in bytes and the digests that were wanted."""

    size: int
    digests: BagDigests


Observed: TypeAlias = Digested | Unreadable

Wanted: TypeAlias = Callable[[RelativePath], tuple[BagAlgorithm, ...]]
"""Says by which algorithms a file is to be digested; by none means that only its size is wanted."""


class BagSource(Protocol):
    """A bag that can be listed, whose tag files can be opened and whose files can be digested."""

    @property
    def name(self) -> str:
        """The name of the bag in messages to people."""

    def listing(self) -> Listing:
        """List the bag. Called once, before anything else."""

    def open_tag_file(self, path: RelativePath) -> BinaryIO:
        """Open a listed tag file. Raises ``OSError`` where it cannot be read."""

    def digest(self, wanted: Wanted) -> Iterator[tuple[RelativePath, Observed]]:
        """Read every listed file once, in whatever order is best here, and report what was found."""


@runtime_checkable
class DividedSource(BagSource, Protocol):
    """A bag whose files lie each for itself, so that several processes can read them."""

    @property
    def parts(self) -> int:
        """In how many parts the listed files are to be read."""

    def digest_parts(self, wanted: Wanted, numbers: Iterable[int]) -> Iterator[tuple[RelativePath, Observed]]:
        """Read every file of some parts, given by their numbers from 0, and report what was found."""
