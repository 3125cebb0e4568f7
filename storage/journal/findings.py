"""What disagrees with a journal that is sound in itself: a copy of it, the catalogue, a store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from preservation.model.identifiers import StoreName

_NAMED: Final = 20
"""So many of a kind are named one by one; the rest is counted."""


class FindingKind(StrEnum):
    """What can disagree with a journal."""

    COPY_DAMAGED = "copy-damaged"
    HEAD_LOST = "head-lost"
    UNCATALOGUED = "uncatalogued"
    REPLICA_MISSING = "replica-missing"
    UNKNOWN_PACKAGE = "unknown-package"
    TIME_STAMP = "time-stamp"


@dataclass(frozen=True, slots=True)
class JournalFinding:
    """One disagreement. ``about`` is a package, or a file of the journal; empty for a count of several."""

    kind: FindingKind
    about: str
    message: str


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A store, or a ``witness``, that could not be compared, or not wholly, and why."""

    store: StoreName
    reason: str
    witness: str = ""

    @property
    def sentence(self) -> str:
        """What it is and the reason in one sentence."""
        what = f"Witness {self.witness}" if self.witness else f"Store {self.store}"
        return f"{what} was not, or not wholly, compared: {self.reason.rstrip('.')}."


def named(findings: Iterable[JournalFinding]) -> tuple[JournalFinding, ...]:
    """Return the first findings of each kind, and how many more there are."""
    found: dict[FindingKind, list[JournalFinding]] = {}
    more: dict[FindingKind, int] = {}
    for finding in findings:
        kept = found.setdefault(finding.kind, [])
        if len(kept) < _NAMED:
            kept.append(finding)
        else:
            more[finding.kind] = more.get(finding.kind, 0) + 1
    return tuple(one for kind, first in found.items() for one in (*first, *_further(kind, more.get(kind, 0))))


def _further(kind: FindingKind, number: int) -> Sequence[JournalFinding]:
    return [JournalFinding(kind, "", f"{number:,} more of the kind {kind}")] if number else []
