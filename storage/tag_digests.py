"""What catalogue and journal recorded of a version's tag manifests, and whether a replica has it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import BinaryIO

from preservation.errors import IntegrityError, NotFoundError
from preservation.fixity.digesting import digest_chunks
from preservation.ingest_events import entered
from preservation.model.digests import Algorithm
from preservation.model.events import Agent, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.layout import COMMITS
from preservation.model.locators import Locator
from preservation.model.paths import BagPath
from preservation.model.tag_digests import TagDigest, stated, stated_in
from storage.ports.catalogue import Catalogue, Registration
from storage.ports.journal import Entry, Journal, subject_of
from storage.ports.stores import Store, opened_file

_CHUNK = 1 << 20

NOTHING_RECORDED = (
    "neither the catalogue nor the journal has a digest of its tag manifests, as of all that 0.1.0 stored; "
    "run: muniment upgrade"
)


@dataclass(frozen=True, slots=True)
class RecordedDigests:
    """What a replica's tag manifests are compared with: the journal's record, or else the catalogue's.

    ``doubts`` are sentences on records that do not agree with each other, or cannot be read.
    """

    digests: tuple[TagDigest, ...] = ()
    doubts: tuple[str, ...] = ()


def recorded_digests(catalogue: Catalogue, journal: Journal, package: PackageId) -> RecordedDigests:
    """Return what is recorded of the tag manifests of ``package``; nothing where 0.1.0 stored it.

    The journal is the record and the catalogue its index: where they differ, the journal counts, and that
    they do is a doubt. So is an entry that cannot be read. Raises ``StorageError`` where the database does
    not answer.
    """
    catalogued = catalogue.tag_digests([package]).get(package, ())
    try:
        journalled = journalled_digests(journal, package)
    except IntegrityError as error:
        return RecordedDigests(catalogued, (f"{package}: the journal cannot be read: {error}",))
    return _compared(package, catalogued, journalled)


def recorded_digests_of(
    catalogue: Catalogue, journal: Journal, packages: Sequence[PackageId]
) -> dict[PackageId, RecordedDigests]:
    """Return what is recorded of the tag manifests of each; the database is asked about all at once.

    As many packages are held in memory as are asked about. Raises as ``recorded_digests``.
    """
    catalogued = catalogue.tag_digests(packages)
    try:
        journalled = _journalled_of(journal, packages)
    except IntegrityError:
        # An entry that cannot be read is a doubt about its own object only.
        return {package: recorded_digests(catalogue, journal, package) for package in packages}
    return {one: _compared(one, catalogued.get(one, ()), list(journalled[one])) for one in packages}


def _compared(
    package: PackageId, catalogued: tuple[TagDigest, ...], journalled: Sequence[tuple[TagDigest, ...]]
) -> RecordedDigests:
    """Return what counts of the records of one version, each of those of the journal once."""
    if not journalled:
        doubt = f"{package}: the catalogue has {stated(catalogued)}, and the journal nothing of it; {_VERIFY}"
        return RecordedDigests(catalogued, (doubt,) if catalogued else ())
    # What comes first in the chain is what can least be put in afterwards.
    first = journalled[0]
    if len(journalled) > 1:
        return RecordedDigests(first, (contradiction(package, journalled),))
    if not catalogued:
        doubt = (
            f"{package}: the journal has {stated(first)}, and the catalogue no digest of its tag manifests: "
            "it was altered or is older; run: muniment upgrade"
        )
        return RecordedDigests(first, (doubt,))
    if first != catalogued:
        doubt = (
            f"{package}: the journal has {stated(first)}, and the catalogue {stated(catalogued)}: it was "
            "altered; restore the database from a backup"
        )
        return RecordedDigests(first, (doubt,))
    return RecordedDigests(first)


def journalled_digests(journal: Journal, package: PackageId) -> list[tuple[TagDigest, ...]]:
    """Return what the journal records of the tag manifests of ``package``, each record that differs once.

    Raises ``IntegrityError`` where an entry cannot be read.
    """
    return list(_journalled_of(journal, [package])[package])


def _journalled_of(
    journal: Journal, packages: Sequence[PackageId]
) -> dict[PackageId, dict[tuple[TagDigest, ...], None]]:
    of_object: dict[str, list[PackageId]] = {}
    for package in packages:
        of_object.setdefault(str(package.object), []).append(package)
    found: dict[PackageId, dict[tuple[TagDigest, ...], None]] = {package: {} for package in packages}
    for entry in journal.about_any(list(of_object)):
        for package in of_object.get(subject_of(entry.object), ()):
            if digests := _of(entry, package):
                found[package].setdefault(digests)
    return found


def contradiction(package: PackageId, journalled: Iterable[Iterable[TagDigest]]) -> str:
    """Return the sentence on a journal that has several records of one version."""
    return f"{package}: the journal has {' and then '.join(map(stated, journalled))}; {_VERIFY}"


_VERIFY = "run: muniment journal verify"


def _of(entry: Entry, package: PackageId) -> tuple[TagDigest, ...]:
    """Return what an entry states of the tag manifests of ``package``."""
    kept = entry.event_type == EventType.ACCESSION and entry.detail == entered(str(package))
    later = entry.event_type == EventType.MESSAGE_DIGEST_CALCULATION and entry.object == str(package)
    return stated_in(entry.note) if kept or later else ()


def found_digests(
    store: Store, package: PackageId, algorithm: Algorithm = Algorithm.SHA256
) -> tuple[TagDigest, ...]:
    """Return the digests of all tag manifests of ``package`` that ``store`` has now.

    Raises ``NotFoundError`` where there is none, ``StorageError`` where one cannot be read.
    """
    found = []
    for path in COMMITS:
        with suppress(NotFoundError), _opened(store, package, path) as file:
            # Of what strangers wrote, it may have any size.
            chunks = iter(partial(file.read, _CHUNK), b"")
            found.append(TagDigest(path, algorithm, digest_chunks(chunks, (algorithm,))[1][algorithm]))
    if not found:
        raise NotFoundError(f"store {store.name}: there is no {package}; look in another store for it")
    return tuple(sorted(found))


def tag_manifest(store: Store, package: PackageId, path: BagPath) -> bytes | None:
    """Return the bytes of a tag manifest, ``None`` where the store has none there.

    Raises ``IntegrityError`` where it is there and cannot be read.
    """
    try:
        with _opened(store, package, path) as file:
            return file.read()
    except NotFoundError:
        return None


@contextmanager
def _opened(store: Store, package: PackageId, path: BagPath) -> Iterator[BinaryIO]:
    """Open a tag manifest. Raises ``NotFoundError``, and ``IntegrityError`` where it cannot be read."""
    try:
        with opened_file(store, Locator(package, path).key) as file:
            yield file
    except OSError as error:
        raise damaged(store, package, f"{path} cannot be read ({error.strerror or error})") from error


def damaged(store: Store, package: PackageId, what: str) -> IntegrityError:
    """Return the error for a replica that is not what was kept."""
    return IntegrityError(
        f"store {store.name}: {package} is damaged there: {what}; find out what happened there"
    )


def unlike(store: Store, package: PackageId, recorded: Sequence[TagDigest]) -> str:
    """Return how the tag manifests in ``store`` differ from what is recorded, or ``""``.

    Raises ``StorageError`` where the store does not answer.
    """
    try:
        found = found_digests(store, package, recorded[0].algorithm if recorded else Algorithm.SHA256)
    except (NotFoundError, IntegrityError) as error:
        return str(error)
    expected = {one.path: one for one in recorded}
    for one in found:
        if one.path not in expected:
            return f"store {store.name}: {package} has a {one.path} there that was not kept"
        if expected.pop(one.path) != one:
            return f"store {store.name}: the {one.path} of {package} is not the one that was kept"
    return f"store {store.name}: {package} has no {min(expected)} there" if expected else ""


def recorded_later(
    kept: Registration, digests: Iterable[TagDigest], stores: Iterable[StoreName], at: datetime, agent: Agent
) -> Event:
    """Return the event of digests that were recorded after the version was kept.

    It never states more than that: what the stores held then, not what was kept.
    """
    package = str(kept.package)
    names = " and ".join(stores)
    return Event(
        event_id(kept.submission, EventType.MESSAGE_DIGEST_CALCULATION, "tag manifests"),
        EventType.MESSAGE_DIGEST_CALCULATION,
        at,
        package,
        EventOutcome.SUCCESS,
        f"tag manifests of {package} read in {names}; no digest of them was recorded when it was kept",
        f"alike in {names} on that day: {stated(digests)}",
        agent,
    )
