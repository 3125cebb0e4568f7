"""A bag in an archive: what the archive's layout and its faults mean for the bag (RFC 8493 section 4)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from preservation.archives import members
from preservation.archives.layout import ArchiveLayout, read_layout
from preservation.bagit import codes
from preservation.bagit.findings import Findings
from preservation.bagit.source import PAYLOAD
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath

_LITTER = "__MACOSX"
"""The folder that a Mac puts beside what it packs; it holds what only a Mac knows what to do with."""

_DECLARATION = re.compile(r"(?:([^/]+)/)?bagit\.txt")

_CODES = {
    members.ArchiveFault.UNREADABLE: codes.ARCHIVE_UNREADABLE,
    members.ArchiveFault.TOO_MANY_MEMBERS: codes.ARCHIVE_BOMB,
    members.ArchiveFault.TOO_LARGE: codes.ARCHIVE_BOMB,
    members.ArchiveFault.IMPOSSIBLE_SIZE: codes.ARCHIVE_BOMB,
    members.ArchiveFault.NAMES_TOO_LONG: codes.ARCHIVE_BOMB,
    members.ArchiveFault.CLIMBS_OUT: codes.ARCHIVE_CLIMBS_OUT,
    members.ArchiveFault.NAME_TWICE: codes.ARCHIVE_NAME_TWICE,
    members.ArchiveFault.NOT_A_FILE: codes.NOT_A_FILE,
    members.ArchiveFault.NAME_IMPOSSIBLE: codes.ARCHIVE_NAME_IMPOSSIBLE,
}
_UNKEEPABLE = {members.ArchiveFault.NAME_TWICE, members.ArchiveFault.NOT_A_FILE}


@dataclass(slots=True)
class SerializedBag:
    """The layout of an archive that may hold a bag, and what is wrong with it.

    ``harmful`` are issues that no archive may have; where there are any, the layout may be incomplete.
    ``unkeepable`` are those that only matter where it is to be unpacked.
    """

    layout: ArchiveLayout = field(default_factory=ArchiveLayout)
    harmful: Findings = field(default_factory=Findings)
    unkeepable: Findings = field(default_factory=Findings)

    @property
    def bag_folders(self) -> tuple[str, ...]:
        """The folders that have a bag declaration: ``""`` is the archive's root, others lie below it."""
        matches = map(_DECLARATION.fullmatch, self.layout.files)
        found = [match[1] or "" for match in matches if match is not None]
        # A bag at the root may hold another one in its payload folder.
        return ("",) if "" in found else tuple(found)

    @property
    def base(self) -> str:
        """The base folder of the bag, with ``/`` behind it; ``""`` is the archive's root.

        Without a bag declaration it is the only folder at the root.
        """
        bags = self.bag_folders
        if bags:
            return f"{bags[0]}/" if bags[0] else ""
        tops = self.layout.tops - {_LITTER}
        only = tops.pop() if len(tops) == 1 else ""
        return "" if only in {"", PAYLOAD[:-1]} or only in self.layout.files else f"{only}/"

    @property
    def beside(self) -> set[str]:
        """What lies beside the bag's base folder at the archive's root."""
        base = self.base
        return self.layout.tops - {base[:-1], _LITTER} if base else set()


def read_serialized(
    path: Path | BinaryIO,
    kind: members.ArchiveKind,
    limits: members.UnpackLimits,
    visit: Callable[[members.ArchiveMember, members.Opener], None] | None = None,
) -> SerializedBag:
    """Walk the archive once and return what is in it; ``visit`` sees each sound file on the way."""
    found = SerializedBag()

    def report(finding: members.ArchiveFinding) -> None:
        (found.unkeepable if finding.fault in _UNKEEPABLE else found.harmful).add(archive_issue(finding))

    found.layout = read_layout(path, kind, limits, report, visit)
    return found


def archive_issue(finding: members.ArchiveFinding) -> Issue:
    """Return what was found in an archive as an issue of the bag."""
    path = None if finding.member is None else RelativePath(finding.member)
    return codes.error(_CODES[finding.fault], finding.sentence, path)
