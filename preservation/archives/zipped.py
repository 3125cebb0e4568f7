"""Zip archives, with the names that were meant (APPNOTE 6.3.10, appendix D; Info-ZIP's Unicode path)."""

import encodings.cp437  # noqa: F401  zipfile and we need it, and a caged worker imports nothing any more
import io
import os
import re
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import IO, BinaryIO

from preservation.archives import members
from preservation.model.paths import printable, without_dots

_NAME_IS_UTF8 = 0x800
_UNICODE_PATH = 0x7075
_CENTRAL_HEADER = b"PK\x01\x02"
_CENTRAL_HEADER_BYTES = 46
_MEMBER_BYTES = 128
"""Of a member in the directory, besides its name: its header, and the extra fields that are usual."""
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64_BYTES = 20
_LONGEST_COMMENT = 65_535
_LONGEST_ENDING = _END64.size + _LOCATOR64_BYTES + _END.size + _LONGEST_COMMENT
_LONGEST_TARGET = 4_096
_ENCRYPTED = 1
_PACKINGS = frozenset({*zipfile.compressor_names, 93, 94, 95, 96})  # type: ignore[attr-defined]  # it is there
"""The ways of packing that there are (APPNOTE 4.4.5): Windows packs what is large as Deflate64."""
_LEADS_OUT = re.compile(r"^([A-Za-z]:|\\)|(^|\\)\.\.(\\|$)")
"""A name with backslashes that is refused as it is written: a drive, a server, a way out."""
_WINDOWS = {0, 10, 14}
"""Where a member was made: FAT, NTFS, VFAT (APPNOTE 4.4.2)."""


class _Bounded(io.RawIOBase):
    """A zip file of which no more than so many bytes are read at once: ``zipfile`` reads the directory so."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream = stream
        self._most = most

    def read(self, size: int = -1, /) -> bytes:
        if size > self._most:
            raise members.ArchiveError(
                members.ArchiveFault.NAMES_TOO_LONG,
                f"The directory of the archive, with all names, has more than {self._most:,} bytes.",
            )
        # Without a size, the end of the file is read, which a comment of 64 KiB may make longer.
        return self._stream.read(self._most if size < 0 else size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


def walk_zip(
    stream: BinaryIO, limits: members.UnpackLimits
) -> Iterator[tuple[members.ArchiveMember, members.Opener]]:
    """Yield each member in the order of the archive's directory. Raises ``ArchiveError``."""
    try:
        if _more_members_than(stream, limits.files):
            raise members.ArchiveError(
                members.ArchiveFault.TOO_MANY_MEMBERS, f"The archive has more than {limits.files:,} members."
            )
        with zipfile.ZipFile(_Bounded(stream, limits.names + limits.files * _MEMBER_BYTES)) as archive:
            shared = _in_bytes_of_another(archive.infolist(), stream.seek(0, io.SEEK_END))
            if shared is not None:
                raise members.ArchiveError(
                    members.ArchiveFault.IMPOSSIBLE_SIZE,
                    "Members of the archive share the same bytes, so that few unpack to very many.",
                    printable(shared.orig_filename),
                )
            by_backslash = _parts_with_backslashes(archive.infolist())
            for info in archive.infolist():
                member = _member(archive, info, by_backslash=by_backslash)
                yield member, partial(members.MemberStream, partial(_open, archive, info))
    except members.DAMAGE as failure:
        raise members.ArchiveError(
            members.ArchiveFault.UNREADABLE,
            f"The archive is not readable as zip: {members.words_of(failure)}.",
        ) from failure


