"""What must be so before a store is lost in a rehearsal: others have all of it, and it is filled again."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from flows.archive.presence import gone_replicas
from flows.installation.wiring import Installation
from preservation.errors import ConfigurationError, IntegrityError, StorageError
from preservation.model.amounts import OnProgress
from preservation.model.identifiers import PackageId, StoreName
from storage.ports.stores import Store
from storage.presence import presence
from storage.tag_digests import NOTHING_RECORDED, recorded_digests


def require_elsewhere(
    installation: Installation,
    lost: Store,
    progress: OnProgress,
    seen: Callable[[PackageId, StoreName], object],
    scratch: Path,
) -> tuple[int, int, int]:
    """Read each version of the store in the others, until one of them has all of it, which is ``seen`` there.

    Lists are in files in ``scratch``, for they may be long.

    Return how many versions, files and bytes they are. Raises ``IntegrityError`` at the first that none of
    them was seen to have as it was kept.
    """
    others = [one for one in installation.stores if one.name != lost.name]
    versions = files = size = 0
    for kept in installation.catalogue.packages(held_by=lost.name):
        seen(kept.package, _require_in_one(installation, kept.package, lost.name, others, scratch))
        [mine] = [one for one in kept.replicas if one.store == lost.name]
        versions, files, size = versions + 1, files + mine.files, size + mine.bytes
        progress(mine.files, mine.bytes)
    return versions, files, size


def _require_in_one(
    installation: Installation, package: PackageId, lost: StoreName, others: list[Store], scratch: Path
) -> StoreName:
    if not recorded_digests(installation.catalogue, installation.journal, package).digests:
        # Then the tag files of one store would vouch for themselves.
        raise ConfigurationError(f"store {lost}: of {package} {NOTHING_RECORDED}. Nothing was emptied")
    faults: list[str] = []
    for store in others:
        try:
            found = presence(
                installation.catalogue,
                installation.journal,
                package,
                (store,),
                most_bytes=sys.maxsize,
                threads=installation.settings.work.threads,
                scratch=scratch,
            )
        except StorageError as error:
            faults.append(str(error))
            continue
        if found.sound:
            return store.name
        faults += [*found.faults.values(), *found.doubts]
    why = f": {'. '.join(faults)}" if faults else ""
    raise IntegrityError(
        f"store {lost}: {package} was not seen in another store as it was kept{why}. Nothing was emptied; "
        f"see what is damaged: muniment audit --object {package.object}, then repair it, or fill a further "
        "store: muniment replicate --missing"
    )


def require_still_elsewhere(
    installation: Installation, package: PackageId, lost: StoreName, other: StoreName, *, since: datetime
) -> None:
    """See that a version is in store ``other`` still, where it was seen, with no damage known ``since``.

    Raises ``IntegrityError`` where it is not, ``StorageError`` where that store is away.
    """
    kept = installation.catalogue.package(package)
    stores = [one for one in installation.stores if one.name == other != lost]
    is_held = bool(stores) and other in {one.store for one in kept.replicas}
    is_damaged = any(
        one.damage.store == other and one.damage.at >= since
        for one in installation.audits.damages(package=package)
    )
    if not is_held or is_damaged or any(gone_replicas(stores[0], [kept])):
        raise IntegrityError(
            f"store {lost}: {package} was read in store {other}, and is not there any more as it was. It was "
            f"left where it is, and so was what comes after it. See what happened to store {other}; then "
            f"complete this one again: muniment replicate --missing --store {lost}"
        )


def require_fillable(installation: Installation, store: StoreName) -> None:
    """Refuse a store that would not get again what it has."""
    settings = installation.settings
    if store not in settings.stores_in_use:
        raise ConfigurationError(
            f"store {store} is retired: nothing is written into it, so it would stay empty; take retired = "
            "true out of its [[store]] first"
        )
    [kept] = [one for one in settings.store if one.name == store]
    if kept.identity is None:
        raise ConfigurationError(
            f"store {store}: its [[store]] in muniment.toml has no identity, and the catalogue forgets that "
            f"of a lost store; run first: muniment stores init {store}"
        )
    for collection in installation.audits.collections(store):
        if store not in installation.store_names_for(collection):
            raise ConfigurationError(
                f"store {store} holds {collection}, whose policy does not name that store: what is lost of "
                "it would not be filled again; name the store in the policy, or use another one"
            )
