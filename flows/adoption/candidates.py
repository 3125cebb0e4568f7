"""What lies in an old holding: which of it becomes which object, and what stays where it is, and why.

It is what an inbox would take as drops, with one addition: each bag that lies below a folder is an object.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import msgspec

from flows.submission.drop import name_of, object_called, object_of, outline_of, sidecars_of
from preservation.bagit.algorithms import payload_algorithms
from preservation.bagit.declaration import BAGIT_TXT
from preservation.bagit.litter import bag_below, has_declaration, is_litter
from preservation.errors import NotFoundError
from preservation.intake.former_fixity import bagging_date
from preservation.model.digests import HexDigest
from preservation.model.files import EntryKind, IrregularEntry
from preservation.model.identifiers import object_name
from preservation.model.paths import printable, quoted
from preservation.settling.drops import Drop, PassedOver, PassedOverFor, drops_in
from preservation.settling.terms import SettlingTerms
from preservation.survey.walk import TreeOutline, files_where, walk

_HARMLESS = frozenset(
    {PassedOverFor.HIDDEN, PassedOverFor.JUNK, PassedOverFor.SENTINEL, PassedOverFor.SIDECAR}
)
_NAMED = 3


class CandidateKind(StrEnum):
    """What a candidate is."""

    FOLDER = "folder"
    FILE = "file"
    BAG = "bag"


class AdoptionCandidate(msgspec.Struct, frozen=True):
    """What would become an object. ``described`` says more of its kind; ``signature`` changes with its files.

    ``place`` is where it lies, for people. In a bucket it lies under ``key``, and ``path`` is where it is
    fetched to.
    """

    path: Path
    object_name: str
    kind: CandidateKind
    described: str
    files: int
    bytes: int
    signature: HexDigest
    place: str
    key: str = ""


class LeftOut(msgspec.Struct, frozen=True, tag="left"):
    """What is not adopted; ``refused``: a person has to do something before it can be."""

    place: str
    sentence: str
    refused: bool


FoundEntry: TypeAlias = AdoptionCandidate | LeftOut


def candidates_in(
    place: Path, terms: SettlingTerms, *, one: bool = False, name: str = ""
) -> Iterator[FoundEntry]:
    """Yield what lies in ``place``, in the order of the names; no payload is read.

    ``one`` takes the whole place as one object, called ``name`` where given; a bag and a file are that in any
    case. Raises ``UnavailableError`` where the place cannot be listed.
    """
    if one or not place.is_dir() or has_declaration(place):
        yield _candidate(place, name or name_of(place))
        return
    for entry in drops_in(place, terms):
        if isinstance(entry, PassedOver):
            yield LeftOut(printable(str(entry.path)), f"{entry.sentence}.", refused=not is_harmless(entry))
        else:
            yield from _candidates_of(entry)


def is_harmless(entry: PassedOver) -> bool:
    """Return whether what is passed over needs no person: it is no content, or goes with another entry."""
    return entry.reason in _HARMLESS


def _candidates_of(drop: Drop) -> Iterator[FoundEntry]:
    try:
        below = [] if not _is_folder(drop.path) or _is_one_bag(drop.path) else bags_below(drop.path)
        if below:
            for bag in below:
                groups = (*drop.groups, drop.path.name, *bag.relative_to(drop.path).parts[:-1])
                yield _named(bag, groups)
            yield from _beside(drop.path, below)
        else:
            yield _candidate(drop.path, object_of(drop))
    except ValueError as error:
        yield _left(drop.path, str(error))
    except OSError as error:
        yield _left(drop.path, f"it cannot be looked into ({error.strerror}); see to its permissions")


def bags_below(folder: Path) -> list[Path]:
    """Return the folders below ``folder`` that are bags, without those that lie in other bags.

    Raises ``OSError`` where it cannot be listed.
    """
    declared = files_where(folder, lambda path: path.rpartition("/")[2] == BAGIT_TXT)
    roots = {file.path.rpartition("/")[0] for file in declared}
    return [folder / root for root in sorted(roots) if not lies_in(root, roots)]


def lies_in(path: str, folders: Collection[str]) -> bool:
    """Return whether a path lies below one of ``folders``."""
    while path := path.rpartition("/")[0]:
        if path in folders:
            return True
    return False


def _named(bag: Path, groups: tuple[str, ...]) -> FoundEntry:
    try:
        return _candidate(bag, object_called(groups, bag.name))
    except ValueError as error:
        return _left(bag, str(error))


def _beside(folder: Path, bags: list[Path]) -> Iterator[LeftOut]:
    """Yield what lies below ``folder`` beside its bags: it belongs to none of their objects."""
    roots = {bag.relative_to(folder).as_posix() for bag in bags}
    beside = (entry.path for entry in walk(folder) if not lies_in(entry.path, roots))
    loose = (path for path in beside if not is_litter(path))
    first = list(islice(loose, _NAMED))
    number = len(first) + sum(1 for _ in loose)
    if number:
        more = f" and {number - len(first):,} more" if number > len(first) else ""
        names = ", ".join(map(quoted, first))
        yield _left(folder, f"beside its bags lie {names}{more}, which no bag has; put them into a folder")


def _candidate(path: Path, name: str) -> FoundEntry:
    try:
        object_name(name)
    except ValueError as error:
        return _left(path, str(error))
    try:
        mode = path.lstat().st_mode
        outline = outline_of(path)
        kind, described = _kind_of(path)
        signature = outline.signature if kind is not CandidateKind.FILE else _with_sidecars(path, outline)
    except (OSError, NotFoundError) as error:
        return _left(path, f"it cannot be looked into ({error})")
    if stat.S_ISLNK(mode):
        return _left(path, "it is a symbolic link, and none is followed; adopt what it leads to")
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        return _left(path, "it is neither a file nor a folder")
    if not outline.files and _is_empty(path):
        return _left(path, "there is nothing in it but folders")
    place = printable(os.fspath(path))
    return AdoptionCandidate(path, name, kind, described, outline.files, outline.bytes, signature, place)


def _with_sidecars(path: Path, outline: TreeOutline) -> HexDigest:
    """Return a signature that changes with a file and with the manifests of it that lie beside it."""
    beside = [outline_of(sidecar).signature for sidecar in sidecars_of(path)]
    if not beside:
        return outline.signature
    return HexDigest(hashlib.sha256("".join([outline.signature, *beside]).encode()).hexdigest())


def _kind_of(path: Path) -> tuple[CandidateKind, str]:
    if not _is_folder(path):
        return CandidateKind.FILE, "a file"
    root = path if has_declaration(path) else next(iter(bag_below(path) or ()), None)
    if not isinstance(root, Path):
        return CandidateKind.FOLDER, "a folder"
    names = ", ".join(sorted(payload_algorithms(root))) or "no manifest"
    return CandidateKind.BAG, f"a bag ({names}; {bagging_date(root) or 'undated'})"


def _is_one_bag(folder: Path) -> bool:
    """Return whether a folder is a bag, or holds one and nothing else."""
    return has_declaration(folder) or bag_below(folder) is not None


def _is_empty(folder: Path) -> bool:
    """Return whether there are folders alone below ``folder``: no file, and nothing that cannot be kept."""
    return all(
        isinstance(entry, IrregularEntry) and entry.kind is EntryKind.EMPTY_FOLDER for entry in walk(folder)
    )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _left(path: Path, sentence: str) -> LeftOut:
    return LeftOut(printable(os.fspath(path)), f"{sentence}.", refused=True)
