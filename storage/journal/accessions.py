"""Accessions of the journal against the catalogue and the stores, in all directions.

One query for the catalogue, one walk of the journal, one listing for each store. What is registered meanwhile
is looked up once more, so that it is no finding. A package is remembered by its name alone.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from preservation.errors import StorageError
from preservation.model.amounts import count
from preservation.model.events import EventType
from preservation.model.identifiers import StoreName
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey, printable
from storage.journal.entries import read_entry
from storage.journal.findings import FindingKind, JournalFinding, NotCompared, named
from storage.journal.verification import ChainFault, FaultKind
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Entry, Journal
from storage.ports.stores import Store

_ACCESSION: Final = f'"event_type":"{EventType.ACCESSION}"'.encode()
_NUMBER: Final = re.compile(r"/v[0-9]+(?= )")
_LEVELS: Final = 3
"""A package lies below collection, object and version."""


@dataclass(frozen=True, slots=True)
class ComparedAccessions:
    """What was found: ``faults`` are what the journal must have had, ``findings`` what others lack.

    ``notes`` are remarks on stores that the catalogue knows and the settings do not.
    """

    faults: tuple[ChainFault, ...]
    findings: tuple[JournalFinding, ...]
    not_compared: tuple[NotCompared, ...]
    notes: tuple[str, ...]


def compare_accessions(journal: Journal, catalogue: Catalogue, stores: Iterable[Store]) -> ComparedAccessions:
    """Compare what the journal recorded as kept with what the catalogue and the stores have.

    Raises ``StorageError`` where the database does not answer.
    """
    # In this order: a package gets its accession together with its row, and is in its stores before both.
    catalogued = {
        str(row.package): {replica.store for replica in row.replicas} for row in catalogue.packages()
    }
    recorded = _accessions(journal)
    in_stores: dict[StoreName, set[str]] = {}
    not_compared = []
    replicas = Counter(chain.from_iterable(catalogued.values()))
    for store in stores:
        del replicas[store.name]
        try:
            in_stores[store.name] = set(packages_among(kept.key for kept in store.list()))
        except (StorageError, OSError) as error:
            not_compared.append(NotCompared(store.name, str(error)))
    unknown = {package: store for store, kept in in_stores.items() for package in kept - catalogued.keys()}
    doubtful = unknown.keys() | (recorded.keys() - catalogued.keys())
    known = _known_by_now(catalogue) if doubtful else frozenset()
    return ComparedAccessions(
        _unrecorded(package for package in catalogued if package not in recorded),
        named(
            [
                *_uncatalogued(recorded, catalogued.keys() | known),
                *_without_replica(catalogued, in_stores),
                *_strange(unknown, recorded.keys() | known),
            ]
        ),
        tuple(not_compared),
        tuple(
            f"{count(number, 'replica')} in store {name} NOT looked for: the catalogue has them there, and "
            "muniment.toml has no such store."
            for name, number in sorted(replicas.items())
        ),
    )


def _accessions(journal: Journal) -> dict[str, int]:
    """Return every package that was recorded as kept, and the entry that did so."""
    found: dict[str, int] = {}
    for line in journal.lines():
        if _ACCESSION in line:
            try:
                entry = read_entry(line)
            except ValueError:
                # Verifying the lines reports that.
                continue
            if entry.event_type == EventType.ACCESSION and (version := _version_in(entry)):
                found[version] = entry.seq
    return found


def _version_in(entry: Entry) -> str:
    """Return the version that an accession is of: its detail begins with it; empty where it names none."""
    match = _NUMBER.match(entry.detail.removeprefix(entry.object))
    return f"{entry.object}{match[0]}" if match and entry.detail.startswith(entry.object) else ""


def packages_among(keys: Iterable[StoreKey]) -> Iterator[str]:
    """Yield every committed version among the keys of a store."""
    for key in keys:
        *package, path = key.split("/", _LEVELS)
        if len(package) == _LEVELS and path in COMMITS:
            yield "/".join(package)


def _known_by_now(catalogue: Catalogue) -> Collection[str]:
    # Reserved ones first: what is registered in between is then among the packages.
    reserved = {str(package) for package in catalogue.reserved()}
    return frozenset(reserved | {str(row.package) for row in catalogue.packages()})


def _unrecorded(packages: Iterable[str]) -> tuple[ChainFault, ...]:
    missing = list(packages)
    if not missing:
        return ()
    more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    return (
        ChainFault(
            FaultKind.UNRECORDED,
            0,
            f"the catalogue has {printable(missing[0])}{more}, and the journal has no accession of it: the "
            "journal was emptied, cut or written anew, or the catalogue was changed by hand",
        ),
    )


def _uncatalogued(recorded: Mapping[str, int], known: Collection[str]) -> Iterator[JournalFinding]:
    for package, seq in recorded.items():
        if package not in known:
            yield JournalFinding(
                FindingKind.UNCATALOGUED,
                package,
                f"{printable(package)}: entry {seq} is its accession, and the catalogue does not have it: "
                "its database was restored from a backup, or changed by hand; the stores have the package "
                "(muniment restore); enter it again: muniment rebuild --missing",
            )


def _without_replica(
    catalogued: Mapping[str, set[StoreName]], in_stores: Mapping[StoreName, set[str]]
) -> Iterator[JournalFinding]:
    for package, expected in catalogued.items():
        for store in sorted(expected & in_stores.keys()):
            if package not in in_stores[store]:
                yield JournalFinding(
                    FindingKind.REPLICA_MISSING,
                    package,
                    f"{printable(package)}: store {store} does not have this package any more, or not its "
                    "tag manifest; find out who or what removed it",
                )


def _strange(unknown: Mapping[str, StoreName], known: Collection[str]) -> Iterator[JournalFinding]:
    for package, store in unknown.items():
        if package not in known:
            yield JournalFinding(
                FindingKind.UNKNOWN_PACKAGE,
                package,
                f"{printable(package)}: store {store} has this package, and neither the journal nor the "
                "catalogue has its accession: the database was emptied or restored from a backup, or another "
                "installation or program wrote it there",
            )
