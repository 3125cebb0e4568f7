"""The journal of the installation that kept packages before: what it recorded, and what vouches for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from preservation.errors import ConfigurationError, IntegrityError, NotFoundError
from preservation.model.identifiers import PackageId
from preservation.model.paths import printable
from preservation.model.tag_digests import TagDigest, stated
from storage.journal.entries import read_entry
from storage.journal.exported import ExportedJournal, exported_in_folder, exported_in_stores
from storage.journal.verification import Broken
from storage.ports.stores import Store
from storage.rebuild.statements import STATING, DigestsRecorded, EnteredVersion, statement_in


@dataclass(frozen=True, slots=True)
class FormerJournal:
    """What another installation's journal recorded of its packages, by their tag manifests.

    ``sentence`` says what vouches for it. It has no ``digests`` where there is no journal that holds.
    """

    sentence: str
    digests: Mapping[PackageId, tuple[TagDigest, ...]] = field(default_factory=dict)

    def fault_of(self, package: PackageId, found: tuple[TagDigest, ...]) -> str:
        """Return how a package differs from what was recorded when it was kept; empty where it does not."""
        recorded = self.digests.get(package, ())
        if not recorded or recorded == found:
            return ""
        return (
            f"{package}: it has {stated(found)}, and the journal of the installation that kept it has "
            f"{stated(recorded)}: it was altered since; take it from another store of that installation"
        )

    def statement_of(self, package: PackageId) -> str:
        """Return what the tag manifests of a package were held against."""
        if self.digests.get(package):
            return f"alike in its former journal ({self.sentence})"
        return f"nothing states what they were when it was kept ({self.sentence})"


def former_journal(source: Store, folder: Path | None = None) -> FormerJournal:
    """Read the journal in a store that another installation filled, or in ``folder`` where given.

    Its own keys lie beside it and prove nothing by themselves: it is held to be whole, not to be true. One
    package is remembered by its name and its digests. Raises ``StorageError`` as the store does, and
    ``NotFoundError`` where there is none in ``folder``.
    """
    try:
        exported = exported_in_stores([source]) if folder is None else exported_in_folder(folder)
    except NotFoundError:
        if folder is not None:
            raise
        return FormerJournal("no journal lies beside it")
    try:
        keys = exported.keys()
        verdict = exported.verify(keys)
    except (ConfigurationError, IntegrityError) as error:
        return FormerJournal(f"its journal cannot be read: {printable(str(error))}")
    if isinstance(verdict, Broken):
        return FormerJournal(f"its journal does not hold: {printable(verdict.faults[0].message)}")
    if verdict.signed is None:
        return FormerJournal("no signed head vouches for its journal")
    head, key = verdict.signed.head.seq, verdict.signed.key
    sentence = f"whole up to entry {head:,}, signed by the key {key}, for which nothing here vouches"
    return FormerJournal(sentence, _recorded_in(exported, verdict.signed.head.seq))


def _recorded_in(exported: ExportedJournal, last: int) -> dict[PackageId, tuple[TagDigest, ...]]:
    """Return what entries up to ``last`` recorded; what comes first counts."""
    found: dict[PackageId, tuple[TagDigest, ...]] = {}
    for line in exported.lines(exported.keys()):
        if not any(kind in line for kind in STATING):
            continue
        entry = read_entry(line)
        if entry.seq > last:
            break
        match statement_in(entry):
            case EnteredVersion(package, _, digests) | DigestsRecorded(package, digests) if digests:
                found.setdefault(package, digests)
            case _:
                pass
    return found
