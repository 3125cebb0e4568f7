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
from storage.tag_digests import recorded_digests, recorded_later


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
    was read on that day: it says nothing of the day on which the version was kept. With ``dry_run`` nothing
    is recorded. Raises ``StorageError`` where the database or a store does not answer.
    """
    for kept in installation.catalogue.packages():
        if kept.tag_digests:
            continue
        found = _read(kept, installation)
        if not found.fault and not dry_run:
            event = recorded_later(kept, found.digests, found.stores, at, SOFTWARE)
            installation.catalogue.record_tag_digests(kept.package, found.digests, [event])
        yield found


def _read(kept: Registration, installation: Installation) -> UpgradedVersion:
    catalogue, package = installation.catalogue, kept.package
    doubts = recorded_digests(catalogue, installation.journal, package).doubts
    if doubts:
        return UpgradedVersion(package, (), (), ". ".join(doubts))
    catalogued = {file.path: file.digests for file in catalogue.files(package)}
    registered = {replica.store for replica in kept.replicas}
    found: dict[StoreName, tuple[TagDigest, ...]] = {}
    for store in installation.stores:
        if store.name in registered:
            try:
                description = agreed(describe(store, package), store, catalogued)
            except (IntegrityError, NotFoundError) as error:
                return UpgradedVersion(package, (), (), str(error))
            found[store.name] = description.tag_digests
    names = tuple(found)
    if not found:
        return UpgradedVersion(package, (), (), f"{package}: none of its stores is configured any more")
    if len(set(found.values())) > 1:
        fault = (
            f"{package}: its tag manifests differ in {' and '.join(names)}; restore and compare both: --from"
        )
        return UpgradedVersion(package, names, (), fault)
    return UpgradedVersion(package, names, found[names[0]])
