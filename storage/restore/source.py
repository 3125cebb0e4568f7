"""Choosing what to restore: the version, a replica whose lists can be relied on, and the files."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from preservation.errors import IntegrityError, NotFoundError, PreservationError
from preservation.model.damage import digests_from, digests_text
from preservation.model.digests import Digests
from preservation.model.identifiers import ObjectId, PackageId, StoreName, VersionNumber
from preservation.model.issues import Issue
from preservation.model.layout import ORIGINALS
from preservation.model.paths import BagPath, RelativePath, path_order, printable
from preservation.model.tag_digests import TagDigest
from storage.ports.catalogue import CatalogueFile
from storage.ports.stores import Store
from storage.restore.description import Description, describe, versions_in
from storage.restore.outcomes import WantedFile, away_issue, undescribed_issue
from storage.restore.path_table import PathTable


@dataclass(frozen=True, slots=True)
class Source:
    """A version as one replica describes it, and the stores to ask for its files, in that order.

    ``issues`` are about replicas whose lists could not be relied on, or that did not answer.
    """

    description: Description
    stores: tuple[Store, ...]
    issues: tuple[Issue, ...]


def latest_in(object_id: ObjectId, stores: Iterable[Store]) -> VersionNumber:
    """Return the highest version of an object that exists in any store that answers.

    Raises ``NotFoundError`` where there is none; the message has the errors of the stores.
    """
    highest = 0
    silent = []
    for store in stores:
        try:
            highest = max([highest, *versions_in(store, object_id)])
        except PreservationError as error:
            silent.append(str(error))
    if not highest:
        raise NotFoundError(
            ". ".join((f"{object_id}: no store has a version of it; check the name", *silent))
        )
    return VersionNumber(highest)


def find_source(
    package: PackageId,
    stores: Sequence[Store],
    catalogued: Mapping[BagPath, Digests] | None,
    recorded: Sequence[TagDigest] = (),
    *,
    first_counts: bool = False,
    damaged: Callable[[StoreName, str], object] = lambda _store, _sentence: None,
    where_they_differ: str = "name the other one: --from",
    scratch: Path | None = None,
) -> Source:
    """Find a replica whose own lists hold, and agree with what is recorded of the version.

    Args:
        package: The version.
        stores: Where to look for it, in that order.
        catalogued: Its payload by the catalogue; ``None`` where that does not know it.
        recorded: The digests of its tag manifests. Where none are recorded, all replicas are compared with
            each other, for nothing else vouches for one.
        first_counts: Take the first of such replicas though others differ: a person chose its store.
        damaged: Called with each store whose replica is not as it was kept, and the sentence on it.
        where_they_differ: What to do where replicas differ and nothing vouches for one.
        scratch: A folder for the lists, which are in memory without it.

    Raises:
        NotFoundError: No store has the version.
        IntegrityError: Every replica's lists are damaged, or they differ and nothing vouches for one.
        StorageError: No store answers; it is the last one's own error.
    """
    issues: list[Issue] = []
    answering: list[Store] = []
    without: list[Store] = []
    errors: list[PreservationError] = []
    described: list[tuple[Store, Description]] = []
    for store in stores:
        try:
            # Where digests are recorded, the first replica that has them needs no other beside it.
            if not described or not recorded:
                found = describe(store, package, recorded, scratch)
                described.append((store, agreed(found, store, catalogued)))
        except PreservationError as error:
            is_away = not isinstance(error, (IntegrityError, NotFoundError))
            issues.append((away_issue if is_away else undescribed_issue)(str(error).rstrip(".")))
            errors.append(error)
            # A replica that is damaged, or not committed, may still have files as they were kept.
            if isinstance(error, IntegrityError):
                damaged(store.name, str(error))
                answering.append(store)
            elif isinstance(error, NotFoundError):
                without.append(store)
        else:
            answering.append(store)
    if not described:
        raise _none(package, errors)
    unlike = _unlike_the_first(described)
    if unlike and not first_counts:
        raise IntegrityError(f"{unlike[0]}; find out which store was changed, and {where_they_differ}")
    return Source(
        described[0][1], (*answering, *without), (*issues, *(undescribed_issue(what) for what in unlike))
    )


def catalogued_digests(files: Iterable[CatalogueFile], scratch: Path) -> Mapping[BagPath, Digests]:
    """Return the digests of a version's files by the catalogue, in a file below ``scratch``."""
    return PathTable(scratch, ((file.path, file.digests) for file in files), digests_text, digests_from)


