"""Upgrade: records what an older Muniment did not, the digests of the tag manifests of what it kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flows.installation.wiring import SOFTWARE, Installation
from preservation.errors import IntegrityError, NotFoundError
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.tag_digests import TagDigest
from storage.ports.catalogue import Registration
from storage.restore.description import describe
from storage.restore.source import agreed
from storage.tag_digests import contradiction, journalled_digests, recorded_later


@dataclass(frozen=True, slots=True)
class UpgradedVersion:
    """A version without recorded digests: those that ``stores`` agree on, or why there are none."""

    package: PackageId
    stores: tuple[StoreName, ...]
    digests: tuple[TagDigest, ...]
    fault: str = ""


def upgrade_versions(installation: Installation, at: datetime, *, dry_run: bool) -> Iterator[UpgradedVersion]:
    """Record the digests of the tag manifests of every version that has none, where its stores agree.

    Each replica's lists must hold and be those of the catalogue. The journal gets an event that states what
    was read on that day: it says nothing of the day on which the version was kept. Digests that the journal
    has and the catalogue lacks are recorded in the catalogue again. With ``dry_run`` nothing is recorded.

    Raises ``StorageError`` where the database or a store does not answer, ``IntegrityError`` where the
    journal cannot be read.
    """
    for kept in installation.catalogue.packages():
        if kept.tag_digests:
            continue
        known = journalled_digests(installation.journal, kept.package)
        found = _read(kept, known, installation)
        if not found.fault and not dry_run:
            # Where the journal has them, it is the catalogue that is older, or was altered.
            later = [] if known else [recorded_later(kept, found.digests, found.stores, at, SOFTWARE)]
            installation.catalogue.record_tag_digests(kept.package, found.digests, later)
        yield found


def _read(
    kept: Registration, known: list[tuple[TagDigest, ...]], installation: Installation
) -> UpgradedVersion:
    """Read the tag manifests in every store; they must be alike, and those that the journal has, if any."""
    catalogue, package = installation.catalogue, kept.package
    if len(known) > 1:
        return UpgradedVersion(package, (), (), contradiction(package, known))
    recorded = known[0] if known else ()
    catalogued = {file.path: file.digests for file in catalogue.files(package)}
    registered = {replica.store for replica in kept.replicas}
    found: dict[StoreName, tuple[TagDigest, ...]] = {}
    for store in installation.stores:
        if store.name in registered:
            try:
                description = agreed(describe(store, package, recorded), store, catalogued)
            except (IntegrityError, NotFoundError) as error:
                return UpgradedVersion(package, (), (), str(error))
            found[store.name] = description.tag_digests
    names = tuple(found)
    if not found:
        return UpgradedVersion(package, (), (), f"{package}: none of its stores is configured any more")
    if len(set(found.values())) > 1:
        fault = f"{package}: its tag manifests differ in {' and '.join(names)}; restore from each and compare"
        return UpgradedVersion(package, names, (), fault)
    return UpgradedVersion(package, names, recorded or found[names[0]])
