"""What came with the payload: copies of what was supplied about it, and a list of what is not kept."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from preservation.errors import IntegrityError, SourceChangedError
from preservation.files.beneath import A_LINK_NOW
from preservation.files.spreadsheet import Spreadsheet
from preservation.fixity.digesting import digest_file
from preservation.long_paths import entries_of
from preservation.model import layout
from preservation.model.digests import Algorithm
from preservation.model.dossiers import Dossier
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.packages import BagEntry
from preservation.model.paths import BagPath, LocalPath, RelativePath, is_utf8, path_order, printable
from preservation.packaging.contents import PackageContents
from preservation.policy.selection import is_descriptive
from preservation.premis.writing import ByteSink

_PAYLOAD = "data"
_COLUMNS = ("path", "kind", "bytes", "sha256", "reason")


def submitted_tags(bag_root: Path, algorithms: Iterable[Algorithm]) -> Iterator[BagEntry | NotKept]:
    """List everything in a submitted bag but its payload, in ``path_order``; links are not followed.

    These files are not part of the survey, so they are digested here. Raises ``IntegrityError`` where one
    cannot be read, ``SourceChangedError`` where a link took the place of a file or folder.
    """
    wanted = tuple(algorithms)
    found: list[tuple[RelativePath, EntryKind | None]] = []
    for below, entry in entries_of(bag_root, f"{_PAYLOAD}/"):
        if not isinstance(entry, OSError):
            if not entry.is_dir(follow_symlinks=False):
                found.append((RelativePath(f"{below}{entry.name}"), _kind_of(entry)))
        elif entry.errno == errno.ENAMETOOLONG:
            # Validation has refused the bag for it.
            found.append((RelativePath(below), EntryKind.TOO_LONG))
        else:
            raise _unreadable(RelativePath(below), entry)
    for path, kind in sorted(found, key=lambda item: path_order(item[0])):
        if not is_utf8(path):
            yield NotKept(printable(path), EntryKind.UNNAMEABLE.value, "a bag names files in UTF-8")
        elif kind is None:
            yield _tag(LocalPath(f"{bag_root}/{path}"), path, wanted)
        else:
            yield NotKept(path, kind.value, "a bag holds files only")


def _kind_of(entry: os.DirEntry[str]) -> EntryKind | None:
    """Say why the entry is no file; ``None`` where it is one."""
    if entry.is_file(follow_symlinks=False):
        return None
    return EntryKind.SYMLINK if entry.is_symlink() else EntryKind.DEVICE


def _tag(source: LocalPath, path: RelativePath, algorithms: tuple[Algorithm, ...]) -> BagEntry:
    try:
        size, digests = digest_file(Path(source), algorithms)
    except OSError as error:
        raise _unreadable(path, error) from error
    return BagEntry(layout.submitted_tag_file(path), source, size, digests)


def _unreadable(path: RelativePath, error: OSError) -> IntegrityError | SourceChangedError:
    if error.errno in A_LINK_NOW:
        return SourceChangedError(
            f"{printable(path)} of the submitted bag is a link now; put the file there, then drop it again"
        )
    return IntegrityError(
        f"{printable(path)} of the submitted bag cannot be read ({error.strerror}); "
        "see to its permissions or its disk, then preserve the drop again"
    )


@dataclass(frozen=True, slots=True)
class NotKept:
    """One entry of the drop that is not in the package."""

    path: str
    kind: str
    reason: str
    size: str = ""
    sha256: str = ""


def not_kept(dossier: Dossier) -> NotKept:
    """Return why a file is not in the package: no bag can hold it, or the policy leaves it out."""
    found = dossier.found
    match found:
        case IrregularEntry():
            return NotKept(found.path, found.kind.value, found.detail)
        case SurveyedFile():
            reason = "left out by the policy" if dossier.decision is None else dossier.decision.because
            return NotKept(found.path, "file", reason, str(found.size), found.digests[Algorithm.SHA256])


class NotKeptTable:
    """The list as a table, with a header line, written as it grows."""

    def __init__(self, sink: ByteSink) -> None:
        self.rows = 0
        self._table = Spreadsheet(sink.write)
        self._table.add(_COLUMNS)

    def add(self, entry: NotKept) -> None:
        """Write one more line."""
        self.rows += 1
        self._table.add((entry.path, entry.kind, entry.size, entry.sha256, entry.reason))


class Supplied:
    """One pass over what came with the drop."""

    def __init__(self, contents: PackageContents) -> None:
        self._contents = contents

    def entries(self) -> Iterator[BagEntry | NotKept]:
        """List copies of descriptive files and manifests, submitted tag files, and what is not kept."""
        contents = self._contents
        root = contents.received.payload_root
        manifests = {manifest.path for manifest in contents.supplied}
        for dossier in contents.files:
            file = dossier.kept
            if file is None:
                yield not_kept(dossier)
                continue
            source = root / file.path
            if is_descriptive(contents.policy, file.path):
                yield _copy(layout.supplied_description(file.path), source, file)
            if file.path in manifests:
                yield _copy(layout.supplied_manifest(file.path), source, file)
        for sidecar in contents.sidecars:
            size, digests = digest_file(sidecar, contents.algorithms)
            beside = layout.supplied_beside(RelativePath(sidecar.name))
            yield BagEntry(beside, LocalPath(f"{sidecar}"), size, digests)
        if contents.received.bag_root is not None:
            yield from submitted_tags(contents.received.bag_root, contents.algorithms)


def _copy(path: BagPath, source: Path, file: SurveyedFile) -> BagEntry:
    return BagEntry(path, LocalPath(f"{source}"), file.size, file.digests)
