"""What is where in an archive, known before a byte of it is written anywhere."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import BinaryIO

from preservation.archives import members
from preservation.archives.walking import walk_archive
from preservation.model.paths import fault_of_path, quoted, without_dots

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\")
"""``C:\\``, ``\\\\server\\share``, and the root of the current drive."""


_GUESSED_NAMED = 5


@dataclass(slots=True)
class ArchiveLayout:
    """The members of one archive, by name.

    ``files`` gives sizes in bytes, unpacked; ``hard_links`` the file that each of them is another name of.
    ``respelled`` counts the members that have backslashes between folders; ``guessed`` has a few of the names
    of which nothing says in which encoding they are.
    """

    files: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    hard_links: dict[str, str] = field(default_factory=dict)
    respelled: int = 0
    guessed: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bytes the files have, unpacked."""
        return sum(self.files.values()) + sum(self.files[target] for target in self.hard_links.values())

    @property
    def names(self) -> Iterator[str]:
        """The names of all members."""
        return chain(self.files, self.hard_links, self.folders)

    @property
    def tops(self) -> set[str]:
        """The names at the archive's root."""
        return {name.partition("/")[0] for name in self.names}


def read_layout(
    path: Path | BinaryIO,
    kind: members.ArchiveKind,
    limits: members.UnpackLimits,
    report: Callable[[members.ArchiveFinding], None],
    visit: Callable[[members.ArchiveMember, members.Opener], None] | None = None,
) -> ArchiveLayout:
    """Walk the archive once and return its layout; ``visit`` sees each sound file on the way.

    ``report`` is handed every fault. After one that ends the walk, the layout is incomplete.
    """
    layout = ArchiveLayout()
    try:
        for member, opener in walk_archive(path, kind, limits):
            finding = _place(layout, member)
            if finding is not None:
                report(finding)
            elif visit is not None and member.kind is members.MemberKind.FILE:
                visit(member, opener)
    except members.ArchiveError as failure:
        report(failure.finding)
    return layout


def _place(layout: ArchiveLayout, member: members.ArchiveMember) -> members.ArchiveFinding | None:
    """Enter the member in the layout, or return why it has no place there."""
    name = member.name
    layout.respelled += member.respelled
    if member.guessed and len(layout.guessed) < _GUESSED_NAMED:
        layout.guessed.append(name)
    fault = fault_of_member(member)
    if fault is not None:
        sentence = f"{quoted(name)} in the archive: {fault}."
        return members.ArchiveFinding(members.ArchiveFault.CLIMBS_OUT, sentence, name)
    if member.kind is members.MemberKind.FOLDER:
        layout.folders.add(name)
        return None
    if name in layout.files or name in layout.hard_links:
        sentence = f"The archive holds {quoted(name)} more than once."
        return members.ArchiveFinding(members.ArchiveFault.NAME_TWICE, sentence, name)
    if member.kind is members.MemberKind.FILE:
        layout.files[name] = member.size
        return None
    target = without_dots(member.target)
    target = layout.hard_links.get(target, target)
    if member.kind is members.MemberKind.HARD_LINK and target in layout.files:
        layout.hard_links[name] = target
        return None
    sentence = f"{quoted(name)} in the archive is a {member.kind}."
    return members.ArchiveFinding(members.ArchiveFault.NOT_A_FILE, sentence, name)


def fault_of_member(member: members.ArchiveMember) -> str | None:
    """Say why the member must not be unpacked anywhere, or ``None``."""
    if member.kind is members.MemberKind.FOLDER and member.name == "":
        return None
    fault = fault_of_path(member.name)
    if fault is None and ".." in member.name.replace("\\", "/").split("/"):
        fault = r"the path climbs out with '..\'"
    if fault is None and _DRIVE.match(member.name):
        fault = "the path names a drive or a server"
    if fault is None and _leads_out(member):
        fault = f"the link leads out to {quoted(member.target)}"
    return fault


def _leads_out(member: members.ArchiveMember) -> bool:
    if member.kind not in {members.MemberKind.SYMLINK, members.MemberKind.HARD_LINK}:
        return False
    # A hard link is written from the archive's root, a symbolic one from where it is.
    start = dirname(member.name) if member.kind is members.MemberKind.SYMLINK else ""
    goal = normpath(join(start, member.target))
    return goal.startswith(("/", "../")) or goal == ".."
