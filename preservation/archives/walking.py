"""Any archive, recognised by its bytes and walked within limits."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

from preservation.archives.members import (
    DAMAGE,
    ArchiveError,
    ArchiveFault,
    ArchiveKind,
    ArchiveMember,
    Opener,
    UnpackLimits,
)
from preservation.archives.tarred import DECOMPRESSORS, is_tar_header, walk_tar
from preservation.archives.zipped import walk_zip
from preservation.files.beneath import read_plain_file

_TAR_BLOCK = 512
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED_STARTS = {
    b"\x1f\x8b": ArchiveKind.TAR_GZ,
    b"BZh": ArchiveKind.TAR_BZ2,
    b"\xfd7zXZ\0": ArchiveKind.TAR_XZ,
}
_SUFFIXES = {
    ".zip": ArchiveKind.ZIP,
    ".tar": ArchiveKind.TAR,
    ".tar.gz": ArchiveKind.TAR_GZ,
    ".tgz": ArchiveKind.TAR_GZ,
    ".tar.bz2": ArchiveKind.TAR_BZ2,
    ".tbz2": ArchiveKind.TAR_BZ2,
    ".tar.xz": ArchiveKind.TAR_XZ,
    ".txz": ArchiveKind.TAR_XZ,
}


def archive_kind(path: Path) -> ArchiveKind | None:
    """Say what kind of archive the file at ``path`` is, or ``None`` where it is none. Raises ``OSError``.

    Its first bytes decide; only where they say nothing does the name, so that a damaged archive is
    not taken for a file that never was one.
    """
    with read_plain_file(path) as file:
        head = file.read(_TAR_BLOCK)
    if head.startswith(_ZIP_STARTS):
        return ArchiveKind.ZIP
    for start, kind in _COMPRESSED_STARTS.items():
        if head.startswith(start):
            with read_plain_file(path) as stream:
                if holds_tar(stream, kind):
                    return kind
    if is_tar_header(head):
        return ArchiveKind.TAR
    name = path.name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)


def walk_archive(
    source: Path | BinaryIO, kind: ArchiveKind, limits: UnpackLimits
) -> Iterator[tuple[ArchiveMember, Opener]]:
    """Yield each member with what opens it, in the archive's order, as long as the limits allow.

    Raises ``ArchiveError`` where the archive is damaged or goes beyond ``limits``. The members'
    names are not to be trusted.
    """
    try:
        opened = read_plain_file(source) if isinstance(source, Path) else nullcontext(source)
    except OSError as failure:
        raise ArchiveError(
            ArchiveFault.UNREADABLE, f"The archive cannot be opened: {failure.strerror}."
        ) from failure
    with opened as stream:
        most = limits.most_bytes(stream.seek(0, os.SEEK_END))
        stream.seek(0)
        walk = walk_zip(stream, limits.files) if kind is ArchiveKind.ZIP else walk_tar(stream, kind, most)
        size = 0
        for count, (member, opener) in enumerate(walk, 1):
            size += member.size
            if count > limits.files:
                raise ArchiveError(
                    ArchiveFault.TOO_MANY_MEMBERS,
                    f"The archive has more than {limits.files:,} members.",
                    member.name,
                )
            if size > most:
                raise ArchiveError(
                    ArchiveFault.TOO_LARGE, f"The archive unpacks to more than {most:,} bytes.", member.name
                )
            yield member, opener


def holds_tar(stream: BinaryIO, kind: ArchiveKind) -> bool:
    """Say whether a compressed file holds a tar archive. Leaves the stream at its start."""
    try:
        with DECOMPRESSORS[kind](stream) as unpacked:
            return is_tar_header(unpacked.read(_TAR_BLOCK))
    except DAMAGE:
        return False
    finally:
        stream.seek(0)
