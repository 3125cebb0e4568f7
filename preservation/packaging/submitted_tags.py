"""The tag files of a submitted bag: its own account of itself, kept as submission metadata."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from preservation.errors import IntegrityError
from preservation.fixity.digesting import digest_file
from preservation.model import layout
from preservation.model.digests import Algorithm
from preservation.model.files import EntryKind
from preservation.model.packages import BagEntry
from preservation.model.paths import LocalPath, RelativePath, is_utf8, path_order, printable
from preservation.packaging.not_kept import NotKept

_PAYLOAD = "data"


def submitted_tags(bag_root: Path, algorithms: Iterable[Algorithm]) -> Iterator[BagEntry | NotKept]:
    """List everything in a submitted bag but its payload, folder by folder; links are not followed.

    These files are not part of the survey, so they are digested here. Raises ``IntegrityError``
    where one cannot be read.
    """
    wanted = tuple(algorithms)
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(bag_root / folder) as listing:
            found = sorted(listing, key=lambda item: path_order(item.name))
        for item in found:
            path = RelativePath(f"{folder}{item.name}")
            if not is_utf8(path):
                yield NotKept(printable(path), EntryKind.UNNAMEABLE.value, "a bag names files in UTF-8")
            elif item.is_dir(follow_symlinks=False):
                if path != _PAYLOAD:
                    folders.append(f"{path}/")
            elif item.is_file(follow_symlinks=False):
                yield _tag(LocalPath(item.path), path, wanted)
            else:
                kind = EntryKind.SYMLINK if item.is_symlink() else EntryKind.DEVICE
                yield NotKept(path, kind.value, "a bag holds files only")


def _tag(source: LocalPath, path: RelativePath, algorithms: tuple[Algorithm, ...]) -> BagEntry:
    try:
        size, digests = digest_file(Path(source), algorithms)
    except OSError as error:
        raise IntegrityError(
            f"{printable(path)} of the submitted bag cannot be read ({error.strerror}); "
            "see to its permissions or its disk, then preserve the drop again"
        ) from error
    return BagEntry(layout.submitted_tag_file(path), source, size, digests)
