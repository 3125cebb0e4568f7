"""A bag in an archive: what the archive's layout and its faults mean for the bag (RFC 8493 section 4)."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname
from typing import BinaryIO

from preservation.archives import members
from preservation.archives.layout import ArchiveLayout, read_layout
from preservation.bagit import codes
from preservation.bagit.declaration import BAGIT_TXT
from preservation.bagit.findings import Findings
from preservation.bagit.litter import MOST_DEPTH, is_litter, lies_deeper, named
from preservation.bagit.source import PAYLOAD
from preservation.model.amounts import count
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable, quoted

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
        """The folders that have a bag declaration: ``""`` is the archive's root, others lie below it.

        A bag in another one's payload does not count; one that lies deeper than the archive's folders does
        where there is nothing else.
        """
        declared = {dirname(name) for name in self.layout.files if basename(name) == BAGIT_TXT}
        declared = {folder for folder in declared if folder.count("/") < MOST_DEPTH}
        found = tuple(folder for folder in declared if not folder or not _lies_in(dirname(folder), declared))
        near = tuple(folder for folder in found if "/" not in folder)
        if near:
            return near
        return () if any(True for _ in self._outside(frozenset(found))) else found

    @property
    def base(self) -> str:
        """The base folder of the bag, with ``/`` behind it; ``""`` is the archive's root.

        Without a bag declaration it is the only folder at the root.
        """
        bags = self.bag_folders
        if bags:
            return f"{bags[0]}/" if bags[0] else ""
        tops = self.layout.tops - self._litter
        only = next(iter(tops)) if len(tops) == 1 else ""
        is_file = only in self.layout.files or only in self.layout.hard_links
        return "" if only in {"", PAYLOAD[:-1]} or is_file else f"{only}/"

    @property
    def beside(self) -> set[str]:
        """What lies beside the bag's base folder at the archive's root, but for litter."""
        base = self.base
        return {name.partition("/")[0] for name in self._outside(frozenset({base[:-1]}))} if base else set()

    def remarks(self) -> Iterator[Issue]:
        """Yield what is unusual in how the archive was packed, and does no harm."""
        base = self.base
        if self.layout.respelled:
            message = f"The archive has '\\' between the folders of {count(self.layout.respelled, 'member')}."
            yield codes.warning(codes.ARCHIVE_BACKSLASHES, message)
        if self.bag_folders and not base:
            message = "The bag's files lie at the archive's root instead of in one folder."
            yield codes.warning(codes.ARCHIVE_LAYOUT, message)
        if "/" in base[:-1]:
            yield lies_deeper(base[:-1])
        litter = sorted(self._litter) if base else ()
        if litter:
            message = (
                f"Beside its folder the archive holds {named(litter)}, as operating systems leave it; "
                "that is not kept."
            )
            yield codes.info(codes.ARCHIVE_LITTER, message)

    @property
    def _litter(self) -> set[str]:
        """What operating systems left at the archive's root; ``._x`` belongs to ``x``, or to nothing."""
        tops = self.layout.tops
        return {
            name
            for name in tops
            if is_litter(name) and (not name.startswith("._") or name.removeprefix("._") in tops)
        }

    def _outside(self, bases: frozenset[str]) -> Iterator[str]:
        """Yield the names of members that lie in none of ``bases``, are not above them, and are no litter."""
        above = {folder for base in bases for folder in _upper_folders(base)}
        litter = self._litter
        for name in self.layout.names:
            is_left = is_litter(name) if "/" in name else name in litter
            if name not in above and not _lies_in(name, bases) and not is_left:
                yield name


def _lies_in(name: str, folders: Collection[str]) -> bool:
    return name in folders or any(folder in folders for folder in _upper_folders(name))


def _upper_folders(name: str) -> Iterator[str]:
    """Yield the folders above ``name`` in which a bag can lie, the archive's root first: few of very many."""
    yield ""
    end = -1
    for _ in range(MOST_DEPTH):
        end = name.find("/", end + 1)
        if end < 0:
            return
        yield name[:end]


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
    base = found.base
    for name, target in found.layout.hard_links.items() if base else ():
        if name.startswith(base) and not target.startswith(base):
            beside = printable(target)
            sentence = f"{quoted(name)} in the archive is a link to '{beside}', beside its one folder."
            report(members.ArchiveFinding(members.ArchiveFault.NOT_A_FILE, sentence, name))
    return found


def archive_issue(finding: members.ArchiveFinding) -> Issue:
    """Return what was found in an archive as an issue of the bag."""
    path = None if finding.member is None else RelativePath(finding.member)
    return codes.error(_CODES[finding.fault], finding.sentence, path)
