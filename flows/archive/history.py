"""The history of one object: its versions, each compared with the one before."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest

from preservation.errors import IntegrityError
from preservation.model.difference import ChangeKind, Changes, Original, changes_between
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.events import EventType
from preservation.model.identifiers import ObjectId, PackageId
from preservation.model.layout import original_at
from preservation.model.packages import EarlierShare, earlier_share_in
from preservation.model.paths import RelativePath
from storage.ports.catalogue import Catalogue, Registration
from storage.ports.journal import Journal


@dataclass(frozen=True, slots=True)
class VersionHistory:
    """One version. ``new_files`` and ``new_bytes`` lie in its own package; ``kept_files`` in earlier ones.

    Those three count the whole payload. The others name originals, compared with the version before;
    ``renamed`` from what to what.
    """

    registration: Registration
    new_files: int
    new_bytes: int
    kept_files: int
    added: tuple[RelativePath, ...]
    changed: tuple[RelativePath, ...]
    removed: tuple[RelativePath, ...]
    renamed: tuple[tuple[RelativePath, RelativePath], ...]


def versions_of(catalogue: Catalogue, journal: Journal, object_id: ObjectId) -> Iterator[VersionHistory]:
    """Yield the versions of an object, oldest first."""
    seen: set[HexDigest] = set()
    before: list[Original] = []
    for registration in catalogue.history(object_id).registrations:
        originals: list[Original] = []
        own: set[HexDigest] = set()
        repeated: list[int] = []
        files = size = 0
        for file in catalogue.files(registration.package):
            digest = file.digests[Algorithm.SHA256]
            files += 1
            size += file.size
            own.add(digest)
            if digest in seen:
                repeated.append(file.size)
            if (path := original_at(file.path)) is not None:
                originals.append((path, digest))
        earlier = _in_earlier_versions(registration.package, journal, repeated)
        changes = changes_between(before, originals)
        yield VersionHistory(
            registration,
            new_files=files - earlier.files,
            new_bytes=size - (earlier.bytes or 0),
            kept_files=earlier.files,
            added=_paths(changes, ChangeKind.ADDED),
            changed=_paths(changes, ChangeKind.CHANGED),
            removed=_paths(changes, ChangeKind.REMOVED),
            renamed=tuple(
                (one.before, one.path) for one in changes.of_kind(ChangeKind.RENAMED) if one.before
            ),
        )
        seen |= own
        before = originals


def removed_since(catalogue: Catalogue, package: PackageId) -> tuple[PackageId | None, int]:
    """Return the version before ``package``, and how many originals it has that ``package`` does not have."""
    registered = (one.package for one in catalogue.history(package.object).registrations)
    earlier = [one for one in registered if one.version < package.version]
    if not earlier:
        return None, 0
    before = max(earlier, key=lambda one: one.version)
    changes = changes_between(originals_of(catalogue, before), originals_of(catalogue, package))
    return before, len(changes.of_kind(ChangeKind.REMOVED))


def originals_of(catalogue: Catalogue, package: PackageId) -> Iterator[Original]:
    """Yield the originals of a kept version, in ``path_order``."""
    for file in catalogue.files(package):
        if (path := original_at(file.path)) is not None:
            yield path, file.digests[Algorithm.SHA256]


def _paths(changes: Changes, kind: ChangeKind) -> tuple[RelativePath, ...]:
    return tuple(one.path for one in changes.of_kind(kind))


def _in_earlier_versions(package: PackageId, journal: Journal, repeated: list[int]) -> EarlierShare:
    """Return what of a version lies in earlier ones, as the journal recorded it.

    ``repeated`` are the sizes of its files whose bytes earlier versions have. Not all of them need lie there:
    a bag has a file of its own, and what a store had lost is written again. 0.1.0 recorded no bytes; then the
    smallest files count as those that were written again.
    """
    share = EarlierShare(len(repeated), sum(repeated))
    try:
        for entry in journal.about(str(package)):
            if entry.event_type == EventType.INFORMATION_PACKAGE_CREATION and entry.object == str(package):
                share = earlier_share_in(entry.note)
    except IntegrityError:
        # A journal that cannot be read is reported by its own verification.
        return share
    if share.bytes is None:
        again = nsmallest(max(0, len(repeated) - share.files), repeated)
        return EarlierShare(share.files, sum(repeated) - sum(again))
    return share
