"""Archives that were made to do harm, written field by field: no library would make them."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

MIB = 1 << 20

BAG = {
    "bag/bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
    "bag/data/letter.txt": b"Dear brother\n",
    "bag/manifest-sha256.txt": (
        b"b28d2f81d5d869083395209a93d1851fae37d55047c5363cc304dce36ad49e7e  data/letter.txt\n"
    ),
}
"""The files of a bag, for archives that have to look like one."""


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members, in this order, duplicates included."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for member, content in members:
            # Python warns of a name that comes twice, and writes it all the same.
            archive.NameToInfo.clear()
            archive.writestr(member, content, method)
    return sink.getvalue()


def zip_link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    """A symbolic link as Info-ZIP stores it."""
    return zip_entry(name, stat.S_IFLNK), target.encode()


def zip_entry(name: str, kind: int) -> zipfile.ZipInfo:
    """A zip member of that kind, as ``st_mode`` has it."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    return info


def zip_named(name: bytes) -> bytes:
    """A zip of one member whose name is these very bytes, whatever they are."""
    stand_in = "N" * len(name)
    return zipped((stand_in, b"x")).replace(stand_in.encode(), name)


def overlapping_zip(members: int, kernel: int) -> bytes:
    """A zip whose members all unpack the same ``kernel`` bytes: one body, many entries that point at it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(kernel)) + packer.flush()
    crc = zlib.crc32(bytes(kernel))
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(body), kernel, 1, 0) + b"a" + body
    entries = b"".join(
        struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 33, crc, len(body), kernel, 4, 0, 0, 0, 0, 0, 0
        )
        + f"{number:04}".encode()
        for number in range(members)
    )
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, members, members, len(entries), len(local), 0)
    return local + entries + end


def nested_zip(depth: int, payload: bytes = b"at the bottom") -> bytes:
    """A zip in a zip in a zip."""
    content = payload
    for level in range(depth):
        content = zipped((f"level-{level}.zip" if level else "payload.bin", content))
    return content


def tarred(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of these members."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return sink.getvalue()


def tar_member(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    """A plain file of a tar."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def tar_special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar that is a link, a device or a pipe."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def pax_tar(records: dict[str, str], content: bytes = b"x", name: str = "scan.tif") -> bytes:
    """A tar whose extended header says ``records`` of its one file, true or not (POSIX pax)."""
    said = b"".join(_pax_record(key, value) for key, value in records.items())
    extended = tarfile.TarInfo("extended")
    extended.type, extended.size = tarfile.XHDTYPE, len(said)
    file, _ = tar_member(name, content)
    return (
        extended.tobuf(tarfile.USTAR_FORMAT)
        + _in_blocks(said)
        + file.tobuf(tarfile.USTAR_FORMAT)
        + _in_blocks(content)
        + bytes(2 * tarfile.BLOCKSIZE)
    )


def sparse_tar(real_size: int) -> bytes:
    """A tar of a file that is nothing but a hole (GNU sparse 1.0)."""
    said = {"major": "1", "minor": "0", "name": "hole.bin", "realsize": str(real_size)}
    return pax_tar({f"GNU.sparse.{key}": value for key, value in said.items()}, b"0\n" + bytes(510))


def gzip_chain(members: int, last: bytes) -> bytes:
    """Many empty gzip members, one after the other, and one with content (RFC 1952, 2.2)."""
    return gzip.compress(b"", mtime=0) * members + gzip.compress(last, mtime=0)


def bag_with(pack: Callable[..., bytes], *more: object) -> bytes:
    """A bag in an archive, with more members behind its own."""
    own = [tar_member(name, content) if pack is tarred else (name, content) for name, content in BAG.items()]
    return pack(*own, *more)


def _pax_record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode("utf-8", "surrogateescape")
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _in_blocks(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)
