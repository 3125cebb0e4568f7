"""Any archive, told by its bytes and walked within limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from preservation.archives.members import (
    DAMAGE,
    ArchiveError,
    ArchiveKind,
    ArchiveMember,
    Opener,
    UnpackLimits,
)
from preservation.archives.tarred import DECOMPRESSORS, is_tar_header, walk_tar
from preservation.archives.zipped import walk_zip
from preservation.bagit import codes

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
    told from a file that never was one.
    """
    with path.open("rb") as file:
        head = file.read(_TAR_BLOCK)
    if head.startswith(_ZIP_STARTS):
        return ArchiveKind.ZIP
    for start, kind in _COMPRESSED_STARTS.items():
        if head.startswith(start) and _holds_tar(path, kind):
            return kind
    if is_tar_header(head):
        return ArchiveKind.TAR
    name = path.name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)


def walk_archive(
    path: Path, kind: ArchiveKind, limits: UnpackLimits
) -> Iterator[tuple[ArchiveMember, Opener]]:
    """Yield each member with what opens it, in the archive's order, as long as the limits allow.

    Raises ``ArchiveError`` where the archive is damaged or goes beyond ``limits``. The members'
    names are not to be trusted.
    """
    walk = walk_zip(path, limits) if kind is ArchiveKind.ZIP else walk_tar(path, kind, limits)
    most = limits.most_bytes(path.stat().st_size)
    size = 0
    for count, (member, opener) in enumerate(walk, 1):
        size += member.size
        if count > limits.files:
            raise ArchiveError(
                codes.ARCHIVE_BOMB, f"The archive has more than {limits.files:,} members.", member.name
            )
        if size > most:
            raise ArchiveError(
                codes.ARCHIVE_BOMB, f"The archive unpacks to more than {most:,} bytes.", member.name
            )
        yield member, opener


def _holds_tar(path: Path, kind: ArchiveKind) -> bool:
    try:
        with DECOMPRESSORS[kind](path) as stream:
            return is_tar_header(stream.read(_TAR_BLOCK))
    except DAMAGE:
        return False
