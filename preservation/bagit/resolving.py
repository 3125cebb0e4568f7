"""Which file of the bag a path in a manifest means."""

import re
from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from preservation.bagit.declaration import CURRENT, BagItVersion
from preservation.bagit.manifests import decode_path, encode_path
from preservation.bagit.source import PAYLOAD
from preservation.model.paths import RelativePath, fault_of_path, normalized, without_dots

_DRIVE = re.compile(r"[A-Za-z]:")


class Looseness(Enum):
    """How a path can be written in another way than RFC 8493 demands, and still be understood."""

    DOTS = "with './' or doubled '/'"
    PERCENT = "with a '%' that is not written as %25"
    TRAILING_SPACE = "with white space behind it"
    BACKSLASHES = "with '\\' between folders, where '/' must stand"
    NORMALIZATION = "in another Unicode normalization than the file's name has"


class Meant(NamedTuple):
    """The path that was meant. Where no file has it, it is the path as it is to be understood."""

    path: RelativePath
    exists: bool
    looseness: Looseness | None = None


class PathResolver:
    """Resolves the paths of one bag's manifests to the files that it has. Nothing is opened."""

    def __init__(self, files: Collection[RelativePath], version: BagItVersion) -> None:
        self._files = files
        self._strict = version >= CURRENT
        self._by_normal_form: dict[str, RelativePath] | None = None

    def resolve(self, written: str) -> Meant:
        """Return the file that ``written`` means.

        Before BagIt 1.0 a percent sign was written as it is, so there a name that exists as written
        comes first. Afterwards the decoded one does (section 2.1.3).
        """
        if self.means_itself(written):
            return Meant(RelativePath(written), exists=True)
        decoded = decode_path(written)
        readings = (decoded, written) if self._strict else (written, decoded)
        for reading in readings:
            if reading in self._files:
                lax = self._strict and encode_path(reading).lower() != written.lower()
                return Meant(RelativePath(reading), exists=True, looseness=Looseness.PERCENT if lax else None)
        for reading in readings:
            found = self._loosely(reading)
            if found is not None:
                return found
        return self._absent(without_dots(readings[0]))

    def _absent(self, path: str) -> Meant:
        meant = path.replace("\\", "/")
        if path != meant and "/" not in path and meant.startswith(PAYLOAD):
            return Meant(RelativePath(meant), exists=False, looseness=Looseness.BACKSLASHES)
        return Meant(RelativePath(path), exists=False)

    def means_itself(self, written: str) -> bool:
        """Say whether ``written`` can only mean the file that has exactly this path."""
        return "%" not in written and written in self._files

    def _loosely(self, reading: str) -> Meant | None:
        undotted = without_dots(reading)
        if undotted in self._files:
            return Meant(RelativePath(undotted), exists=True, looseness=Looseness.DOTS)
        trimmed = undotted.rstrip(" \t")
        if trimmed in self._files:
            return Meant(RelativePath(trimmed), exists=True, looseness=Looseness.TRAILING_SPACE)
        same = self._in_normal_form(undotted)
        if same is not None:
            return Meant(same, exists=True, looseness=Looseness.NORMALIZATION)
        slashed = without_dots(undotted.replace("\\", "/"))
        same = RelativePath(slashed) if slashed in self._files else self._in_normal_form(slashed)
        return None if same is None else Meant(same, exists=True, looseness=Looseness.BACKSLASHES)

    def _in_normal_form(self, path: str) -> RelativePath | None:
        if self._by_normal_form is None:
            self._by_normal_form = {
                normalized("NFC", file): file for file in self._files if not file.isascii()
            }
        return self._by_normal_form.get(normalized("NFC", path))


def fault_of_listed_path(path: str) -> str | None:
    """Say why a path that a manifest names would leave the bag on some system (section 5.1), or ``None``."""
    fault = fault_of_path(path)
    if fault is None and path.startswith("~"):
        fault = "the path points at a home directory"
    if fault is None and (_DRIVE.match(path) or path.startswith("\\\\")):
        fault = "the path names a drive or a server"
    if fault is None and ".." in path.replace("\\", "/").split("/"):
        fault = "the path climbs out with '..'"
    return fault
