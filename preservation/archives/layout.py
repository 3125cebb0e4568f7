"""What is where in an archive, known before a byte of it is written anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath

from preservation.archives.members import (
    ArchiveError,
    ArchiveKind,
    ArchiveMember,
    MemberKind,
    Opener,
    UnpackLimits,
)
from preservation.archives.walking import walk_archive
from preservation.bagit import codes
from preservation.bagit.findings import Findings
from preservation.bagit.resolving import without_dots
from preservation.bagit.sources.protocol import PAYLOAD
from preservation.model.issues import Issue, IssueCode
from preservation.model.paths import RelativePath, fault_of_path, shown

_LITTER = "__MACOSX"
"""The folder that a Mac puts beside what it packs; it holds what only a Mac knows what to do with."""

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\")
"""``C:\\``, ``\\\\server\\share``, and the root of the current drive."""
_DECLARATION = re.compile(r"(?:([^/]+)/)?bagit\.txt")


@dataclass(slots=True)
class ArchiveLayout:
    """The members of one archive, by name.

    ``files`` gives sizes in bytes, unpacked; ``hard_links`` the file that each of them is another name
    of. ``harmful`` are issues that no archive may have; where there are any, the rest may be
    incomplete. ``unkeepable`` are those that only matter where it is to be unpacked.
    """

    files: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    hard_links: dict[str, str] = field(default_factory=dict)
    harmful: Findings = field(default_factory=Findings)
    unkeepable: Findings = field(default_factory=Findings)

    @property
    def size(self) -> int:
        """How many bytes the files have, unpacked."""
        return sum(self.files.values()) + sum(self.files[target] for target in self.hard_links.values())

    @property
    def bag_folders(self) -> tuple[str, ...]:
        """The folders that have a bag declaration: ``""`` is the archive's root, others lie below it."""
        matches = map(_DECLARATION.fullmatch, self.files)
        found = [match[1] or "" for match in matches if match is not None]
        # A bag at the root may hold another one in its payload folder.
        return ("",) if "" in found else tuple(found)

    @property
    def tops(self) -> set[str]:
        """The names at the archive's root."""
        return {name.partition("/")[0] for name in (*self.files, *self.hard_links, *self.folders)}


def read_layout(
    path: Path,
    kind: ArchiveKind,
    limits: UnpackLimits,
    visit: Callable[[ArchiveMember, Opener], None] | None = None,
) -> ArchiveLayout:
    """Walk the archive once and return its layout; ``visit`` sees each sound file on the way."""
    layout = ArchiveLayout()
    try:
        for member, opener in walk_archive(path, kind, limits):
            if _place(layout, member) and visit is not None:
                visit(member, opener)
    except ArchiveError as failure:
        layout.harmful.add(_issue(failure.code, str(failure), failure.member))
    return layout


def _place(layout: ArchiveLayout, member: ArchiveMember) -> bool:
    """Note the member in the layout, and say whether it is a sound file."""
    name = member.name
    fault = fault_of_member(member)
    if fault is not None:
        layout.harmful.add(
            _issue(codes.ARCHIVE_CLIMBS_OUT, f"'{shown(name)}' in the archive: {fault}.", name)
        )
        return False
    if member.kind is MemberKind.FOLDER:
        layout.folders.add(name)
        return False
    if name in layout.files or name in layout.hard_links:
        layout.unkeepable.add(
            _issue(codes.ARCHIVE_NAME_TWICE, f"The archive holds '{shown(name)}' more than once.", name)
        )
        return False
    if member.kind is MemberKind.FILE:
        layout.files[name] = member.size
        return True
    target = without_dots(member.target)
    target = layout.hard_links.get(target, target)
    if member.kind is MemberKind.HARD_LINK and target in layout.files:
        layout.hard_links[name] = target
    else:
        layout.unkeepable.add(
            _issue(codes.NOT_A_FILE, f"'{shown(name)}' in the archive is a {member.kind}.", name)
        )
    return False


def base_of(layout: ArchiveLayout) -> str:
    """Return the base folder of the bag in the archive, with ``/`` behind it; ``""`` is the archive's root.

    Where no bag declaration tells, it is the only folder at the root.
    """
    bags = layout.bag_folders
    if bags:
        return f"{bags[0]}/" if bags[0] else ""
    tops = layout.tops - {_LITTER}
    only = tops.pop() if len(tops) == 1 else ""
    return "" if only in {"", PAYLOAD[:-1]} or only in layout.files else f"{only}/"


def strangers_in(layout: ArchiveLayout) -> set[str]:
    """Return what lies beside the bag's base folder at the archive's root."""
    base = base_of(layout)
    return layout.tops - {base[:-1], _LITTER} if base else set()


def fault_of_member(member: ArchiveMember) -> str | None:
    """Say why the member must not be unpacked anywhere, or ``None``."""
    if member.kind is MemberKind.FOLDER and member.name == "":
        return None
    fault = fault_of_path(member.name)
    if fault is None and ".." in member.name.replace("\\", "/").split("/"):
        fault = r"the path climbs out with '..\'"
    if fault is None and _DRIVE.match(member.name):
        fault = "the path names a drive or a server"
    if fault is None and _leads_out(member):
        fault = f"the link leads out to '{shown(member.target)}'"
    return fault


def _leads_out(member: ArchiveMember) -> bool:
    if member.kind not in {MemberKind.SYMLINK, MemberKind.HARD_LINK}:
        return False
    # A hard link is written from the archive's root, a symbolic one from where it is.
    start = dirname(member.name) if member.kind is MemberKind.SYMLINK else ""
    goal = normpath(join(start, member.target))
    return goal.startswith(("/", "../")) or goal == ".."


def _issue(code: IssueCode, message: str, member: str | None) -> Issue:
    return codes.error(code, message, None if member is None else RelativePath(member))
