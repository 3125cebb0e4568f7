"""Damage: a file of a replica that was read and is not as it was kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from preservation.model.digests import Algorithm, Digests, HexDigest
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.paths import BagPath, printable


class DamageKind(StrEnum):
    """What reading a file showed, where that was not *confirmed*.

    *Unreadable* is not *mismatched*: nothing is known of the bytes. *Unexpected* is a file that lies among
    those of a version and that no manifest of it names.
    """

    MISMATCHED = "mismatched"
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of a replica that is not as it was kept, as it was read at ``at``.

    ``promised`` and ``found`` are digests, as far as there are any; sizes are in bytes. ``reason`` is what
    the store or the system said of a file that could not be read.
    """

    package: PackageId
    store: StoreName
    path: BagPath
    kind: DamageKind
    at: datetime
    promised: Digests
    promised_size: int | None = None
    found: Digests | None = None
    found_size: int | None = None
    reason: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong, without an end mark."""
        where = f"store {self.store}: {printable(f'{self.package.prefix}/{self.path}')}"
        match self.kind:
            case DamageKind.MISSING:
                return f"{where} is missing"
            case DamageKind.UNEXPECTED:
                return f"{where} was not kept with {self.package}, and lies among its files"
            case DamageKind.UNREADABLE:
                return f"{where} cannot be read: {self.reason}"
            case DamageKind.MISMATCHED:
                return f"{where} has other bytes than were kept{self._sizes()}"

    def _sizes(self) -> str:
        if self.found_size is None or self.promised_size in {None, self.found_size}:
            return ""
        return f": {self.found_size:,} instead of {self.promised_size:,}"


def digests_text(digests: Digests | None) -> str:
    """Return digests as text: ``sha256:5c02…``, with commas between them; empty where there are none."""
    return ",".join(f"{name.value}:{digest}" for name, digest in sorted((digests or {}).items()))


def digests_from(text: str) -> Digests:
    """Return the digests that ``digests_text`` wrote."""
    pairs = (one.partition(":") for one in text.split(",") if one)
    return {Algorithm(name): HexDigest(digest) for name, _, digest in pairs}
