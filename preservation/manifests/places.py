"""From a name in a manifest to a file of the drop: manifests are made elsewhere, by other systems."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from preservation.files.beneath import folder_of
from preservation.manifests.names import is_bagit_manifest, sidecar_target
from preservation.model.paths import RelativePath, is_utf8, normalized

_TRIED_FOR_PREFIX = 100
"""Names."""
_LONGEST_PREFIX = 64
"""Folders. Each is tried for its own, so that a name of a thousand folders would cost a million."""
_LONGEST_PREFIXED = 4_096
"""Characters of a name that may have been made elsewhere: what a system takes as a path in one call."""
_DRIVE = re.compile(r"[A-Za-z]:/")
_PATH_CHARACTERS = 64 * 1024
# What Windows programs write where they know nothing of Unicode.
_WINDOWS_BYTES = "cp1252"


@dataclass(frozen=True, slots=True)
class Place:
    """The file of the drop that a name stands for. ``respelled``: the drop writes its name differently."""

    path: RelativePath
    respelled: bool = False


class Places:
    """Finds the files that the names in one manifest stand for, by looking at the drop.

    Names are taken relative to the manifest's own folder, else to the drop's root. Where no name of
    the manifest is found so, it was made in some other folder: the shortest leading part without
    which a name is found is then left off all its names, and is in ``prefix``.
    """

    def __init__(self, root: Path, manifest: RelativePath) -> None:
        self._root = root
        self._manifest = manifest
        folder = manifest.rpartition("/")[0]
        self._folders = (folder, "") if folder else ("",)
        self.prefix = ""

    @property
    def of_one_file(self) -> RelativePath | None:
        """The file of the drop that the manifest is named for, ``None`` where there is no such file."""
        target = sidecar_target(self._manifest)
        return target if target is not None and self._is_there(target) else None

    def settle_prefix(self, names: Iterable[str]) -> None:
        """Look at the first of ``names``, and leave off a leading part where none is found without that."""
        first = list(islice(names, _TRIED_FOR_PREFIX))
        if not any(self.of(name) for name in first):
            self.prefix = next((prefix for name in first for prefix in self._prefixes(name)), "")

    def of(self, name: str) -> Place | None:
        """Return the file that ``name`` stands for, ``None`` where the drop has no such file."""
        for spelling, respelled in self._spellings(name):
            for folder in self._folders:
                path = _joined(folder, spelling)
                if path is not None and self._is_there(path):
                    return Place(path, respelled)
        return None

    def expected_at(self, name: str) -> RelativePath | None:
        """Return where ``name`` would lie if the drop had it, ``None`` where that is outside of the drop."""
        slashed = self._without_prefix(_with_slashes(name))
        if "\0" in name or slashed.startswith("/") or _DRIVE.match(slashed):
            return None
        return _joined(self._folders[0], slashed)

    def _prefixes(self, name: str) -> Iterator[str]:
        """Give the leading parts, the shortest first, without which ``name`` is found."""
        slashed = _with_slashes(name)
        if len(slashed) > _LONGEST_PREFIXED or ".." in slashed.split("/"):
            return
        for slash in islice(re.finditer("/", slashed), _LONGEST_PREFIX):
            rest = slashed[slash.end() :]
            if any(self._is_there(path) for folder in self._folders if (path := _joined(folder, rest))):
                yield slashed[: slash.end()]

    def _spellings(self, name: str) -> Iterator[tuple[str, bool]]:
        """Give the ways in which the drop may write ``name``, and whether a person would see a difference."""
        slashed = self._without_prefix(_with_slashes(name))
        name = name[-len(slashed) :]
        if slashed.startswith("/"):
            return
        yield name, False
        if is_bagit_manifest(self._manifest) and "%" in name:
            yield unquote(name, errors="surrogateescape"), False
        if slashed != name:
            yield slashed, False
        if not is_utf8(slashed):
            slashed = os.fsencode(slashed).decode(_WINDOWS_BYTES, "replace")
            yield slashed, True
        if not slashed.isascii():
            yield normalized("NFC", slashed), True
            yield normalized("NFD", slashed), True

    def _without_prefix(self, slashed: str) -> str:
        rest = slashed.removeprefix(self.prefix)
        return rest or slashed

    def _is_there(self, path: RelativePath) -> bool:
        if len(path) > _PATH_CHARACTERS or "\0" in path:
            return False
        try:
            with folder_of(self._root, path) as (folder, name):
                return not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode)
        except (OSError, UnicodeEncodeError):
            return False


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/")


def _joined(folder: str, name: str) -> RelativePath | None:
    """Return ``name`` as a path of the drop, ``None`` where it is none; ``folder`` is what it starts from."""
    segments = [segment for segment in folder.split("/") if segment]
    for segment in name.split("/"):
        if segment == "..":
            if not segments:
                return None
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    return RelativePath("/".join(segments)) if segments else None
