"""An old holding in a bucket: what its keys make up, and each object fetched while it is worked on.

Bytes are read from the bucket once; from then on the local copy is the drop.
"""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from flows.adoption.candidates import (
    AdoptionCandidate,
    CandidateKind,
    FoundEntry,
    LeftOut,
    is_harmless,
    lies_in,
)
from flows.adoption.former_store import PACKAGE_MARK
from flows.inboxes.bucket.download import copy_object, each
from flows.inboxes.bucket.keys import fault_of_object
from flows.inboxes.shelf import is_name, make_durable
from flows.installation.disk_space import require_room_for_drop
from flows.submission.drop import BESIDE, TAKEN, name_of_file, object_called
from preservation.bagit.declaration import BAGIT_TXT
from preservation.bagit.litter import is_litter
from preservation.errors import ConfigurationError, SourceChangedError, UnavailableError
from preservation.files.lock import locked
from preservation.files.tree import make_folders, remove_tree
from preservation.manifests.names import sidecars_beside
from preservation.model.digests import HexDigest
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey, path_order, printable, quoted
from preservation.settling.drops import Drop, Listed, PassedOver, drops_among
from preservation.settling.terms import SettlingTerms
from storage.ports.drop_buckets import DropBucket, DroppedObject
from storage.rebuild.store_versions import version_in

_NAMED: Final = 3
_SIGNATURE: Final = "signature"
_ARRIVING: Final = "arriving"
_MOST_STRAYS: Final = 1_000
"""So many keys that cannot be paths are named; there may be any number of them."""

_LEVELS: Final = 4
"""The commit of a package lies below collection, object and version."""


@dataclass(slots=True)
class _Unit:
    """What was listed of one object to be: of a bag, or of what lies in a drop and in no bag."""

    files: int = 0
    bytes: int = 0
    signature: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    fault: str = ""
    named: list[str] = field(default_factory=list)
    loose: int = 0

    def take(self, found: DroppedObject, longest_key: int) -> None:
        """Count an object."""
        self.fault = self.fault or fault_of_object(found, found.key, longest_key)
        if found.key.endswith("/"):
            return
        self.files += 1
        self.bytes += found.size
        line = f"{found.key}\0{found.size}\0{found.etag}\0{found.modified.isoformat()}\0"
        self.signature.update(line.encode("utf-8", "surrogateescape"))
        if not is_litter(found.key):
            self.loose += 1
            if len(self.named) < _NAMED:
                self.named.append(found.key)

    def join(self, other: "_Unit") -> None:
        """Count what another one has, too."""
        self.fault = self.fault or other.fault
        self.files += other.files
        self.bytes += other.bytes
        self.signature.update(other.signature.digest())


