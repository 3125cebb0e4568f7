"""A bag that is a folder."""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm, digests_of, digests_of_stream
from preservation.bagit.source import PAYLOAD, Digested, Listing, Observed, Wanted
from preservation.bagit.turns import MOST_PARTS
from preservation.files.beneath import LIST_FOLDER, READ_FILE, open_path, opened, read_plain_file
from preservation.fixity.checking import Unreadable
from preservation.long_paths import entries_of
from preservation.model.issues import Issue
from preservation.model.paths import MOST_PATH_BYTES, RelativePath, quoted

_BUFFER_BYTES = 1 << 18
"""What a processor's cache holds. A file that one read takes in is digested at once."""

_SHOWN = 150

Placed: TypeAlias = tuple[RelativePath, str]
"""A file by its path in the bag, and where it lies."""


class FolderSource:
    """The bag whose base folder is ``folder``, a path without links. Links in it are never followed.

    ``leaving`` names one folder in it that is not looked into, with ``/`` behind it. ``remarks`` are about
    what lies around it.
    """

    def __init__(self, folder: Path, leaving: str = "", remarks: tuple[Issue, ...] = ()) -> None:
        self._folder = os.fspath(folder)
        self._leaving = leaving
        self._remarks = remarks
        self._places: list[Placed] = []

    @property
    def name(self) -> str:
        """The folder's path."""
        return self._folder

    def listing(self) -> Listing:
        """List every file below the folder."""
        try:
            os.close(open_path(self._folder, LIST_FOLDER))
        except OSError as failure:
            message = f"The folder cannot be listed: {failure.strerror}."
            unlistable = codes.error(codes.FILE_UNREADABLE, message)
            return Listing(frozenset(), payload_folder=False, issues=(unlistable,), whole=False)
        files, issues = _list_files(self._folder, self._leaving)
        self._places = [(path, f"{self._folder}/{path}") for path in files]
        has_payload = _is_folder(f"{self._folder}/{PAYLOAD[:-1]}")
        return Listing(frozenset(files), has_payload, (*self._remarks, *issues))

    def open_tag_file(self, path: RelativePath) -> BinaryIO:
        """Open a listed tag file. Raises ``OSError``."""
        return read_plain_file(f"{self._folder}/{path}")

    @property
    def parts(self) -> int:
        """In how many parts the listed files are to be read."""
        return min(len(self._places), MOST_PARTS)

    def digest(self, wanted: Wanted) -> Iterator[tuple[RelativePath, Observed]]:
        """Digest every listed file."""
        return self.digest_parts(wanted, range(self.parts))

    def digest_parts(self, wanted: Wanted, numbers: Iterable[int]) -> Iterator[tuple[RelativePath, Observed]]:
        """Digest the listed files of some parts, given by their numbers; all parts are all files."""
        buffer = bytearray(_BUFFER_BYTES)
        step = -(-len(self._places) // MOST_PARTS)
        for number in numbers:
            for path, place in self._places[number * step : (number + 1) * step]:
                yield path, _digest(place, wanted(path), buffer)


def _list_files(root: str, leaving: str) -> tuple[list[RelativePath], list[Issue]]:
    files: list[RelativePath] = []
    issues: list[Issue] = []
    for below, entry in entries_of(Path(root), leaving):
        if isinstance(entry, OSError):
            issues.append(_unlistable(below.rstrip("/"), entry))
            continue
        path = RelativePath(f"{below}{entry.name}")
        if entry.is_file(follow_symlinks=False):
            files.append(path)
        elif not entry.is_dir(follow_symlinks=False):
            is_link = entry.is_symlink()
            what = "a symbolic link, which is not followed" if is_link else "a device, pipe or socket"
            issues.append(codes.error(codes.NOT_A_FILE, f"{quoted(path)} is {what}.", path))
    return files, issues


def _unlistable(folder: str, failure: OSError) -> Issue:
    where = RelativePath(folder)
    if failure.errno != errno.ENAMETOOLONG:
        message = f"The folder {quoted(where)} cannot be listed: {failure.strerror}."
        return codes.error(codes.FILE_UNREADABLE, message, where)
    shown = f"{folder[:_SHOWN]}…{folder[-_SHOWN:]}"
    message = (
        f"The folder '{shown}' is not looked into: its path has {len(os.fsencode(folder)):,} bytes, and "
        f"at most {MOST_PATH_BYTES:,} can be kept."
    )
    return codes.error(codes.TOO_DEEP, message)


def _is_folder(path: str) -> bool:
    try:
        os.close(open_path(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _digest(path: str, algorithms: tuple[BagAlgorithm, ...], buffer: bytearray) -> Observed:
    """Digest the file at ``path``; at once if one read into ``buffer`` takes it in."""
    try:
        if not algorithms:
            with opened(path, os.O_PATH | os.O_CLOEXEC) as descriptor:
                return Digested(os.fstat(descriptor).st_size, {})
        descriptor = open_path(path, READ_FILE)
        try:
            size = os.readv(descriptor, (buffer,))
            # A read may fall short of the end, so only an empty one proves it.
            if size == len(buffer) or (size and os.readv(descriptor, (memoryview(buffer)[size:],))):
                os.lseek(descriptor, 0, os.SEEK_SET)
                with open(descriptor, "rb", buffering=0, closefd=False) as stream:
                    return Digested(*digests_of_stream(stream, algorithms, buffer))
        finally:
            os.close(descriptor)
    except OSError as failure:
        return Unreadable(failure.strerror or str(failure))
    return Digested(size, digests_of(memoryview(buffer)[:size], algorithms))


def digest_large(path: str, algorithms: tuple[BagAlgorithm, ...]) -> Observed:
    """Digest the file at ``path``, whatever its size."""
    return _digest(path, algorithms, bytearray(_BUFFER_BYTES))
