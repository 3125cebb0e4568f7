"""A bag that is a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm, digests_of, digests_of_stream
from preservation.bagit.sources.protocol import PAYLOAD, Digested, Listing, Observed, Wanted
from preservation.fixity.checking import Unreadable
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, shown

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BUFFER_BYTES = 1 << 18
"""What a processor's cache holds. A file that one read takes in is digested at once: a thread costs more."""


class FolderSource:
    """The bag whose base folder is ``folder``. Links in it are never followed.

    ``leaving`` names one folder in it that is not looked into, with ``/`` behind it.
    """

    def __init__(self, folder: Path, threads: int, leaving: str = "") -> None:
        self._folder = os.fspath(folder)
        self._leaving = leaving
        self._threads = threads
        self._files: list[RelativePath] = []

    @property
    def name(self) -> str:
        """The folder's path."""
        return self._folder

    def listing(self) -> Listing:
        """List every file below the folder."""
        try:
            os.scandir(self._folder).close()
        except OSError as failure:
            message = f"The folder cannot be listed: {failure.strerror}."
            unlistable = codes.error(codes.FILE_UNREADABLE, message)
            return Listing(frozenset(), payload_folder=False, issues=(unlistable,), whole=False)
        self._files, issues = _list_files(self._folder, self._leaving)
        return Listing(frozenset(self._files), _has_folder(self._folder, PAYLOAD), tuple(issues))

    def open_tag_file(self, path: RelativePath) -> BinaryIO:
        """Open a listed tag file. Raises ``OSError``."""
        return os.fdopen(os.open(f"{self._folder}/{path}", _OPEN), "rb")

    def digest(self, wanted: Wanted) -> Iterator[tuple[RelativePath, Observed]]:
        """Digest every listed file: small ones one after the other, large ones many at a time."""
        return digest_files(((path, f"{self._folder}/{path}") for path in self._files), wanted, self._threads)


def digest_files(
    files: Iterable[tuple[RelativePath, str]], wanted: Wanted, threads: int
) -> Iterator[tuple[RelativePath, Observed]]:
    """Digest files, each given by its path in the bag and by where it lies; the large ones last."""
    buffer = bytearray(_BUFFER_BYTES)
    large: list[tuple[RelativePath, str]] = []
    for path, place in files:
        observed = _digest_small(place, wanted(path), buffer)
        if observed is None:
            large.append((path, place))
        else:
            yield path, observed
    if large:
        # It takes a while to import, and most bags hold no large file.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  as said above

        with ThreadPoolExecutor(threads, thread_name_prefix="digest") as pool:
            found = pool.map(lambda file: digest_large(file[1], wanted(file[0])), large)
            yield from zip((path for path, _ in large), found, strict=True)


def _has_folder(folder: str, name: str) -> bool:
    """Say whether ``name`` is a folder in ``folder``, and no link to one."""
    path = Path(folder, name)
    return path.is_dir() and not path.is_symlink()


def _list_files(root: str, leaving: str) -> tuple[list[RelativePath], list[Issue]]:
    """Return the path of every plain file below ``root`` but those in ``leaving``, and what is no file."""
    files: list[RelativePath] = []
    issues: list[Issue] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(f"{root}/{folder}") as entries:
                for entry in entries:
                    path = RelativePath(f"{folder}{entry.name}")
                    if entry.is_dir(follow_symlinks=False):
                        if f"{path}/" != leaving:
                            folders.append(f"{path}/")
                    elif entry.is_file(follow_symlinks=False):
                        files.append(path)
                    else:
                        issues.append(_not_a_file(path, is_link=entry.is_symlink()))
        except OSError as failure:
            where = RelativePath(folder.rstrip("/"))
            message = f"The folder '{shown(where)}' cannot be listed: {failure.strerror}."
            issues.append(codes.error(codes.FILE_UNREADABLE, message, where))
    return files, issues


def _not_a_file(path: RelativePath, *, is_link: bool) -> Issue:
    what = "a symbolic link, which is not followed" if is_link else "a device, pipe or socket"
    return codes.error(codes.NOT_A_FILE, f"'{shown(path)}' is {what}.", path)


def _digest_small(path: str, algorithms: tuple[BagAlgorithm, ...], buffer: bytearray) -> Observed | None:
    """Digest the file at ``path`` if one read into ``buffer`` takes it in, else return ``None``."""
    try:
        if not algorithms:
            return Digested(os.lstat(path).st_size, {})
        descriptor = os.open(path, _OPEN)
        try:
            size = os.readv(descriptor, (buffer,))
            # A read may fall short of the end, so only an empty one proves it.
            if size == len(buffer) or (size and os.readv(descriptor, (memoryview(buffer)[size:],))):
                return None
        finally:
            os.close(descriptor)
    except OSError as failure:
        return Unreadable(failure.strerror or str(failure))
    return Digested(size, digests_of(memoryview(buffer)[:size], algorithms))


def digest_large(path: str, algorithms: tuple[BagAlgorithm, ...]) -> Observed:
    """Digest the file at ``path``, whatever its size."""
    try:
        with os.fdopen(os.open(path, _OPEN), "rb", buffering=0) as stream:
            return Digested(*digests_of_stream(stream, algorithms, bytearray(_BUFFER_BYTES)))
    except OSError as failure:
        return Unreadable(failure.strerror or str(failure))
