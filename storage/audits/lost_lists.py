"""A replica of which no store has the lists as they were kept: which of its tag files are damaged, by name.

Of its payload nothing can be said: nothing states any more what that has to be.
"""

from collections.abc import Sequence
from dataclasses import replace

from preservation.errors import IntegrityError, NotFoundError
from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Digests
from preservation.model.identifiers import PackageId
from preservation.model.layout import COMMITS
from preservation.model.locators import Locator
from preservation.model.paths import BagPath, path_order
from preservation.model.tag_digests import TagDigest
from storage.audits.replica import PartRead, ReplicaReader
from storage.ports.stores import Store
from storage.readback import PromisedFile
from storage.restore.description import tag_files


def read_tag_files(
    reader: ReplicaReader, package: PackageId, recorded: Sequence[TagDigest], why: str
) -> PartRead:
    """Read those files of a replica of which a tag manifest that is as it was kept, or a record, has digests.

    Where nothing is recorded of its tag manifests, and none can be relied on, that is one damage: ``why``.
    Raises ``StorageError`` where the store is away.
    """
    promised = _promised((reader.store, *reader.others), package, recorded)
    part = reader.read_promised(
        package,
        [
            PromisedFile(Locator(package, path).key, None, digests)
            for path, digests in sorted(promised.items(), key=lambda one: path_order(one[0]))
        ],
    )
    if part.damages or recorded:
        return part
    return replace(part, damages=(_without_record(reader, package, why),))


def _promised(
    stores: Sequence[Store], package: PackageId, recorded: Sequence[TagDigest]
) -> dict[BagPath, Digests]:
    found: dict[BagPath, Digests] = {one.path: one.digests for one in recorded}
    for store in stores:
        try:
            return {**tag_files(store, package, recorded).tags, **found}
        except (IntegrityError, NotFoundError):
            continue
    return found


def _without_record(reader: ReplicaReader, package: PackageId, why: str) -> Damage:
    """Return the damage of a replica of which neither a record nor a list says what it was."""
    there = [kept.key for kept in reader.store.list(package.prefix)]
    path = next((one for one in COMMITS if Locator(package, one).key in there), None)
    kind = DamageKind.MISSING if path is None else DamageKind.UNREADABLE
    reason = "" if path is None else f"no store has its lists: {why}"
    return Damage(package, reader.store.name, path or COMMITS[0], kind, reader.clock(), {}, reason=reason)
