"""From a name in a list to a file of the drop: lists are made elsewhere, by other systems."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from preservation.files.beneath import folder_of
from preservation.manifests.drop_names import DropNames
from preservation.manifests.names import is_bagit_manifest, sidecar_target
from preservation.model.paths import RelativePath, is_utf8, normalized

_TRIED_FIRST = 100
"""Names."""
_MOST_PREFIXES = 8
_LONGEST_PREFIX = 64
"""Folders. Each is tried for its own, so that a name of a thousand folders would cost a million."""
_LONGEST_PREFIXED = 4_096
"""Characters of a name that may have been made elsewhere: what a system takes as a path in one call."""
_DRIVE = re.compile(r"[A-Za-z]:/")
_PATH_CHARACTERS = 64 * 1024
# What Windows programs write where they know nothing of Unicode.
_WINDOWS_BYTES = "cp1252"
# An Archivematica transfer: a list in metadata/ is about objects/ beside it.
_DESCRIBING = "metadata"
_DESCRIBED = "objects"


@dataclass(frozen=True, slots=True)
class Place:
    """The file of the drop that a name stands for.

    ``respelled``: the drop writes its name differently. ``prefix`` is what was left off the name.
    """

    path: RelativePath
    respelled: bool = False
    prefix: str = ""


class Places:
    """Finds the files that the names in one list stand for, by looking at the drop.

    Names are relative to a folder: the list's own, the drop's root, or, where the list lies in ``metadata/``,
    the folder above that or ``objects/`` beside it. The folder in which most of the first names are found is
    tried first. A name that is found in none was made elsewhere: the shortest leading part without which one
    of the first names is found is left off others as well, and is one of ``prefixes``.
    """

    def __init__(self, root: Path, manifest: RelativePath, names: DropNames | None = None) -> None:
        self._root = root
        self._manifest = manifest
        self._names = DropNames(root) if names is None else names
        self._folders = self._folders_meant()
        self.prefixes: list[str] = []
        self.mixed = False

    @property
    def of_one_file(self) -> RelativePath | None:
        """The file of the drop that the manifest is named for, ``None`` where there is no such file."""
        target = sidecar_target(self._manifest)
        return target if target is not None and self._is_there(target) else None

    def named_for(self, name: str) -> Place | None:
        """Return the file that a sidecar without names is about: ``plate.tif`` for ``plate.md5``, too."""
        place = self.of(name)
        if place is not None:
            return place
        path = self._names.with_stem(_joined(self._folders[0], name) or name)
        return None if path is None else Place(path)

    def settle(self, names: Iterable[str]) -> None:
        """Look at the first of ``names``: to which folder they are relative, and what is to be left off them.

        ``mixed`` is true afterwards where some are found as they are, and others without a leading part.
        """
        first = list(islice(names, _TRIED_FIRST))
        found_in = {
            folder: sum(self._in(folder, name) is not None for name in first) for folder in self._folders
        }
        self._folders.sort(key=lambda folder: -found_in[folder])
        for name in first:
            if len(self.prefixes) < _MOST_PREFIXES and self.of(name) is None:
                self.prefixes.extend(islice(self._prefixes(name), 1))
        self.mixed = bool(self.prefixes) and any(found_in.values())

    def of(self, name: str) -> Place | None:
        """Return the file that ``name`` stands for, ``None`` where the drop has no such file."""
        slashed = _with_slashes(name)
        for prefix in ("", *self.prefixes):
            if not slashed.startswith(prefix) or len(slashed) == len(prefix):
                continue
            for folder in self._folders:
                found = self._in(folder, name[len(prefix) :])
                if found is not None:
                    path, respelled = found
                    return Place(path, respelled, prefix)
        return None

    def expected_at(self, name: str) -> RelativePath | None:
        """Return where ``name`` would lie if the drop had it, ``None`` where that is outside of the drop."""
        slashed = _with_slashes(name)
        if not self.mixed:
            slashed = slashed.removeprefix(self.prefix_of(name))
        if "\0" in name or slashed.startswith("/") or _DRIVE.match(slashed):
            return None
        return _joined(self._folders[0], slashed)

    def prefix_of(self, name: str) -> str:
        """Return the one of ``prefixes`` that ``name`` begins with, or nothing."""
        slashed = _with_slashes(name)
        return next(
            (prefix for prefix in self.prefixes if slashed.startswith(prefix) and slashed != prefix), ""
        )

    def _folders_meant(self) -> list[str]:
        folder = self._manifest.rpartition("/")[0]
        above, _, own = folder.rpartition("/")
        if own.lower() != _DESCRIBING:
            return [folder, ""] if folder else [""]
        objects = _joined(above, _DESCRIBED) or ""
        is_there = self._is_there(RelativePath(objects), folder=True)
        return list(dict.fromkeys((objects, above, folder, "") if is_there else (above, folder, "")))

    def _in(self, folder: str, name: str) -> tuple[RelativePath, bool] | None:
        """Return the file that ``name`` stands for in ``folder``, and whether a person sees a difference."""
        for spelling, respelled in self._spellings(name):
            path = _joined(folder, spelling)
            if path is not None and self._is_there(path):
                return path, respelled
        return self._like(folder, name)

    def _like(self, folder: str, name: str) -> tuple[RelativePath, bool] | None:
        slashed = _with_slashes(name)
        if len(slashed) > _LONGEST_PREFIXED or slashed.startswith("/"):
            return None
        path = _joined(folder, slashed if is_utf8(slashed) else _in_windows_bytes(slashed))
        like = None if path is None else self._names.like(path)
        return None if like is None else (like, True)

    def _prefixes(self, name: str) -> Iterator[str]:
        """Give the leading parts, the shortest first, without which ``name`` is found."""
        slashed = _with_slashes(name)
        if len(slashed) > _LONGEST_PREFIXED or ".." in slashed.split("/"):
            return
        for slash in islice(re.finditer("/", slashed), _LONGEST_PREFIX):
            rest = slashed[slash.end() :]
            if rest and any(self._in(folder, rest) is not None for folder in self._folders):
                yield slashed[: slash.end()]

    def _spellings(self, name: str) -> Iterator[tuple[str, bool]]:
        """Give the ways in which the drop may write ``name``, and whether a person would see a difference."""
        slashed = _with_slashes(name)
        if slashed.startswith("/"):
            return
        yield name, False
        if is_bagit_manifest(self._manifest) and "%" in name:
            yield unquote(name, errors="surrogateescape"), False
        if slashed != name:
            yield slashed, False
        if not is_utf8(slashed):
            slashed = _in_windows_bytes(slashed)
            yield slashed, True
        if not slashed.isascii():
            yield normalized("NFC", slashed), True
            yield normalized("NFD", slashed), True

    def _is_there(self, path: RelativePath, *, folder: bool = False) -> bool:
        if len(path) > _PATH_CHARACTERS or "\0" in path:
            return False
        try:
            with folder_of(self._root, path) as (above, name):
                return stat.S_ISDIR(os.lstat(name, dir_fd=above).st_mode) is folder
        except (OSError, UnicodeEncodeError):
            return False


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/")


def _in_windows_bytes(name: str) -> str:
    return os.fsencode(name).decode(_WINDOWS_BYTES, "replace")


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
