"""Whether the stores have a version as it was kept: tag files read, sizes compared, bytes up to a size."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from preservation.errors import IntegrityError, NotFoundError
from preservation.fixity.checking import Confirmed
from preservation.model.digests import Digests
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import BagPath, StoreKey, printable
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Journal
from storage.ports.stores import Store
from storage.readback import PromisedFile, read_back
from storage.restore.description import Description, describe
from storage.restore.path_table import PathTable
from storage.restore.source import agreed, catalogued_digests
from storage.tag_digests import RecordedDigests, recorded_digests

KEPT_VERSION_UNSOUND = IssueCode("VER-002")


@dataclass(frozen=True, slots=True)
class Presence:
    """What a look at the replicas of ``package`` showed: the stores that have it, and what is wrong.

    ``faults`` are sentences by store; ``doubts`` are about the records that stores are compared with;
    ``is_read``: whether every byte was read back, and not only sizes compared.
    """

    package: PackageId
    sound: tuple[StoreName, ...]
    faults: Mapping[StoreName, str]
    doubts: tuple[str, ...]
    is_read: bool

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The findings for the receipt of a drop that has the same content."""
        return tuple(
            Issue(
                KEPT_VERSION_UNSOUND,
                Severity.WARNING,
                f"{fault}. It was kept as {self.package}; the drop has the same content, and is kept anew.",
                None,
                "Find out what happened to that store: its replica needs repair.",
            )
            for fault in (*self.faults.values(), *self.doubts)
        )


def presence(
    catalogue: Catalogue,
    journal: Journal,
    package: PackageId,
    stores: Sequence[Store],
    *,
    most_bytes: int,
    threads: int,
    scratch: Path | None = None,
) -> Presence:
    """Look at the replicas of a registered version in each of ``stores`` that has one by the catalogue.

    In each, the tag manifests are compared with what is recorded, every tag file is read and compared with
    them, and every file of the payload, also what lies in earlier versions, must be there in its size. Where
    the payload has at most ``most_bytes``, every byte of it is read back. Where nothing is recorded,
    the tag manifests of the stores are compared with each other. With ``scratch``, a folder, the lists are in
    files there, and not in memory: a version may have a million files. Raises ``StorageError`` where
    catalogue, journal or a store does not answer: then it is not known.
    """
    registered = {replica.store for replica in catalogue.package(package).replicas}
    looked_at = [store for store in stores if store.name in registered]
    recorded = recorded_digests(catalogue, journal, package)
    if not looked_at:
        return Presence(package, (), {}, recorded.doubts, is_read=False)
    kept = _Catalogued.of(catalogue, package, scratch)
    is_read = sum(size for _, size in kept.sizes.items()) <= most_bytes

    def look(store: Store) -> Description | str:
        found = _look(store, package, recorded, kept, threads, scratch)
        if isinstance(found, Description) and is_read:
            return altered_fault(store, found, found.payload, threads) or found
        return found

    with ThreadPoolExecutor(len(looked_at), "presence") as workers:
        found = dict(zip((store.name for store in looked_at), workers.map(look, looked_at), strict=True))
    faults = {name: one for name, one in found.items() if isinstance(one, str)}
    sound = {name: one for name, one in found.items() if isinstance(one, Description)}
    doubts = recorded.doubts
    if len({one.tag_digests for one in sound.values()}) > 1:
        doubts += (f"{package}: {' and '.join(sound)} have different tag manifests, and none is recorded",)
    return Presence(package, () if doubts else tuple(sound), faults, doubts, is_read)


@dataclass(frozen=True, slots=True)
class _Catalogued:
    """Sizes and digests of a version's payload by the catalogue."""

    sizes: Mapping[BagPath, int]
    digests: Mapping[BagPath, Digests]

    @classmethod
    def of(cls, catalogue: Catalogue, package: PackageId, scratch: Path | None) -> "_Catalogued":
        if scratch is None:
            files = list(catalogue.files(package))
            return cls({one.path: one.size for one in files}, {one.path: one.digests for one in files})
        sizes = ((one.path, one.size) for one in catalogue.files(package))
        digests = catalogued_digests(catalogue.files(package), scratch)
        return cls(PathTable(scratch, sizes, str, int), digests)


def _look(
    store: Store,
    package: PackageId,
    recorded: RecordedDigests,
    kept: _Catalogued,
    threads: int,
    scratch: Path | None,
) -> Description | str:
    """Return the replica's description, or what is wrong with it."""
    try:
        description = agreed(describe(store, package, recorded.digests, scratch), store, kept.digests)
    except (IntegrityError, NotFoundError) as error:
        return str(error).rstrip(".")
    if fault := altered_fault(store, description, description.tags, threads):
        return fault
    sizes = _sizes(store, description, scratch)
    for path in description.payload:
        key = description.key(path)
        if sizes.get(key) != kept.sizes[path]:
            return f"store {store.name}: {printable(key)} is not there in the size that was kept"
    return stray_fault(store, description, sizes) or description


def altered_fault(store: Store, description: Description, paths: Iterable[BagPath], threads: int) -> str:
    """Read files of the replica back; return what is wrong with the first that is not as it was kept.

    It is an empty text where all are. Raises ``StorageError`` where the store does not answer.
    """
    promised = (
        PromisedFile(description.key(path), None, digests)
        for path in paths
        if (digests := description.digests(path)) is not None
    )
    for reading in read_back(store, promised, threads=threads):
        if not isinstance(reading.verdict, Confirmed):
            return f"store {store.name}: {printable(reading.promised.key)} is not there as it was kept"
    return ""


def _sizes(store: Store, description: Description, scratch: Path | None) -> Mapping[StoreKey, int]:
    """Return the size of every file of the version and of those that it relies on: a listing each."""
    relied_on = {StoreKey("/".join(key.split("/", 3)[:3])) for key in description.keys.values()}
    prefixes = sorted({description.package.prefix, *relied_on})
    found = ((kept.key, kept.size) for prefix in prefixes for kept in store.list(prefix))
    return dict(found) if scratch is None else PathTable(scratch, found, str, int)


def stray_fault(store: Store, description: Description, keys: Iterable[StoreKey] | None = None) -> str:
    """Return what lies among the version's files in ``store`` though no manifest of it names it, or ``""``.

    ``keys`` are all that the store has of the version, where they are known.
    """
    package = description.package
    start = f"{package.prefix}/"
    listed = keys if keys is not None else (kept.key for kept in store.list(package.prefix))
    paths = (BagPath(key.removeprefix(start)) for key in listed if key.startswith(start))
    strays = [path for path in paths if path not in description.tags and path not in description.payload]
    if not strays:
        return ""
    more = f" and {len(strays) - 1:,} more" if len(strays) > 1 else ""
    return (
        f"store {store.name}: no manifest of {package} names {printable(min(strays))}{more}, which lies "
        "among its files; find out who put it there, and take it away"
    )