def _in_bytes_of_another(infos: list[zipfile.ZipInfo], size: int) -> zipfile.ZipInfo | None:
    """Return a member that lies within another, where all of them claim more bytes than the archive has.

    Where they do and none lies within another, bytes of the archive are missing.
    """
    if sum(info.compress_size for info in infos) <= size:
        return None
    in_order = sorted(infos, key=lambda info: info.header_offset)
    return next(
        (
            later
            for info, later in pairwise(in_order)
            if later.header_offset < info.header_offset + info.compress_size
        ),
        None,
    )


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(info)
    except NotImplementedError as failure:
        if info.compress_type not in _PACKINGS:
            raise
        raise members.UnknownPackingError(f"it cannot be unpacked here: {failure}") from failure


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, by_backslash: bool) -> members.ArchiveMember:
    meant = _meant(info)
    # What is no UTF-8 is code page 437, if what made the archive followed the specification.
    written = info.orig_filename if meant is None else meant
    is_respelled = meant is not None and by_backslash and "\\" in meant and not _LEADS_OUT.search(meant)
    name = written.replace("\\", "/") if is_respelled else written
    mode = stat.S_IFMT(info.external_attr >> 16)
    if name.endswith("/") or (mode == stat.S_IFDIR and not info.file_size):
        kind = members.MemberKind.FOLDER
    elif mode == stat.S_IFLNK:
        kind = members.MemberKind.SYMLINK
    elif mode in (0, stat.S_IFREG):
        kind = members.MemberKind.FILE
    else:
        kind = members.MemberKind.SPECIAL
    target = ""
    if kind is members.MemberKind.SYMLINK and not info.flag_bits & _ENCRYPTED:
        with archive.open(info) as content:
            target = os.fsdecode(content.read(_LONGEST_TARGET))
    return members.ArchiveMember(
        without_dots(name),
        kind,
        info.file_size,
        _modified(info),
        target,
        respelled=is_respelled,
        guessed=meant is None,
        encrypted=bool(info.flag_bits & _ENCRYPTED),
    )


def _parts_with_backslashes(infos: Iterable[zipfile.ZipInfo]) -> bool:
    """Say whether the names have backslashes between folders, against the specification, as .NET once did.

    No name has a slash then; and it was made on Windows, or folders are members, or all lies in one.
    """
    found, whole, empty = False, True, True
    for info in infos:
        name = info.orig_filename
        if "/" in name:
            return False
        has = "\\" in name
        found = found or (has and (info.create_system in _WINDOWS or name.endswith("\\")))
        whole, empty = whole and has, False
    return found or (whole and not empty)


def _meant(info: zipfile.ZipInfo) -> str | None:
    """Return the name as it is written, ``None`` where nothing says in which encoding."""
    if info.flag_bits & _NAME_IS_UTF8:
        return info.orig_filename
    written = info.orig_filename.encode("cp437")
    try:
        return (_unicode_path(info.extra, written) or written).decode()
    except UnicodeDecodeError:
        return None


def _unicode_path(extra: bytes, written: bytes) -> bytes | None:
    """Return the Unicode path among the extra fields, if it belongs to the name as ``written``."""
    while len(extra) >= 4:  # noqa: PLR2004  two bytes of tag, two of length
        tag, length = struct.unpack_from("<2H", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if tag == _UNICODE_PATH and length > 5 and field[0] == 1:  # noqa: PLR2004  version and CRC take five
            return field[5:] if struct.unpack_from("<L", field, 1)[0] == zlib.crc32(written) else None
    return None


def _modified(info: zipfile.ZipInfo) -> float | None:
    """Return the time of the last change: zip has it in an unnamed local time, taken to be ours."""
    try:
        return time.mktime((*info.date_time, 0, 0, -1))
    except (OverflowError, ValueError):
        return None


def _more_members_than(stream: BinaryIO, most: int) -> bool:
    """Count the headers of the archive's directory, before ``zipfile`` makes an object of each.

    The number in the end record is only what the archive says of itself.
    """
    length = stream.seek(0, io.SEEK_END)
    # Read, and never mapped into memory: of a file that is cut meanwhile, that would end the process.
    ending = _read_at(stream, max(0, length - _LONGEST_ENDING), _LONGEST_ENDING)
    before = length - len(ending)
    end = ending.rfind(b"PK\x05\x06", max(0, len(ending) - _END.size - _LONGEST_COMMENT))
    if end < 0 or end + _END.size > len(ending):
        return False
    start = before + end - _END.unpack_from(ending, end)[5]
    locator = end - _LOCATOR64_BYTES
    if locator >= 0 and ending[locator : locator + 4] == b"PK\x06\x07":
        record = locator - _END64.size
        if record >= 0 and ending[record : record + 4] == b"PK\x06\x06":
            start = before + record - _END64.unpack_from(ending, record)[8]
    count = 0
    while 0 <= start <= before + end - _CENTRAL_HEADER_BYTES:
        header = _read_at(stream, start, _CENTRAL_HEADER_BYTES)
        if len(header) < _CENTRAL_HEADER_BYTES or not header.startswith(_CENTRAL_HEADER):
            return False
        count += 1
        if count > most:
            return True
        start += _CENTRAL_HEADER_BYTES + sum(struct.unpack_from("<3H", header, 28))
    return False


def _read_at(stream: BinaryIO, place: int, most: int) -> bytes:
    stream.seek(place)
    return stream.read(most)