def _unlike_the_first(described: Sequence[tuple[Store, Description]]) -> list[str]:
    """Return which replicas have other tag manifests than the first: of such, only one can be as kept."""
    first, description = described[0]
    return [
        f"store {store.name}: the tag manifests of {other.package} are not those of store {first.name}, and "
        "no recorded digest shows which are as they were kept"
        for store, other in described[1:]
        if other.tag_digests != description.tag_digests
    ]


def _none(package: PackageId, errors: Sequence[PreservationError]) -> PreservationError:
    """Return the error where no replica describes the version: the gravest of the stores' errors."""
    if all(isinstance(error, NotFoundError) for error in errors):
        return NotFoundError(f"{package}: no store has this version; check the name and the number")
    for error in errors:
        if not isinstance(error, NotFoundError | IntegrityError):
            return error
    reasons = ". ".join(str(error) for error in errors)
    return IntegrityError(f"{package}: no replica's own lists can be relied on. {reasons}")


def whole_bag(description: Description) -> Iterator[WantedFile]:
    """Yield every file of the bag, in the order of its lists."""
    for path, digest in description.payload.items():
        digests = {description.algorithm: digest}
        yield WantedFile(path, RelativePath(path), description.key(path), digests)
    for path, digests in description.tags.items():
        yield WantedFile(path, RelativePath(path), description.key(path), digests)


def wanted_files(description: Description, named: Sequence[str], *, whole: bool) -> list[WantedFile]:
    """Return the originals, or the ``named`` files, or the ``whole`` bag, in the order of their paths.

    A file is named as it was dropped or by its path in the bag. Raises ``NotFoundError`` where the
    version has no such file.
    """
    if whole:
        return sorted(whole_bag(description), key=lambda one: path_order(one.path))
    if named:
        chosen = dict(_named(description, text) for text in named)
    else:
        chosen = {
            path: RelativePath(path.removeprefix(ORIGINALS))
            for path in description.payload
            if path.startswith(ORIGINALS)
        }
    return [
        WantedFile(path, place, description.key(path), digests)
        for path, place in sorted(chosen.items(), key=lambda item: path_order(item[0]))
        if (digests := description.digests(path)) is not None
    ]


def _named(description: Description, text: str) -> tuple[BagPath, RelativePath]:
    for path in (BagPath(f"{ORIGINALS}{text}"), BagPath(text)):
        if description.digests(path) is not None:
            return path, RelativePath(text)
    raise NotFoundError(
        f"{description.package}: it has no file {printable(text)}; name it as it was dropped, or by its path "
        "in the bag, as its manifest has it"
    )


def agreed(
    description: Description, store: Store, catalogued: Mapping[BagPath, Digests] | None
) -> Description:
    """Return the description. Raises ``IntegrityError`` where the catalogue differs from it."""
    if catalogued is None:
        return description
    payload, algorithm = description.payload, description.algorithm
    unlike = (
        path
        for path, digest in payload.items()
        if (known := catalogued.get(path)) is None or known.get(algorithm, digest) != digest
    )
    path = next(unlike, None) or next((path for path in catalogued if path not in payload), None)
    if path is not None:
        raise IntegrityError(
            f"store {store.name}: the manifest of {description.package} differs from the catalogue in "
            f"{printable(path)}; find out what happened there"
        )
    return description
