"""The job that examines one archive, in a caged worker: lists it, and unpacks nothing.

What is looked for would hurt whoever unpacks it later: members that leave the folder, links that lead
out of it, devices, and more bytes than anybody can hold.
"""

from __future__ import annotations

import gzip
import posixpath
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import msgspec

from preservation.model.paths import shown
from preservation.rasters.families import Family
from preservation.screening.reports import ArchiveReport
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

_GIB = 1 << 30
_MOST_MEMBERS = 100_000
_SUSPECT_RATIO = 200
_SUSPECT_SIZE = _GIB
_MOST_INFLATED = 4 * _GIB
_NAMED = 5
_LONGEST_LINK = 4096
_NESTED = (".zip", ".tar", ".tgz", ".tar.gz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".jar")
_UNIX = 3
_ENCRYPTED = 1
_ORDINARY = frozenset({0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK})
_DRIVE = re.compile(r"[A-Za-z]:")
_AT_ONCE = 1 << 20


class _EnoughError(Exception):
    """It is clear that unpacking would hurt: nothing more needs to be read."""


class _TooLongError(Exception):
    """It goes on and on, and nothing was found so far."""


@dataclass(frozen=True, slots=True)
class _Member:
    """One entry: its name, its size unpacked, where a link leads as a path from the root, and what it is."""

    name: str
    size: int
    leads_to: str | None = None
    is_ordinary: bool = True

    @property
    def fault(self) -> str | None:
        """Why it must not be unpacked, or ``None``."""
        if "\0" in self.name:
            return "its name holds a NUL byte"
        if _DRIVE.match(self.name):
            return "its path begins with a drive"
        if _leaves(self.name):
            return "its path leaves the folder"
        if self.leads_to is not None and _leaves(self.leads_to):
            return "it is a link that leads out of the folder"
        return None if self.is_ordinary else "it is a device or a pipe"


def _leaves(path: str) -> bool:
    """Say whether ``path`` leaves the folder it starts from, also where a backslash is taken for a slash."""
    path = path.replace("\\", "/")
    return path.startswith("/") or posixpath.normpath(path).split("/")[0] == ".."


@dataclass(slots=True)
class _Tally:
    """What has been seen so far of an archive of ``packed`` bytes."""

    packed: int
    members: int = 0
    unpacked: int = 0
    escaping: int = 0
    nested: int = 0
    escapes: list[str] = field(default_factory=list)

    def count(self, member: _Member) -> None:
        """Take in one member. Raises ``_EnoughError`` where the whole has become a bomb."""
        self.members += 1
        self.nested += member.name.lower().endswith(_NESTED)
        if member.fault is not None:
            self.escaping += 1
            if len(self.escapes) < _NAMED:
                self.escapes.append(f"{shown(member.name)}: {member.fault}")
        self.unpacked += member.size
        if self.members > _MOST_MEMBERS:
            raise _EnoughError(f"it holds more than {_MOST_MEMBERS} files")
        _require_bearable(self.unpacked, self.packed)


def _require_bearable(unpacked: int, packed: int) -> None:
    """Raise ``_EnoughError`` where so many bytes come out of so few."""
    if unpacked > max(_SUSPECT_SIZE, packed * _SUSPECT_RATIO):
        raise _EnoughError(f"it has {packed} bytes and unpacks to {unpacked / _GIB:.1f} GiB or more")


def examine(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """List the one input, an archive of ``family``."""
    stream = inputs[0]
    tally = _Tally(stream.seek(0, 2))
    stream.seek(0)
    bomb = fault = None
    wholly = True
    try:
        _list(Family(arguments["family"]), stream, tally)
    except _EnoughError as enough:
        bomb = str(enough)
    except _TooLongError:
        wholly = False
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  damaged archives make these modules raise a dozen kinds
        fault = " ".join(str(error).split()) or type(error).__name__
    report = ArchiveReport(
        members=tally.members,
        unpacked=tally.unpacked,
        escapes=tuple(tally.escapes),
        escaping=tally.escaping,
        nested=tally.nested,
        bomb=bomb,
        fault=fault,
        wholly=wholly,
    )
    return msgspec.to_builtins(report)


def _list(family: Family, stream: BinaryIO, tally: _Tally) -> None:
    match family:
        case Family.ZIP:
            members = _zip_members(stream, tally)
        case Family.TAR:
            members = _tar_members(stream)
        case _:
            members = _gzip_members(stream, tally)
    for member in members:
        tally.count(member)


def _zip_members(stream: BinaryIO, tally: _Tally) -> Iterator[_Member]:
    with zipfile.ZipFile(stream) as archive:
        if sum(entry.compress_size for entry in archive.infolist()) > tally.packed:
            raise _EnoughError("its members share the same bytes, so that few unpack to very many")
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == _UNIX else 0
            leads_to = None
            if kind == stat.S_IFLNK and entry.file_size <= _LONGEST_LINK and not entry.flag_bits & _ENCRYPTED:
                target = archive.read(entry).decode("utf-8", "surrogateescape")
                leads_to = posixpath.join(posixpath.dirname(entry.filename), target)
            yield _Member(entry.orig_filename, entry.file_size, leads_to, kind in _ORDINARY)


def _tar_members(stream: BinaryIO) -> Iterator[_Member]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        yield from _members_of(archive)


def _gzip_members(stream: BinaryIO, tally: _Tally) -> Iterator[_Member]:
    """List the tar inside, if there is one; otherwise inflate the file to see how much there is."""
    inflated = _Inflated(stream, tally)
    try:
        with tarfile.open(fileobj=cast("BinaryIO", inflated), mode="r|") as archive:
            yield from _members_of(archive)
    except tarfile.ReadError:
        if tally.members:
            raise
    while inflated.read(_AT_ONCE):
        pass


def _members_of(archive: tarfile.TarFile) -> Iterator[_Member]:
    for entry in archive:
        if entry.size < 0:
            # Said by an extended header: taken at its word, the next member would be one that came before.
            raise _EnoughError(f"it says that {shown(entry.name)} has a negative size")
        leads_to = None
        if entry.issym():
            leads_to = posixpath.join(posixpath.dirname(entry.name), entry.linkname)
        elif entry.islnk():
            leads_to = entry.linkname
        ordinary = entry.isfile() or entry.isdir() or leads_to is not None
        yield _Member(entry.name, entry.size if entry.isfile() else 0, leads_to, ordinary)


class _Inflated:
    """What is inside a gzip file, with an eye on how much it is."""

    def __init__(self, stream: BinaryIO, tally: _Tally) -> None:
        self._gzip = gzip.GzipFile(fileobj=stream)
        self._packed = tally.packed
        self._position = 0

    def read(self, count: int) -> bytes:
        """Return the next ``count`` bytes. Raises ``_EnoughError`` or ``_TooLongError``."""
        content = self._gzip.read(count)
        self._position += len(content)
        _require_bearable(self._position, self._packed)
        if self._position > _MOST_INFLATED:
            raise _TooLongError
        return content
