"""The history of one object: its versions, each compared with the one before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import ObjectId
from preservation.model.layout import ORIGINALS
from preservation.model.paths import RelativePath
from storage.ports.catalogue import Catalogue, Registration


@dataclass(frozen=True, slots=True)
class VersionHistory:
    """One version. ``new_files`` and ``new_bytes`` came with it; ``kept_files`` are in earlier ones.

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


def versions_of(catalogue: Catalogue, object_id: ObjectId) -> Iterator[VersionHistory]:
    """Yield the versions of an object, oldest first."""
    seen: set[HexDigest] = set()
    before: dict[RelativePath, HexDigest] = {}
    for registration in catalogue.history(object_id).registrations:
        originals: dict[RelativePath, HexDigest] = {}
        own: set[HexDigest] = set()
        new_files = new_bytes = kept_files = 0
        for file in catalogue.files(registration.package):
            digest = file.digests[Algorithm.SHA256]
            if digest in seen:
                kept_files += 1
            else:
                new_files += 1
                new_bytes += file.size
            own.add(digest)
            if file.path.startswith(ORIGINALS):
                originals[RelativePath(file.path.removeprefix(ORIGINALS))] = digest
        gone = {path: digest for path, digest in before.items() if path not in originals}
        renamed = _renames(gone, {path: digest for path, digest in originals.items() if path not in before})
        yield VersionHistory(
            registration,
            new_files,
            new_bytes,
            kept_files,
            added=tuple(path for path in originals if path not in before and path not in renamed),
            changed=tuple(path for path, digest in originals.items() if before.get(path, digest) != digest),
            removed=tuple(path for path in gone if path not in renamed.values()),
            renamed=tuple((old, new) for new, old in renamed.items()),
        )
        seen |= own
        before = originals


def _renames(
    gone: Mapping[RelativePath, HexDigest], added: Mapping[RelativePath, HexDigest]
) -> dict[RelativePath, RelativePath]:
    """Pair each new path with a removed path that had the same bytes: new to old."""
    had = {digest: path for path, digest in gone.items()}
    return {path: had.pop(digest) for path, digest in added.items() if digest in had}
