"""What operating systems leave beside a bag, and where the bag lies that was given with it."""

import os
import re
import stat
from bisect import bisect_left
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from preservation.bagit import codes
from preservation.bagit.declaration import BAGIT_TXT
from preservation.files.beneath import LIST_FOLDER, folder_of, opened
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, quoted

_LITTER = re.compile(
    r"/(\.ds_store|thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory|\.localized|\._[^/]*)$"
    r"|/(__macosx|\.spotlight-v100|\.trashes|\.fseventsd|\$recycle\.bin)(/|$)",
    re.IGNORECASE,
)
_APPLE_DOUBLE = "._"
_NAMED = 5

MOST_DEPTH = 8
"""So many folders may lie in one another above a bag."""


def is_litter(path: str) -> bool:
    """Say whether an operating system leaves files of that name, or in folders of that name."""
    return _LITTER.search(f"/{path}") is not None


def apple_doubles(files: Collection[RelativePath]) -> frozenset[RelativePath]:
    """Return those of ``files`` in which a Mac packs what only it knows of the file or folder beside."""
    doubles = {path: _double_of(path) for path in files if path.rpartition("/")[2].startswith(_APPLE_DOUBLE)}
    in_order = sorted(files) if doubles else []

    def is_there(other: str) -> bool:
        after = bisect_left(in_order, f"{other}/")
        return other in files or (after < len(in_order) and in_order[after].startswith(f"{other}/"))

    return frozenset(path for path, other in doubles.items() if is_there(other))


def _double_of(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.removeprefix(_APPLE_DOUBLE)}"


def lies_deeper(folder: str) -> Issue:
    """Return the remark on a bag that lies in ``folder`` of what was given."""
    return codes.warning(codes.OUTSIDE_THE_BAG, f"The bag lies deeper in what was given: in '{folder}'.")


def named(names: Collection[str]) -> str:
    """Return a few of ``names``, as a message has them."""
    first = ", ".join(quoted(name) for name in islice(names, _NAMED))
    return f"{first} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else first


def bag_below(folder: Path) -> tuple[Path, tuple[Issue, ...]] | None:
    """Return the bag that is all there is below ``folder``, besides litter, with the remarks on that.

    ``None`` where there is none; ``folder`` itself is no bag. Raises ``OSError`` where one cannot be listed.
    """
    place, litter = folder, list[str]()
    for _ in range(MOST_DEPTH):
        only = _only_folder(place, litter)
        if only is None:
            return None
        place /= only
        if has_declaration(place):
            remarks = [lies_deeper(str(place.relative_to(folder)))]
            if litter:
                message = (
                    f"Beside the bag lie {named(litter)}, as operating systems leave it; no part of the bag."
                )
                remarks.append(codes.info(codes.OUTSIDE_THE_BAG, message))
            return place, tuple(remarks)
    return None


def _only_folder(folder: Path, litter: list[str]) -> str | None:
    only = None
    with opened(str(folder), LIST_FOLDER) as descriptor, os.scandir(descriptor) as entries:
        for entry in entries:
            if is_litter(entry.name):
                litter.append(entry.name)
            elif only is not None or not entry.is_dir(follow_symlinks=False):
                return None
            else:
                only = entry.name
    return only


def has_declaration(folder: Path) -> bool:
    """Say whether a file in ``folder`` is called as a bag declaration is."""
    try:
        with folder_of(folder, BAGIT_TXT) as (place, name):
            return stat.S_ISREG(os.lstat(name, dir_fd=place).st_mode)
    except OSError:
        return False
