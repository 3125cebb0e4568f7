"""The plan for packages that another installation wrote: which are adopted, kept already, or refused."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

import msgspec

from flows.adoption.former_journal import FormerJournal, former_journal
from flows.installation.wiring import Installation
from preservation.errors import ConfigurationError, DeniedError, IntegrityError, NotFoundError
from preservation.model.amounts import byte_size
from preservation.model.identifiers import CollectionName, ObjectId, PackageId, StoreName
from preservation.model.layout import COMMITS
from preservation.model.locators import Locator
from preservation.model.paths import printable
from preservation.records import Records
from storage.ports.stores import Store
from storage.rebuild.store_versions import packages_in
from storage.tag_digests import found_digests


class PlannedPackage(msgspec.Struct, frozen=True, tag="package"):
    """A version that is to be adopted, or, ``is_kept``, is kept here already, by its tag manifests."""

    package: PackageId
    files: int
    bytes: int
    is_kept: bool = False


class RefusedPackage(msgspec.Struct, frozen=True, tag="refused"):
    """A version that is not adopted, and why."""

    package: PackageId
    sentence: str


PackageEntry: TypeAlias = PlannedPackage | RefusedPackage

_MOST_TAGS: Final = 1 << 28
"""So large is no list of the tag files of a package."""

# A union is no type to mypy, but one to msgspec.
_ENTRY = cast("type[PackageEntry]", PackageEntry)


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """What lies in a ``source`` that another installation filled. ``own`` says that it is a store of ours.

    Then packages stay where they are. ``packages``, ``files`` and ``bytes`` are to be adopted now.
    """

    source: Store
    own: StoreName | None
    journal: FormerJournal
    entries: Records[PackageEntry]
    packages: int
    files: int
    bytes: int
    kept: int
    refused: int


def plan_packages(
    source: Store,
    own: StoreName | None,
    installation: Installation,
    scratch: Path,
    collection: CollectionName | None = None,
    journal: Path | None = None,
) -> PackagePlan:
    """Go through what ``source`` has, of one ``collection`` or of all; no payload is read.

    ``journal`` is where the journal of the other installation lies, if not in ``source``. Raises
    ``StorageError`` as the stores do.
    """
    former = former_journal(source, journal)
    entries = Records(scratch / "packages.jsonl.gz", _ENTRY)
    entries.write(_entries(source, own, installation, former, collection))
    packages = files = size = kept = refused = 0
    for one in entries:
        if isinstance(one, RefusedPackage):
            refused += 1
        elif one.is_kept:
            kept += 1
        else:
            packages += 1
            files += one.files
            size += one.bytes
    return PackagePlan(source, own, former, entries, packages, files, size, kept, refused)


def _entries(
    source: Store,
    own: StoreName | None,
    installation: Installation,
    former: FormerJournal,
    collection: CollectionName | None,
) -> Iterator[PackageEntry]:
    refused: ObjectId | None = None
    for found in packages_in(source):
        package = found.package
        if collection not in {None, package.object.collection}:
            continue
        if not found.is_committed:
            # What is on its way here lies there too, and is ours.
            if own is None or package not in set(installation.catalogue.reserved()):
                yield RefusedPackage(package, _uncommitted(package, source))
            continue
        if package.object == refused:
            yield RefusedPackage(package, f"{package}: it may rely on an earlier version that is refused")
            continue
        try:
            is_kept = _is_kept(package, source, own, installation, former)
        except (ConfigurationError, DeniedError, IntegrityError, NotFoundError) as error:
            refused = package.object
            yield RefusedPackage(package, str(error))
        else:
            yield PlannedPackage(package, found.files, found.bytes, is_kept)


def _uncommitted(package: PackageId, source: Store) -> str:
    place = printable(source.location(package.prefix))
    return (
        f"{package}: {place} has no tag manifest: it was never finished there, or has lost it; take it from "
        "another store of that installation, and in a store of this one move that folder elsewhere: no drop "
        "of the object is preserved as long as it lies under the next number"
    )


def _is_kept(
    package: PackageId,
    source: Store,
    own: StoreName | None,
    installation: Installation,
    former: FormerJournal,
) -> bool:
    """Return whether the very same version is kept here, in ``own`` where that is given.

    Raises ``ConfigurationError`` where its collection has no policy here, ``IntegrityError`` where it is not
    as its former journal has it, or another version of that name is kept here, ``DeniedError`` where a tag
    manifest cannot be opened.
    """
    installation.settings.policy_of(package.object.collection)
    _require_readable(source, package)
    found = found_digests(source, package)
    if fault := former.fault_of(package, found):
        raise IntegrityError(fault)
    try:
        known = installation.catalogue.package(package)
    except NotFoundError:
        return False
    if not known.tag_digests:
        raise ConfigurationError(
            f"{package}: it is kept here, and nothing recorded shows whether it is the same; run: muniment "
            "upgrade, then this again"
        )
    if known.tag_digests != found:
        raise IntegrityError(
            f"{package}: another version of that name is kept here, and a name is given once; to keep that "
            f"of {source.location(package.prefix)} too, restore it there, and preserve it by another name"
        )
    return own is None or any(replica.store == own for replica in known.replicas)


def _require_readable(source: Store, package: PackageId) -> None:
    """Raise ``IntegrityError`` where a tag manifest is larger than could be held when it is read."""
    for path in COMMITS:
        with suppress(NotFoundError):
            size = source.stat(Locator(package, path).key).size
            if size > _MOST_TAGS:
                place = printable(source.location(package.prefix))
                raise IntegrityError(
                    f"{package}: {path} in {place} has {byte_size(size)}, and {byte_size(_MOST_TAGS)} are "
                    "read at most: it is no tag manifest of Muniment; find out what it is"
                )
