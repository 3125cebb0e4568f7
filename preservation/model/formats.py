"""What a file is: PRONOM identifiers and how they were come by."""

import re
from dataclasses import dataclass
from typing import NewType

Puid = NewType("Puid", str)
"""PRONOM unique identifier, such as ``fmt/353``."""

MimeType = NewType("MimeType", str)
"""A media type. It describes; it never decides."""

EngineName = NewType("EngineName", str)
"""An identification engine: ``siegfried``, ``fido``."""

_PUID = re.compile(r"(?:x-)?fmt/[1-9][0-9]*")


def puid(text: str) -> Puid:
    """Return ``text`` as a PUID. Raises ``ValueError`` where it is not written as PRONOM writes them."""
    if _PUID.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a PRONOM identifier; they are written fmt/353 or x-fmt/18")
    return Puid(text)


@dataclass(frozen=True, slots=True)
class FormatMatch:
    """One engine's word on one format. ``basis`` is the engine's own account of why."""

    puid: Puid
    name: str
    version: str
    basis: str
    engine: EngineName


@dataclass(frozen=True, slots=True)
class Identification:
    """All that was found out about what a file is.

    ``decided`` is the one format that may be acted on, or ``None`` where the file is unknown or
    the engines leave more than one possibility: disagreement is an issue, not a coin toss.
    """

    matches: tuple[FormatMatch, ...]
    decided: Puid | None
    mime: MimeType
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The decided format's name as people know it, with its version, or why there is none."""
        for match in self.matches:
            if match.puid == self.decided:
                return f"{match.name} {match.version}".strip()
        return "ambiguous format" if self.matches else "unknown format"


@dataclass(frozen=True, slots=True)
class EngineRelease:
    """An engine as it was when it spoke: recorded with every identification event."""

    engine: EngineName
    version: str
    signatures: str
