"""Tar archives, plain or packed with gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, ClassVar, TypeAlias

from preservation.archives.members import (
    DAMAGE,
    ArchiveError,
    ArchiveFault,
    ArchiveKind,
    ArchiveMember,
    MemberKind,
    MemberStream,
    Opener,
    words_of,
)
from preservation.model.paths import without_dots

_BLOCK_BYTES = 1 << 18
_LARGEST_HEADER = 1 << 20
"""Bytes of a member's header with all that extends it. Python reads it into memory, whatever its size."""
_GLOBAL_HEADERS = 16 << 10
"""Bytes of the headers that hold for all members that follow, together: each member is given all of them."""

_EXTENSIONS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}

Decompressing: TypeAlias = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile

DECOMPRESSORS: dict[ArchiveKind, Callable[[BinaryIO], Decompressing]] = {
    ArchiveKind.TAR_GZ: partial(gzip.open, mode="rb"),
    ArchiveKind.TAR_BZ2: partial(bz2.open, mode="rb"),
    ArchiveKind.TAR_XZ: partial(lzma.open, mode="rb"),
}


def walk_tar(stream: BinaryIO, kind: ArchiveKind, most: int) -> Iterator[tuple[ArchiveMember, Opener]]:
    """Yield each member as it comes in the archive. Raises ``ArchiveError``.

    No more than ``most`` bytes are unpacked, what lies behind the last member included.
    """
    with _damage_as_archive_error():
        if kind is ArchiveKind.TAR:
            yield from _members(_Tape(stream))
            return
        with DECOMPRESSORS[kind](stream) as unpacked:
            counted = _Counted(unpacked, most)
            yield from _members(_Tape(counted))
            counted.exhaust()


def unpack_wholly(stream: BinaryIO, kind: ArchiveKind, most: int) -> None:
    """Unpack a compressed file, tar or not, to nowhere. Raises ``ArchiveError`` as ``walk_tar`` does."""
    with _damage_as_archive_error(), DECOMPRESSORS[kind](stream) as unpacked:
        _Counted(unpacked, most).exhaust()


@contextmanager
def _damage_as_archive_error() -> Iterator[None]:
    try:
        yield
    except DAMAGE as failure:
        raise ArchiveError(
            ArchiveFault.UNREADABLE, f"The archive is not readable as tar: {words_of(failure)}."
        ) from failure


def is_tar_header(block: bytes) -> bool:
    """Say whether ``block``, 512 bytes, can begin a tar archive: its sum is right."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _members(tape: _Tape) -> Iterator[tuple[ArchiveMember, Opener]]:
    # What is read until the next member is known, is headers; that of the first is read here.
    tape.left = _LARGEST_HEADER
    archive = tarfile.TarFile(fileobj=tape, tarinfo=_header_class(), encoding="utf-8")
    while True:
        tape.left = _LARGEST_HEADER
        info = archive.next()
        tape.left = None
        if info is None:
            return
        # tarfile would remember every member, though this walk never goes back to one.
        archive.members.clear()  # type: ignore[attr-defined]  # it is there, and typeshed does not say so
        if info.size < 0:
            # An extended header gave it: if it were believed, the next member would be one that came before.
            raise ArchiveError(ArchiveFault.IMPOSSIBLE_SIZE, "A header claims a negative size.", info.name)
        yield _member(info), partial(MemberStream, partial(archive.extractfile, info))


def _member(info: tarfile.TarInfo) -> ArchiveMember:
    if info.isreg():
        kind = MemberKind.FILE
    elif info.isdir():
        kind = MemberKind.FOLDER
    elif info.islnk():
        kind = MemberKind.HARD_LINK
    elif info.issym():
        kind = MemberKind.SYMLINK
    else:
        kind = MemberKind.SPECIAL
    size = info.size if kind is MemberKind.FILE else 0
    return ArchiveMember(without_dots(info.name), kind, size, float(info.mtime), info.linkname)


class _Header(tarfile.TarInfo):
    """A header that is refused where it is broken; tarfile takes a broken one for the archive's end.

    ``of_all`` counts the bytes of the headers of one archive that hold for all members.
    """

    of_all: ClassVar[int] = 0

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """Read one header. Raises ``ArchiveError`` where it is broken or would take too much memory."""
        try:
            header = super().frombuf(buf, encoding, errors)
        except (tarfile.EmptyHeaderError, tarfile.EOFHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.TarError as failure:
            raise ArchiveError(ArchiveFault.UNREADABLE, f"The archive is damaged: {failure}.") from failure
        if header.size < 0 or (header.type in _EXTENSIONS and header.size > _LARGEST_HEADER):
            raise ArchiveError(
                ArchiveFault.IMPOSSIBLE_SIZE,
                f"A header in the archive claims {header.size:,} bytes for itself.",
                header.name,
            )
        if header.type == tarfile.XGLTYPE:
            cls.of_all += header.size
            if cls.of_all > _GLOBAL_HEADERS:
                raise ArchiveError(
                    ArchiveFault.IMPOSSIBLE_SIZE,
                    f"Headers for all members have more than {_GLOBAL_HEADERS:,} bytes together.",
                )
        return header


def _header_class() -> type[_Header]:
    """Return a class for one archive: tarfile gives a header no other place to count in."""
    return type("_HeaderOfOne", (_Header,), {"of_all": 0})


class _Tape(io.RawIOBase):
    """An archive that is only read forwards: whatever a header says, no byte is unpacked twice.

    ``left`` is how many bytes may still be read, while headers are.
    """

    def __init__(self, stream: BinaryIO | _Counted) -> None:
        self._stream = stream
        self._at = 0
        self.left: int | None = None

    def read(self, size: int = -1, /) -> bytes:
        content = self._stream.read(size)
        self._at += len(content)
        if self.left is not None:
            self.left -= len(content)
            if self.left < 0:
                raise ArchiveError(
                    ArchiveFault.IMPOSSIBLE_SIZE,
                    f"The header of a member, with its name, has more than {_LARGEST_HEADER:,} bytes.",
                )
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset < self._at:
            raise ArchiveError(ArchiveFault.UNREADABLE, "The archive is damaged: a header leads backwards.")
        if isinstance(self._stream, _Counted):
            while self._at < offset and (passed := self._stream.read(min(_BLOCK_BYTES, offset - self._at))):
                self._at += len(passed)
        else:
            self._at = self._stream.seek(offset)
        return self._at

    def tell(self) -> int:
        return self._at


class _Counted(io.RawIOBase):
    """A packed stream that stops giving when it has given more than is allowed, headers and gaps included."""

    def __init__(self, stream: Decompressing, most: int) -> None:
        self._stream = stream
        self._most = most
        self._given = 0

    def read(self, size: int = -1, /) -> bytes:
        content = self._stream.read(size)
        self._given += len(content)
        if self._given > self._most:
            raise ArchiveError(
                ArchiveFault.TOO_LARGE, f"The archive unpacks to more than {self._most:,} bytes."
            )
        return content

    def exhaust(self) -> None:
        while self.read(_BLOCK_BYTES):
            pass
