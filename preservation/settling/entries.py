"""What lies in a drop, name by name: nothing of it is opened, no link is followed, and memory is flat."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from preservation.long_paths import folder_of

Found: TypeAlias = os.DirEntry[str] | OSError
"""An entry, or why the folder that it would lie in cannot be listed (any further)."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def entries_of(drop: Path) -> Iterator[tuple[str, Found]]:
    """Give every entry below the folder ``drop`` with the path of its folder, which has its closing ``/``.

    The drop's own folder is ``""``. An entry can be asked about until the next one is asked for.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            # Seen from the folder above, so that even the drop itself is not followed where it is a link.
            with folder_of(drop.parent, f"{drop.name}/{folder}".rstrip("/")) as (dir_fd, path):
                descriptor = os.open(path, _FOLDER, dir_fd=dir_fd)
        except OSError as error:
            yield folder, error
            continue
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{folder}{entry.name}/")
                    yield folder, entry
        except OSError as error:
            yield folder, error
        finally:
            os.close(descriptor)