class BucketHolding:
    """What lies in ``bucket``, which is only listed and read. ``folder`` holds what is being adopted.

    Memory holds a name, and a few numbers, of each object to be; no key of a file.
    """

    def __init__(self, bucket: DropBucket, folder: Path, threads: int) -> None:
        self._bucket = bucket
        self._folder = folder
        self._threads = threads
        self._names: defaultdict[tuple[str, ...], dict[str, bool]] = defaultdict(dict)
        self._bags = set[str]()
        self._objects = set[str]()
        self._strays: dict[str, None] = {}
        self._lock = ExitStack()
        self._is_alone = False

    def candidates(self, terms: SettlingTerms) -> Iterator[FoundEntry]:
        """List the bucket twice, and yield what its keys make up, as ``candidates_in`` does of folders.

        Raises ``ConfigurationError`` where a store of Muniment lies there, or the place is a bag itself,
        ``StorageError`` as the bucket does.
        """
        levels = terms.grouping + 1
        for found in self._bucket.list(""):
            self._take_names(found.key, levels)
        if self._names[()].get(BAGIT_TXT) is False:
            raise ConfigurationError(f"{self._location('')}: it is a bag itself; name the place above it")
        self._bags = {bag for bag in self._bags if not lies_in(bag, self._bags)}
        units: defaultdict[str, _Unit] = defaultdict(_Unit)
        for found in self._bucket.list(""):
            units[self._unit_of(found.key, levels)].take(found, self._bucket.longest_key)
        below: defaultdict[str, list[str]] = defaultdict(list)
        for bag in sorted(self._bags):
            below["/".join(bag.split("/")[:levels])].append(bag)
        for key in self._strays:
            yield self._left(key, "such a key cannot be a path; copy it under another name")
        root = Path()
        for entry in drops_among(self._below(root), root, terms, self._below):
            if isinstance(entry, PassedOver):
                refused = not is_harmless(entry)
                yield LeftOut(self._location(entry.path.as_posix()), f"{entry.sentence}.", refused)
            else:
                yield from self._candidates_of(entry, units, below[entry.path.as_posix()])

    def fetch(self, candidate: AdoptionCandidate) -> None:
        """Copy an object's files out of the bucket, unless they are there, whole and as they were listed.

        Raises ``SourceChangedError`` where an object is another one now, ``StorageError`` where the bucket is
        away, there is no room, or another process fetches from the place, and ``OSError``.
        """
        self._require_alone()
        place = candidate.path.parent.parent
        mark, arriving = place / _SIGNATURE, place / _ARRIVING
        if candidate.path.exists() and mark.exists() and mark.read_text() == candidate.signature:
            return
        _remove(place)
        require_room_for_drop(candidate.bytes, self._folder)
        make_folders(arriving)
        stopped = threading.Event()

        def fetch_one(wanted: tuple[Path, DroppedObject]) -> None:
            target, dropped = wanted
            make_folders(target.parent)
            copy_object(self._bucket, dropped, target, stopped)

        each(self._wanted(candidate, arriving), fetch_one, self._threads, stopped)
        if not (arriving / candidate.path.name).exists():
            raise SourceChangedError(f"{candidate.place}: it is not there any more; run the command again")
        make_durable(place)
        mark.write_text(candidate.signature)
        arriving.rename(place / TAKEN)

    def let_go(self, candidate: AdoptionCandidate) -> None:
        """Remove the local copy of an object that ended for good. Raises ``OSError``."""
        _remove(candidate.path.parent.parent)

    def close(self) -> None:
        """Let another process fetch from the place."""
        self._lock.close()
        self._is_alone = False

    def _require_alone(self) -> None:
        """Lock the folder of this place until this is closed. Raises ``UnavailableError`` and ``OSError``."""
        if self._is_alone:
            return
        make_folders(self._folder)
        if not self._lock.enter_context(locked(self._folder / "lock", wait=False)):
            raise UnavailableError(
                f"{self._location('')}: another process adopts from there; run it again when it has ended"
            )
        self._is_alone = True

    def _take_names(self, key: str, levels: int) -> None:
        """Take note of the names of a key down to the drop that it is in, and of a bag that it declares."""
        names = key.removesuffix("/").split("/")
        if len(names) == _LEVELS and names[-1] in COMMITS and self._is_package(names[:-1]):
            raise ConfigurationError(
                f"{self._location('')}: packages of Muniment lie there, and are adopted in place: add it as "
                "a [[store]] to muniment.toml, then run this again"
            )
        if not all(map(is_name, names[:levels])):
            if len(self._strays) < _MOST_STRAYS:
                self._strays[key] = None
            return
        for depth, name in enumerate(names[:levels]):
            above = self._names[tuple(names[:depth])]
            above[name] = above.get(name, False) or depth < len(names) - 1 or key.endswith("/")
        if len(names) == levels and not key.endswith("/"):
            self._objects.add(key)
        if names[-1] == BAGIT_TXT and len(names) > levels:
            self._bags.add("/".join(names[:-1]))

    def _is_package(self, names: list[str]) -> bool:
        """Return whether a folder is a version that Muniment wrote. A bag of anybody may be called so."""
        info = StoreKey("/".join([*names, "bag-info.txt"]))
        return version_in(names[-1]) is not None and PACKAGE_MARK in (self._bucket.read(info) or b"")

    def _unit_of(self, key: str, levels: int) -> str:
        """Return the bag that a key lies in, or else the drop."""
        names = key.split("/")
        for depth in range(levels, len(names)):
            if (bag := "/".join(names[:depth])) in self._bags:
                return bag
        return "/".join(key.removesuffix("/").split("/")[:levels])

    def _below(self, folder: Path) -> Listed:
        return sorted(self._names[folder.parts].items(), key=lambda entry: path_order(entry[0]))

    def _candidates_of(self, drop: Drop, units: dict[str, _Unit], bags: list[str]) -> Iterator[FoundEntry]:
        key = drop.path.as_posix()
        beside = units.get(key, _Unit())
        if not self._names[drop.path.parent.parts][drop.path.name]:
            for name in sidecars_beside(drop.path.name):
                if (sidecar := units.get(drop.path.with_name(name).as_posix())) is not None:
                    # A manifest that is mended is a reason to look at its file again.
                    beside.signature.update(sidecar.signature.digest())
        if not bags or bags == [key]:
            yield self._named(key, drop.groups, beside, is_bag=bool(bags))
            return
        if len(bags) == 1 and not beside.loose:
            # It is all that there is, besides litter: the drop is that bag, as intake has it.
            beside.join(units[bags[0]])
            yield self._named(key, drop.groups, beside, is_bag=True)
            return
        for bag in bags:
            groups = (*drop.groups, drop.path.name, *bag.split("/")[len(drop.path.parts) : -1])
            yield self._named(bag, groups, units[bag], is_bag=True)
        if beside.loose:
            more = f" and {beside.loose - len(beside.named):,} more" if beside.loose > _NAMED else ""
            names = ", ".join(map(quoted, beside.named))
            yield self._left(
                key, f"beside its bags lie {names}{more}, which no bag has; move them to a folder"
            )

    def _named(self, key: str, groups: tuple[str, ...], unit: _Unit, *, is_bag: bool) -> FoundEntry:
        name = key.rpartition("/")[2]
        above = self._names[tuple(key.split("/")[:-1])]
        is_folder = is_bag or above[name]
        try:
            named = object_called(groups, name if is_folder else name_of_file(name))
        except ValueError as error:
            return self._left(key, str(error))
        if is_folder and key in self._objects:
            return self._left(key, "it is the name of an object, and others lie below it; copy one elsewhere")
        if unit.fault or not unit.files:
            return self._left(key, unit.fault or "there is nothing in it but folders")
        kind = CandidateKind.FOLDER if is_folder else CandidateKind.FILE
        kind = CandidateKind.BAG if is_bag else kind
        place = self._folder / hashlib.sha256(self._bucket.location(StoreKey(key)).encode()).hexdigest()[:32]
        return AdoptionCandidate(
            place / TAKEN / name,
            named,
            kind,
            f"a {kind.value}",
            unit.files,
            unit.bytes,
            HexDigest(unit.signature.hexdigest()),
            self._location(key),
            key,
        )

    def _wanted(self, candidate: AdoptionCandidate, arriving: Path) -> Iterator[tuple[Path, DroppedObject]]:
        """Yield each object of a candidate, and of manifests of one file that lie beside it, and where to."""
        key, name = candidate.key, candidate.path.name
        if candidate.kind is CandidateKind.FILE:
            above = key.removesuffix(name)
            for beside in ("", *sidecars_beside(name)):
                found = self._bucket.find(StoreKey(f"{above}{beside or name}"))
                if found is not None:
                    folder = arriving if not beside else arriving.parent / BESIDE
                    yield folder / (beside or name), found
            return
        seen = _Unit()
        for found in self._bucket.list(f"{key}/"):
            # Others write there: what came since the plan may be called as no file can be.
            seen.take(found, self._bucket.longest_key)
            if seen.fault:
                raise SourceChangedError(f"{candidate.place}: since it was listed, {seen.fault}")
            if not found.key.endswith("/"):
                yield arriving / name / found.key.removeprefix(f"{key}/"), found
        if seen.files and (seen.files, seen.bytes) != (candidate.files, candidate.bytes):
            raise SourceChangedError(
                f"{candidate.place}: other files lie there than were listed; run the command again"
            )

    def _left(self, key: str, sentence: str) -> LeftOut:
        return LeftOut(self._location(key), f"{sentence}.", refused=True)

    def _location(self, key: str) -> str:
        return printable(self._bucket.location(StoreKey(key)))


def _remove(place: Path) -> None:
    with suppress(FileNotFoundError):
        remove_tree(place)
