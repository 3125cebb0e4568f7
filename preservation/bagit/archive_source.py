"""A bag that is serialized: one zip or tar archive, never unpacked to be validated.

It is walked twice. The first walk learns the layout and sets the tag files aside; the second digests
every file by exactly the algorithms that the manifests then turn out to use. One walk would have to
digest everything by every algorithm there may be, which costs more than unpacking twice, and would
still miss those that no list here has.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from preservation.archives import members
from preservation.archives.walking import walk_archive
from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm, digests_of_stream
from preservation.bagit.litter import MOST_DEPTH, apple_doubles
from preservation.bagit.serialized import SerializedBag, read_serialized
from preservation.bagit.source import PAYLOAD, Digested, Listing, Observed, Wanted
from preservation.fixity.checking import Unreadable
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable

_TAG_FILE = re.compile(
    r"(?:[^/]+/)*(?:bagit|bag-info|package-info|fetch|(?:tag)?manifest-[^/]+)\.txt", re.IGNORECASE
)
_BUFFER_BYTES = 1 << 20
_MOST_TAG_BYTES = 256 << 20
"""Of all tag files together: they wait in memory for the end of the first walk."""
_NOT_SET_ASIDE = OSError("in this archive it is only another name of a file that is no tag file")


class ArchiveSource:
    """The bag in the archive at ``path``."""

    def __init__(self, path: Path, kind: members.ArchiveKind, limits: members.UnpackLimits) -> None:
        self._path = path
        self._kind = kind
        self._limits = limits
        self._base = ""
        self._files: frozenset[RelativePath] = frozenset()
        self._bag = SerializedBag()
        self._tag_files: dict[str, BytesIO | OSError] = {}
        self._tag_bytes = 0

    @property
    def name(self) -> str:
        """The archive's path."""
        return str(self._path)

    def listing(self) -> Listing:
        """Walk the archive and list the bag in it."""
        self._bag = read_serialized(self._path, self._kind, self._limits, self._set_aside)
        bags, layout = self._bag.bag_folders, self._bag.layout
        if self._bag.harmful.issues:
            return _nothing(*self._bag.harmful.issues)
        if len(bags) > 1:
            where = ", ".join(map(printable, sorted(bags)))[:300]
            return _nothing(codes.error(codes.NO_BAG, f"The archive holds {len(bags)} bags: {where}."))
        self._base = self._bag.base
        names = (*layout.files, *layout.hard_links)
        files = frozenset(RelativePath(self._inside(name)) for name in names if self._is_inside(name))
        self._files = files
        has_payload = f"{self._base}{PAYLOAD}"[:-1] in layout.folders
        issues = (*map(self._placed, self._bag.unkeepable.issues), *self._about_layout())
        has_payload = has_payload or any(path.startswith(PAYLOAD) for path in files)
        return Listing(files, has_payload, issues, apple_doubles=apple_doubles(files))

    def open_tag_file(self, path: RelativePath) -> BinaryIO:
        """Return the tag file that was set aside, at its start. Raises ``OSError`` where it could not be."""
        name = f"{self._base}{path}"
        kept = self._tag_files.get(self._bag.layout.hard_links.get(name, name), _NOT_SET_ASIDE)
        if isinstance(kept, OSError):
            raise kept
        kept.seek(0)
        return kept

    def digest(self, wanted: Wanted) -> Iterator[tuple[RelativePath, Observed]]:
        """Walk the archive again and digest each file of the bag as it comes by.

        Files that do not come by again are unreadable: the archive has changed since.
        """
        left = set(self._files)
        why = "the archive was changed while it was read"
        try:
            for path, observed in self._digest_members(wanted):
                if path in left:
                    left.remove(path)
                    yield path, observed
        except members.ArchiveError as failure:
            why = str(failure)
        for path in left:
            yield path, Unreadable(why)

    def _digest_members(self, wanted: Wanted) -> Iterator[tuple[RelativePath, Observed]]:
        buffer = bytearray(_BUFFER_BYTES)
        links: dict[str, list[RelativePath]] = {}
        for name, target in self._bag.layout.hard_links.items():
            links.setdefault(target, []).append(RelativePath(self._inside(name)))
        for member, opener in walk_archive(self._path, self._kind, self._limits):
            if member.kind is members.MemberKind.FILE and self._is_inside(member.name):
                paths = [RelativePath(self._inside(member.name)), *links.get(member.name, ())]
                algorithms = tuple({name: None for path in paths for name in wanted(path)})
                observed = _observe(opener, member.size, algorithms, buffer)
                for path in paths:
                    yield path, observed

    def _set_aside(self, member: members.ArchiveMember, opener: members.Opener) -> None:
        if not _may_be_tag_file(member.name):
            return
        self._tag_bytes += member.size
        if self._tag_bytes > _MOST_TAG_BYTES:
            self._tag_files[member.name] = OSError(f"the tag files are larger than {_MOST_TAG_BYTES:,} bytes")
            return
        kept = BytesIO()
        try:
            with opener() as stream:
                copyfileobj(stream, kept)
        except OSError as failure:
            self._tag_files[member.name] = failure
        else:
            self._tag_files[member.name] = kept

    def _is_inside(self, name: str) -> bool:
        return name.startswith(self._base)

    def _inside(self, name: str) -> str:
        return name.removeprefix(self._base)

    def _placed(self, issue: Issue) -> Issue:
        return issue if issue.path is None else replace(issue, path=RelativePath(self._inside(issue.path)))

    def _about_layout(self) -> Iterator[Issue]:
        yield from self._bag.remarks()
        if beside := self._bag.beside:
            names = ", ".join(map(printable, sorted(beside)))[:300]
            yield codes.error(codes.ARCHIVE_LAYOUT, f"Beside the bag the archive holds {names}.")


def _may_be_tag_file(name: str) -> bool:
    """Say whether the member is a tag file, wherever the bag lies in the archive: that is not known yet."""
    folders = name.split("/")[1:-1]
    is_near = len(folders) < MOST_DEPTH and PAYLOAD[:-1] not in folders
    return is_near and _TAG_FILE.fullmatch(name) is not None


def _nothing(*issues: Issue) -> Listing:
    return Listing(frozenset(), payload_folder=False, issues=issues, whole=False)


def _observe(
    opener: members.Opener, size: int, algorithms: tuple[BagAlgorithm, ...], buffer: bytearray
) -> Observed:
    if not algorithms:
        return Digested(size, {})
    try:
        with opener() as stream:
            return Digested(*digests_of_stream(stream, algorithms, buffer))
    except OSError as failure:
        return Unreadable(failure.strerror or str(failure))
