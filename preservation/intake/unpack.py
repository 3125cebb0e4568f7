"""Unpacking a serialized bag into the workspace: only what the layout vetted, and never over anything."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from preservation.archives import members
from preservation.archives.walking import walk_archive
from preservation.bagit.serialized import SerializedBag, archive_issue
from preservation.errors import StoreFullError, UnavailableError
from preservation.files.tree import make_folders, remove_tree
from preservation.model.issues import Issue
from preservation.model.paths import printable

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_COPY_BYTES = 1 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NAME_REFUSED = {errno.EEXIST, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR}
"""What a file system answers to a name that it cannot have, or that clashes with one that it has."""


def unpack(
    archive: Path, kind: members.ArchiveKind, bag: SerializedBag, target: Path, limits: members.UnpackLimits
) -> Issue | None:
    """Unpack the bag in ``archive`` to the folder ``target``, which appears when it is whole.

    What an earlier, killed run left is removed first. Returns why it could not be done, if the
    archive is to blame; then nothing is left. Raises ``StoreFullError`` where there is no room, and
    ``UnavailableError`` where the workspace does not take it.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        for leftover in (part, target):
            if leftover.exists():
                remove_tree(leftover)
        _require_room(archive, bag.layout.size, target.parent)
        part.mkdir(mode=0o700)
        try:
            _unpack_members(walk_archive(archive, kind, limits), bag, part)
        except members.ArchiveError as failure:
            remove_tree(part)
            return archive_issue(failure.finding)
        part.rename(target)
    except OSError as failure:
        error = StoreFullError if failure.errno in _NO_ROOM else UnavailableError
        raise error(
            f"{printable(archive.name)} cannot be unpacked to {target.parent} ({failure.strerror}); "
            "check that disk, then try again."
        ) from failure
    return None


def _require_room(archive: Path, needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreFullError(
            f"{printable(archive.name)} unpacks to {needed:,} bytes, and {folder} has room for {free:,}; "
            "make room, then try again."
        )


def _unpack_members(
    walk: Iterator[tuple[members.ArchiveMember, members.Opener]], bag: SerializedBag, root: Path
) -> None:
    """Unpack the bag to ``root``, a new folder that only we write to.

    The archive may have changed since it was vetted: what was not vetted is passed over. Raises
    ``ArchiveError``, and ``OSError`` where the workspace is to blame.
    """
    base, layout = bag.base, bag.layout
    for member, opener in walk:
        if not member.name.startswith(base):
            continue
        with _naming(member.name):
            if member.kind is members.MemberKind.FOLDER and member.name in layout.folders:
                make_folders(root / member.name)
            elif member.kind is members.MemberKind.FILE and member.name in layout.files:
                with opener() as content:
                    _write(root / member.name, content)
                _set_time(root / member.name, member.modified)
    for name, target in layout.hard_links.items():
        if name.startswith(base):
            with _naming(name), (root / target).open("rb") as content:
                _write(root / name, content)


def _write(path: Path, content: IO[bytes] | members.MemberStream) -> None:
    make_folders(path.parent)
    with os.fdopen(os.open(path, _CREATE, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _COPY_BYTES)


def _set_time(path: Path, modified: float | None) -> None:
    if modified is not None:
        with suppress(OSError, OverflowError, ValueError):
            os.utime(path, (modified, modified))


@contextmanager
def _naming(member: str) -> Iterator[None]:
    """Turn what is the archive's fault into ``ArchiveError`` that names the member."""
    try:
        yield
    except members.DamagedMemberError as failure:
        message = f"'{printable(member)}' in the archive: {failure}."
        raise members.ArchiveError(members.ArchiveFault.UNREADABLE, message, member) from failure
    except OSError as failure:
        if failure.errno not in _NAME_REFUSED:
            raise
        message = f"'{printable(member)}' in the archive cannot be unpacked: {failure.strerror}."
        raise members.ArchiveError(members.ArchiveFault.NAME_IMPOSSIBLE, message, member) from failure
