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
from preservation.model.paths import printable

_TAR_BLOCK = 512
_NAME_SHOWN = 80
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
        return archive_kind_of(file, path.name)


def is_named_as_archive(name: str) -> bool:
    """Say whether a file is named like an archive."""
    return kind_by_name(name) is not None


def archive_kind_of(stream: BinaryIO, name: str) -> ArchiveKind | None:
    """Say the same of an open file, which is at its start and is left there."""
    kind = _kind_by_start(stream.read(_TAR_BLOCK))
    stream.seek(0)
    if kind in DECOMPRESSORS and not holds_tar(stream, kind):
        kind = None
    return kind or kind_by_name(name)


def looks_like_archive(path: Path) -> bool:
    """Say whether ``archive_kind`` may find one there; nothing is unpacked for it. Raises ``OSError``."""
    with read_plain_file(path) as file:
        return (_kind_by_start(file.read(_TAR_BLOCK)) or kind_by_name(path.name)) is not None


def _kind_by_start(head: bytes) -> ArchiveKind | None:
    if head.startswith(_ZIP_STARTS):
        return ArchiveKind.ZIP
    packed = (kind for start, kind in _COMPRESSED_STARTS.items() if head.startswith(start))
    return next(packed, ArchiveKind.TAR if is_tar_header(head) else None)


def kind_by_name(name: str) -> ArchiveKind | None:
    """Return what kind of archive a file of that name is called; what is zip inside may be a document."""
    return next((kind for suffix, kind in _SUFFIXES.items() if name.lower().endswith(suffix)), None)


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
        walk = walk_zip(stream, limits) if kind is ArchiveKind.ZIP else walk_tar(stream, kind, most)
        size = names = 0
        for count, (member, opener) in enumerate(walk, 1):
            size += member.size
            names += _bytes_of_names(member, limits)
            if names > limits.names:
                raise ArchiveError(
                    ArchiveFault.NAMES_TOO_LONG,
                    f"The names in the archive have more than {limits.names:,} bytes together.",
                )
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


def _bytes_of_names(member: ArchiveMember, limits: UnpackLimits) -> int:
    lengths = [len(os.fsencode(text)) for text in (member.name, member.target)]
    if max(lengths) > limits.name:
        raise ArchiveError(
            ArchiveFault.NAMES_TOO_LONG,
            f"A name in the archive has {max(lengths):,} bytes, and {limits.name:,} are allowed: "
            f"'{printable(member.name[:_NAME_SHOWN])}…'.",
        )
    return sum(lengths)


def holds_tar(stream: BinaryIO, kind: ArchiveKind) -> bool:
    """Say whether a compressed file holds a tar archive. Leaves the stream at its start."""
    try:
        with DECOMPRESSORS[kind](stream) as unpacked:
            return is_tar_header(unpacked.read(_TAR_BLOCK))
    except DAMAGE:
        return False
    finally:
        stream.seek(0)
