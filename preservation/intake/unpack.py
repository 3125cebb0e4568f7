"""A serialized bag in the workspace: unpacked in the cage, written here, and never over anything."""

import errno
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

from preservation.archives.members import ArchiveError, ArchiveFault, UnpackLimits
from preservation.bagit.serialized import archive_issue
from preservation.errors import StoreFullError, UnavailableError
from preservation.files.tree import make_folders, remove_tree
from preservation.intake.cage import UNPACK, answered, issue_of, more_seconds, not_read
from preservation.intake.exchange import Listed, SentContent, Wrong, received
from preservation.model.issues import Issue
from preservation.model.paths import fault_of_path, printable, quoted
from preservation.tools.wire import unpacked
from preservation.tools.work import Request, WorkOutcome
from preservation.tools.workers import CagedWorkers

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_COPY_BYTES = 1 << 20
_SLOWEST: Final = 22
"""Unpacking may take a second for each 4 MiB that come of it, besides what every request may."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NAME_REFUSED = {errno.EEXIST, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR}
"""What a file system answers to a name that it cannot have, or that clashes with one that it has."""


def unpack(
    archive: Path, listed: Listed, target: Path, limits: UnpackLimits, workers: CagedWorkers
) -> Issue | None:
    """Have the bag in ``archive`` unpacked in the cage, and write it to ``target``, which appears when whole.

    What an earlier, killed run left is removed first. Returns why it could not be done, if the
    archive is to blame; then nothing is left. Raises ``StoreFullError`` where there is no room,
    ``UnavailableError`` where the workspace does not take it, and what ``CagedWorkers.map`` raises.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        for leftover in (part, target):
            if leftover.exists():
                remove_tree(leftover)
        _require_room(archive, listed.size, target.parent)
        part.mkdir(mode=0o700)
        issue = _unpacked_to(part, archive, listed, limits, workers)
        if issue is not None:
            remove_tree(part)
            return issue
        part.rename(target)
    except OSError as failure:
        # A disk that it has filled is everybody's.
        with suppress(OSError):
            remove_tree(part)
        error = StoreFullError if failure.errno in _NO_ROOM else UnavailableError
        raise error(
            f"{printable(archive.name)} cannot be unpacked to {target.parent} ({failure.strerror}); "
            "check that disk, then try again."
        ) from failure
    return None


def _unpacked_to(
    part: Path, archive: Path, listed: Listed, limits: UnpackLimits, workers: CagedWorkers
) -> Issue | None:
    """Write what comes out of the cage to ``part``, a new folder that only we write to."""
    seconds = more_seconds(archive) + (listed.size >> _SLOWEST)
    reading, writing = os.pipe2(os.O_CLOEXEC)
    request = Request(
        UNPACK,
        {"kind": listed.kind, "base": listed.base, "limits": asdict(limits)},
        (archive,),
        pipes=(writing,),
        more_seconds=seconds,
    )

    def asked() -> WorkOutcome:
        try:
            (outcome,) = workers.map([request])
        finally:
            os.close(writing)
        return outcome

    with ThreadPoolExecutor(1, thread_name_prefix="unpack") as asking:
        outcome = asking.submit(asked)
        try:
            with os.fdopen(reading, "rb") as pipe:
                _write_members(pipe, listed, part)
            at_fault = None
        except EOFError:
            # The process ended in the middle of a file; its outcome says why.
            at_fault = None
        except ValueError as failure:
            return not_read(archive, f"what unpacks it no longer made sense: {failure}")
        except ArchiveError as failure:
            at_fault = archive_issue(failure.finding)
    return at_fault or _issue_of(outcome.result(), archive)


def _issue_of(outcome: WorkOutcome, archive: Path) -> Issue | None:
    found = answered(outcome, Wrong, archive)
    if isinstance(found, Issue):
        return found
    return None if found.issue is None else issue_of(found.issue)


def _write_members(pipe: BinaryIO, listed: Listed, root: Path) -> None:
    """Write the members as they come. They come from a process that may have been taken over.

    Raises ``ArchiveError`` where a name is to blame, ``EOFError`` and ``ValueError`` where the process is,
    and ``OSError`` where the workspace is.
    """
    base = unpacked(listed.base)
    room = 0
    for count, (member, content) in enumerate(received(pipe, listed.size), 1):
        name = os.fsdecode(member.name)
        if fault_of_path(name) is not None or not name.startswith(base) or count > listed.files:
            raise ValueError("it sends what is not in the bag")
        with _naming(name):
            # Without the folder that it has in the archive: that may be called anything.
            place = root / name.removeprefix(base)
            if member.is_folder:
                make_folders(place)
            elif member.same_as is not None:
                with _opened_again(root, base, member.same_as) as other:
                    room += os.fstat(other.fileno()).st_size
                    _write(place, other)
            else:
                room += _write(place, content)
                _set_time(place, member.modified)
        if room > listed.size:
            raise ValueError("it sends more than is in the bag")


def _opened_again(root: Path, base: str, target: bytes) -> BinaryIO:
    name = os.fsdecode(target)
    if fault_of_path(name) is not None or not name.startswith(base):
        raise ValueError("it links to what is not in the bag")
    try:
        return (root / name.removeprefix(base)).open("rb")
    except FileNotFoundError as failure:
        raise ValueError("it links to what it did not send") from failure


def _require_room(archive: Path, needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreFullError(
            f"{printable(archive.name)} unpacks to {needed:,} bytes, and {folder} has room for {free:,}; "
            "make room, then try again."
        )


def _write(path: Path, content: BinaryIO | SentContent) -> int:
    make_folders(path.parent)
    with os.fdopen(os.open(path, _CREATE, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _COPY_BYTES)
        return file.tell()


def _set_time(path: Path, modified: float | None) -> None:
    if modified is not None:
        with suppress(OSError, OverflowError, ValueError):
            os.utime(path, (modified, modified))


@contextmanager
def _naming(member: str) -> Iterator[None]:
    """Turn what is the archive's fault into ``ArchiveError`` that names the member."""
    try:
        yield
    except OSError as failure:
        if failure.errno not in _NAME_REFUSED:
            raise
        message = f"{quoted(member)} in the archive cannot be unpacked: {failure.strerror}."
        raise ArchiveError(ArchiveFault.NAME_IMPOSSIBLE, message, member) from failure
