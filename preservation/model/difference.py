"""The difference between a version of an object and the one before, by the originals of both."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

import msgspec

from preservation.model.digests import HexDigest
from preservation.model.identifiers import PackageId
from preservation.model.paths import RelativePath, folded, path_order

Original: TypeAlias = tuple[RelativePath, HexDigest]
"""An original: its path, and the SHA-256 of its bytes."""


class ChangeKind(StrEnum):
    """What became of an original from one version to the next."""

    ADDED = "added"
    CHANGED = "changed"
    RENAMED = "renamed"
    REMOVED = "removed"


class FileChange(msgspec.Struct, frozen=True):
    """One original that is not as it was. ``before`` is its earlier path where it was renamed."""

    kind: ChangeKind
    path: RelativePath
    before: RelativePath | None = None


class VersionDifference(msgspec.Struct, frozen=True):
    """How a version differs from ``before``, which has so many originals.

    ``is_unrelated`` is true where the two have no original in common, neither by its bytes nor by its name.
    """

    before: PackageId
    originals: int
    added: int
    changed: int
    renamed: int
    removed: int
    is_unrelated: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """The originals that differ. ``originals`` is how many there were; ``same`` is the number in common."""

    files: tuple[FileChange, ...]
    originals: int
    same: int

    def of_kind(self, kind: ChangeKind) -> tuple[FileChange, ...]:
        """Return the changes of one kind, in the order of the paths."""
        return tuple(one for one in self.files if one.kind is kind)

    def since(self, before: PackageId) -> VersionDifference:
        """Return the difference in figures."""
        added, changed, renamed, removed = (len(self.of_kind(kind)) for kind in ChangeKind)
        return VersionDifference(
            before, self.originals, added, changed, renamed, removed, is_unrelated=not self.same
        )


def changes_between(
    before: Iterable[Original],
    now: Iterable[Original],
    says_what: Callable[[RelativePath], bool] = lambda _: True,
) -> Changes:
    """Return what changed. Both come in ``path_order``; only what differs is held.

    A name counts as in common only where it ``says_what`` the file is: manifests and descriptions are called
    alike in every object.
    """
    gone: list[Original] = []
    come: list[Original] = []
    changed: list[FileChange] = []
    originals = same = 0
    both = merge(
        ((path_order(path), 0, path, digest) for path, digest in before),
        ((path_order(path), 1, path, digest) for path, digest in now),
    )
    for _, entries in groupby(both, itemgetter(0)):
        (_, is_new, path, digest), *others = entries
        originals += not is_new
        if not others:
            (come if is_new else gone).append((path, digest))
            continue
        is_same = digest == others[0][-1]
        same += is_same or says_what(path)
        if not is_same:
            changed.append(FileChange(ChangeKind.CHANGED, path))
    renamed = _renamed(gone, come)
    same += len(renamed)
    for path, _ in come:
        kind = ChangeKind.RENAMED if path in renamed else ChangeKind.ADDED
        changed.append(FileChange(kind, path, renamed.get(path)))
    elsewhere = set(renamed.values())
    changed += (FileChange(ChangeKind.REMOVED, path) for path, _ in gone if path not in elsewhere)
    in_order = sorted(changed, key=lambda one: path_order(one.path))
    return Changes(tuple(in_order), originals, same)


def _renamed(gone: list[Original], come: list[Original]) -> dict[RelativePath, RelativePath]:
    """Return what came and has the bytes of what went, with its earlier path.

    Of several with the same bytes those belong together whose paths differ in case or accents only, then
    those that have the same name in another folder, then the first of each.
    """
    renamed: dict[RelativePath, RelativePath] = {}
    for likeness in (folded, _name, lambda _: ""):
        elsewhere = set(renamed.values())
        had = defaultdict[tuple[HexDigest, str], deque[RelativePath]](deque)
        for path, digest in gone:
            if path not in elsewhere:
                had[digest, likeness(path)].append(path)
        for path, digest in come:
            alike = had.get((digest, likeness(path)))
            if alike and path not in renamed:
                renamed[path] = alike.popleft()
    return renamed


def _name(path: str) -> str:
    return folded(path.rpartition("/")[2])


def changes_in_words(difference: VersionDifference) -> str:
    """Return how many files changed in which way: ``2 added, 1 removed``."""
    figures = {kind.value: getattr(difference, kind.value) for kind in ChangeKind}
    return ", ".join(f"{number:,} {word}" for word, number in figures.items() if number) or "the same files"
