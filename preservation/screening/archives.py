"""The job that examines one archive, in a caged worker: lists it, and unpacks it to nowhere.

It looks for what would do harm when the archive is unpacked: members that leave the folder, links that
lead out of it, devices, and more bytes than a disk can hold; and for members of a zip that do not have its
checksums.
"""

import os
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import msgspec

from preservation.archives.layout import fault_of_member
from preservation.archives.members import (
    ArchiveError,
    ArchiveFault,
    ArchiveKind,
    ArchiveMember,
    MemberKind,
    Opener,
    UnpackLimits,
    words_of,
)
from preservation.archives.reading import MemberReading
from preservation.archives.tarred import unpack_wholly
from preservation.archives.walking import holds_tar, walk_archive
from preservation.model.paths import printable
from preservation.rasters.families import Family
from preservation.screening.reports import ArchiveReport
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

_NAMED = 5
_NESTED = (".zip", ".tar", ".tgz", ".tar.gz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".jar")
_KINDS = {Family.ZIP: ArchiveKind.ZIP, Family.TAR: ArchiveKind.TAR, Family.GZIP: ArchiveKind.TAR_GZ}

_SECONDS = 30.0
"""Of the time that one file may take: what is not read by then is only listed."""
_READ = 4 << 30

_LISTED = UnpackLimits(files=100_000, bytes=1 << 62, ratio=200, small=1 << 30)
"""What an archive may claim that is only listed."""
_INFLATED = UnpackLimits(files=100_000, bytes=4 << 30, ratio=200, small=1 << 30)
"""What is unpacked of a file that has to be unpacked to be listed."""


def examine(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """List the one input, an archive of ``family``."""
    stream = inputs[0]
    kind = _KINDS[Family(arguments["family"])]
    limits = _INFLATED if kind is ArchiveKind.TAR_GZ else _LISTED
    most = limits.most_bytes(stream.seek(0, os.SEEK_END))
    stream.seek(0)
    report = ArchiveReport()
    reading = MemberReading(_SECONDS)
    try:
        if kind is not ArchiveKind.TAR_GZ or holds_tar(stream, kind):
            for member, opener in walk_archive(stream, kind, limits):
                _count(report, member)
                if kind is ArchiveKind.ZIP and member.kind is MemberKind.FILE:
                    _read(report, reading, member, opener)
        else:
            unpack_wholly(stream, kind, most)
    except ArchiveError as error:
        clause = error.finding.clause
        match error.finding.fault:
            case ArchiveFault.UNREADABLE:
                report.fault = clause
            case ArchiveFault.TOO_LARGE if most == limits.bytes:
                report.wholly = False
            case _:
                report.bomb = clause
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  damaged archives make these modules raise a dozen kinds
        report.fault = words_of(error)
    report.unread += reading.unread
    return msgspec.to_builtins(report)


def _count(report: ArchiveReport, member: ArchiveMember) -> None:
    report.members += 1
    report.unpacked += member.size
    report.nested += member.name.lower().endswith(_NESTED)
    fault = fault_of_member(member)
    if fault is None and member.kind is MemberKind.SPECIAL:
        fault = f"it is a {member.kind}"
    if fault is not None:
        report.escaping += 1
        if len(report.escapes) < _NAMED:
            report.escapes += (f"{printable(member.name)}: {fault}",)


def _read(report: ArchiveReport, reading: MemberReading, member: ArchiveMember, opener: Opener) -> None:
    if member.encrypted:
        report.encrypted += 1
        return
    if report.unpacked > _READ:
        report.unread += 1
        return
    fault = reading.fault_of(opener, member.size)
    if fault is not None:
        report.damaged += 1
        if len(report.damage) < _NAMED:
            report.damage += (f"{printable(member.name)}: {fault}",)
