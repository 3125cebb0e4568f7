"""What a virus scanner says of a file, and what it goes by when it says so."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias

import msgspec

from preservation.model.digests import HexDigest
from preservation.model.events import Agent, AgentKind
from preservation.model.paths import RelativePath

SignatureName = NewType("SignatureName", str)
"""What a scanner calls what it found, such as ``Win.Test.EICAR_HDB-1``."""


class Obstacle(StrEnum):
    """Why a file was not scanned, or why the scanner's word is not taken for it."""

    NO_SCANNER = "no scanner"
    DATABASE = "signatures that cannot be relied on"
    TOO_LARGE = "too large to be scanned"
    LIMIT = "not looked at wholly"
    FAULT = "the scanner failed on it"
    UNREADABLE = "could not be read"
    OTHER_BYTES = "other bytes than were surveyed"

    @property
    def is_the_scanners(self) -> bool:
        """Whether the operator must see to the scanner, and the files can then be scanned as they are."""
        return self in {Obstacle.NO_SCANNER, Obstacle.DATABASE}


class Clean(msgspec.Struct, frozen=True, tag="clean"):
    """A scanner whose signatures can be relied on looked at all of the file and found nothing."""


class Infected(msgspec.Struct, frozen=True, tag="infected"):
    """A scanner found something. It says the first thing that it finds, and looks no further."""

    signature: SignatureName


class NotScanned(msgspec.Struct, frozen=True, tag="not scanned"):
    """Whether the file is clean is not known. ``detail`` goes on after "not scanned for viruses:"."""

    obstacle: Obstacle
    detail: str


ScanVerdict: TypeAlias = Clean | Infected | NotScanned


class ScannedFile(msgspec.Struct, frozen=True):
    """A file, and what is known of viruses in it.

    ``sha256`` is that of the bytes that the scanner was sent, by which they are known to be those that the
    survey read; ``None`` where it was not sent all of them.
    """

    path: RelativePath
    sha256: HexDigest | None
    verdict: ScanVerdict


@dataclass(frozen=True, slots=True)
class ScannerRelease:
    """A scanner that answers: its version, and the official signatures that it has loaded, if any.

    ``database`` is their number, ``dated`` their date (UTC).
    """

    engine: str
    version: str
    database: int | None = None
    dated: datetime | None = None

    @property
    def agent(self) -> Agent:
        """The scanner as an agent; its signatures are in ``described``."""
        return Agent(AgentKind.SOFTWARE, self.engine, self.version)

    def age_days(self, at: datetime) -> int | None:
        """Return how many whole days old the signatures are; less than 0 where they are of the future."""
        return None if self.dated is None else (at - self.dated).days

    def described(self, at: datetime) -> str:
        """Return engine, version, and the number, date and age of the signatures, for people."""
        engine = f"{self.engine} {self.version}"
        if self.dated is None:
            return f"{engine}, no official signatures"
        return f"{engine}, signatures {self.database} of {self.dated:%Y-%m-%d}, {self.age_days(at)} days old"


@dataclass(frozen=True, slots=True)
class NoScanner:
    """No scanner answers. ``detail`` names where it was asked, and what came instead of an answer."""

    detail: str


@dataclass(frozen=True, slots=True)
class ScanTally:
    """How many files of a drop were found clean, infected, and were not scanned."""

    clean: int = 0
    infected: int = 0
    not_scanned: int = 0
