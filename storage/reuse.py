"""Which of a new version's bytes earlier versions hold, in every store, read there to be sure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from preservation.errors import IntegrityError, NotFoundError
from preservation.fixity.checking import Confirmed, Unreadable
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.locators import Locator
from preservation.model.paths import RelativePath, printable
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Journal
from storage.ports.stores import Store
from storage.readback import Missing, PromisedFile, Reading, read_back
from storage.tag_digests import RecordedDigests, found_digests, recorded_digests, unlike

EARLIER_FILE_UNSOUND = IssueCode("VER-001")
EARLIER_VERSION_UNSOUND = IssueCode("VER-003")


@dataclass(frozen=True, slots=True)
class Reusable:
    """Files of earlier versions that every store gave back as they were promised, by SHA-256.

    ``unsound`` are findings about those that one did not: their bytes are to be written again.
    """

    files: dict[HexDigest, Locator]
    bytes: int
    unsound: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the bytes of a digest were written when they first came."""

    locator: Locator
    size: int


def reusable(
    catalogue: Catalogue,
    journal: Journal,
    package: PackageId,
    wanted: Iterable[HexDigest],
    stores: Sequence[Store],
    *,
    threads: int,
) -> Reusable:
    """Find the ``wanted`` digests (SHA-256) in kept versions before ``package`` and read them in all stores.

    A version whose tag manifests are in a store not those that catalogue and journal recorded is not built
    upon.

    Only versions count that the catalogue has registered and that have a replica in each of ``stores``;
    without one, ``wanted`` is not iterated. The oldest version that has a digest counts, so that the locator
    names where the bytes were written, never a line of another ``fetch.txt``. Where nothing of the new
    version would be new, its smallest file is left out: a bag has a payload folder. ``threads`` read at a
    time, for each store. Raises ``StorageError`` where the catalogue or a store does not answer, or a store
    is away.
    """
    versions = list(_versions_everywhere(catalogue, package, stores))
    if not versions:
        return Reusable({}, 0, ())
    for store in stores:
        # Reading shows the identity of a store only where a file is not there.
        store.check()
    digests = frozenset(wanted)
    origins = _origins(catalogue, versions, digests)
    issues = list(_unlike_recorded(catalogue, journal, origins, stores))
    if len(origins) == len(digests) and origins:
        del origins[min(origins, key=lambda digest: (origins[digest].size, digest))]
    if not origins:
        return Reusable({}, 0, tuple(issues))
    with ThreadPoolExecutor(len(stores), "versions") as workers:
        found = list(workers.map(lambda store: _unsound(store, origins, threads), stores))
    for store, faults in zip(stores, found, strict=True):
        for digest, reading in faults.items():
            issues.append(_issue(store.name, reading))
            origins.pop(digest, None)
    return Reusable(
        {digest: origin.locator for digest, origin in origins.items()},
        sum(origin.size for origin in origins.values()),
        tuple(issues),
    )


def _origins(
    catalogue: Catalogue, versions: Iterable[PackageId], wanted: Collection[HexDigest]
) -> dict[HexDigest, _Origin]:
    """Find, in one pass over the catalogue, where each wanted digest was first written."""
    origins: dict[HexDigest, _Origin] = {}
    for version in versions:
        for file in catalogue.files(version):
            digest = file.digests.get(Algorithm.SHA256)
            if digest in wanted and digest is not None and digest not in origins:
                origins[digest] = _Origin(Locator(version, file.path), file.size)
    return origins


def _unlike_recorded(
    catalogue: Catalogue, journal: Journal, origins: dict[HexDigest, _Origin], stores: Sequence[Store]
) -> Iterator[Issue]:
    """Remove the origins in versions that are no longer what was recorded, and yield a finding for each."""
    for version in sorted({origin.locator.package for origin in origins.values()}):
        faults = _faults_of(version, recorded_digests(catalogue, journal, version), stores)
        if not faults:
            continue
        for digest in [digest for digest, origin in origins.items() if origin.locator.package == version]:
            del origins[digest]
        for fault in faults:
            yield Issue(
                EARLIER_VERSION_UNSOUND,
                Severity.WARNING,
                f"{fault}. The new version does not build on {version}.",
                None,
                "Find out who altered it: the replica, or the record of it in the database, needs repair.",
            )


def _faults_of(version: PackageId, recorded: RecordedDigests, stores: Sequence[Store]) -> list[str]:
    """Return how a version in ``stores`` differs from what is recorded, or among them where nothing is."""
    try:
        expected = recorded.digests or found_digests(stores[0], version)
    except (NotFoundError, IntegrityError) as error:
        return [str(error).rstrip(".")]
    return [*recorded.doubts, *(fault for store in stores if (fault := unlike(store, version, expected)))]


def _versions_everywhere(
    catalogue: Catalogue, package: PackageId, stores: Iterable[Store]
) -> Iterator[PackageId]:
    needed = {store.name for store in stores}
    for registered in catalogue.history(package.object).registrations:
        has = {replica.store for replica in registered.replicas}
        if registered.package.version < package.version and needed <= has:
            yield registered.package


def _unsound(store: Store, origins: dict[HexDigest, _Origin], threads: int) -> dict[HexDigest, Reading]:
    """Read every origin in ``store`` and return those that are not what they were."""
    promises = (
        PromisedFile(origin.locator.key, origin.size, {Algorithm.SHA256: digest})
        for digest, origin in origins.items()
    )
    return {
        reading.promised.digests[Algorithm.SHA256]: reading
        for reading in read_back(store, promises, threads=threads)
        if not isinstance(reading.verdict, Confirmed)
    }


def _issue(store: StoreName, reading: Reading) -> Issue:
    key = reading.promised.key
    match reading.verdict:
        case Missing():
            fault = f"has lost {printable(key)}"
        case Unreadable(reason):
            fault = f"cannot read {printable(key)}: {reason}"
        case _:
            fault = f"holds other bytes under {printable(key)} than were kept there"
    return Issue(
        EARLIER_FILE_UNSOUND,
        Severity.WARNING,
        f"Store {store} {fault}. The new version holds these bytes anew.",
        RelativePath(key),
        "Restore the earlier version from another store and find out what happened to this one.",
    )
