"""Files and folders below a root, reached through no link, whatever the length of their paths."""

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

from preservation.files.beneath import LIST_FOLDER, READ_FILE, opened
from preservation.model.paths import is_too_long

Found: TypeAlias = os.DirEntry[str] | OSError
"""An entry, or the reason why its folder cannot be listed (any further)."""


def opened_file(root: Path, path: str) -> AbstractContextManager[int]:
    """Open the file at ``path`` below ``root`` for reading while the context lasts; never through a link.

    What was a file when it was found may be a pipe now: it is opened without waiting for a writer.
    Entering raises ``OSError``.
    """
    return opened(f"{root}/{path}", READ_FILE)


def entries_of(folder: Path, leaving: str = "") -> Iterator[tuple[str, Found]]:
    """Give every entry below ``folder`` with the path of the folder that it lies in, with a closing ``/``.

    The path of ``folder`` itself is ``""``; the folder at ``leaving``, with ``/`` behind it, is not looked
    into. No file is opened, no link is followed, and memory is flat. An entry is usable until the next one is
    asked for. A folder whose path is longer than ``MOST_PATH_BYTES`` is not listed: ``ENAMETOOLONG`` is given
    for it, since each level costs as much as all above it.
    """
    pending = [""]
    while pending:
        below = pending.pop()
        if is_too_long(below):
            yield below, OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            continue
        try:
            with (
                opened(f"{folder}/{below}".rstrip("/") or "/", LIST_FOLDER) as descriptor,
                os.scandir(descriptor) as entries,
            ):
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if is_folder and f"{below}{entry.name}/" != leaving:
                        pending.append(f"{below}{entry.name}/")
                    yield below, entry
        except OSError as error:
            yield below, error
