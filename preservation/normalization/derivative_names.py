"""What derivatives are called: the source's path with another extension, and never two of one path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from preservation.errors import UnacceptableContentError
from preservation.model.paths import RelativePath, printable

_EXTENSION = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,5}$")
"""What may be taken off: a few letters and digits after the last dot, but never a whole name."""

_LONGEST_NAME_BYTES = 255


class DerivativeNames:
    """Gives out paths for the derivatives of one purpose: the same for the same sources in the same order."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def path_for(self, source: RelativePath, extension: str) -> RelativePath:
        """Return where the derivative of ``source`` goes: ``a.gif`` to ``a.tif``.

        Where that is taken, or a folder has the name, the old extension stays: ``a.gif.tif``. Raises
        ``UnacceptableContentError`` where no name can be had.
        """
        folders = {str(folder) for folder in PurePosixPath(source).parents} - {"."}
        if in_the_way := sorted(folders & self._files):
            raise UnacceptableContentError(
                f"its folder has the name of another file's derivative, {printable(in_the_way[0])}; "
                "rename one of the two"
            )
        for candidate in (_EXTENSION.sub("", source) + extension, source + extension):
            name = candidate.rpartition("/")[2]
            taken = candidate in self._files or candidate in self._folders
            if not taken and len(name.encode()) <= _LONGEST_NAME_BYTES:
                self._files.add(candidate)
                self._folders |= folders
                return RelativePath(candidate)
        raise UnacceptableContentError("its name is too long to take another extension; shorten it")
