"""From a listing of a bucket's keys to drops, by the rules of folders; no key of a drop is held in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from flows.inboxes.bucket.keys import INBOX, DropPlace, fault_of_object
from flows.inboxes.shelf import is_name
from flows.submission.drop import name_of_file, object_called
from preservation.manifests.names import sidecars_beside
from preservation.model.identifiers import CollectionName, ObjectName
from preservation.model.paths import path_order, printable
from preservation.settling.drops import Drop, Listed, PassedOver, PassedOverFor, drops_among
from preservation.settling.tally import Look, Tally
from preservation.settling.terms import SettlingTerms
from storage.ports.drop_buckets import DroppedObject

TermsOf: TypeAlias = Callable[[str], SettlingTerms | str]
"""Returns the terms of a collection's inbox, or why nothing in it is taken."""

_MOST_NAMED: Final = 1_000
"""So many keys that are in no drop are named; there may be any number of them."""


@dataclass(frozen=True, slots=True)
class ListedDrop:
    """A drop as it was listed, complete or not."""

    place: DropPlace
    object_name: ObjectName
    terms: SettlingTerms
    look: Look


@dataclass(slots=True)
class _Entry:
    """What was listed so far of a possible drop. ``fault`` says why it cannot be a file or folder."""

    tally: Tally
    is_object: bool = False
    is_folder: bool = False
    fault: str = ""


class BucketListing:
    """Collects the objects below ``inbox/`` in any order, then returns the drops they make up."""

    def __init__(self, terms_of: TermsOf, longest_key: int) -> None:
        self._terms_of = terms_of
        self._longest_key = longest_key
        self._terms: dict[str, SettlingTerms | str] = {}
        self._names: dict[tuple[str, ...], dict[str, bool]] = {}
        self._entries: dict[tuple[str, ...], _Entry] = {}
        self._strays: dict[str, PassedOver] = {}
        self._last: tuple[str, _Entry] | None = None

    def take(self, found: DroppedObject) -> None:
        """Count an object."""
        path = found.key.removeprefix(INBOX)
        if self._last is not None and path.startswith(self._last[0]):
            # Keys come in order, those of one drop together.
            self._count(self._last[1], path[len(self._last[0]) :], found)
            return
        collection, _, below = path.partition("/")
        if not below:
            if path and not path.endswith("/"):
                self._pass_over(path, "it lies beside the collections' folders; move it into one")
            return
        terms = self._known_terms(collection)
        if isinstance(terms, str):
            self._pass_over(collection, terms)
            return
        names = below.removesuffix("/").split("/")
        above = names[: terms.grouping + 1]
        if not all(map(is_name, above)):
            self._pass_over(path, "such a key cannot be a path; give it another name")
            return
        is_folder = len(names) > len(above) or below.endswith("/")
        folder: tuple[str, ...] = (collection,)
        for depth, name in enumerate(above):
            names_there = self._names.setdefault(folder, {})
            names_there[name] = names_there.get(name, False) or depth < len(above) - 1 or is_folder
            folder = (*folder, name)
        if len(above) <= terms.grouping:
            return
        entry = self._entries.get(folder)
        if entry is None:
            entry = self._entries[folder] = _Entry(Tally(above[-1], terms))
        start = f"{'/'.join(folder)}/"
        if is_folder:
            self._last = start, entry
            self._count(entry, path[len(start) :], found)
        else:
            entry.is_object = True
            entry.fault = entry.fault or fault_of_object(found, "", self._longest_key)
            entry.tally.take_object("", found.size, found.etag, found.modified)

    def drops(self) -> Iterator[ListedDrop | PassedOver]:
        """Yield what was listed, by collection; what is passed over has its path below ``inbox/``.

        To be called once, when all is counted.
        """
        yield from self._strays.values()
        for (collection, *deeper), _ in sorted(self._names.items()):
            terms = self._terms[collection]
            if deeper or isinstance(terms, str):
                continue
            root = Path(collection)
            for entry in drops_among(self._below(root), root, terms, self._below):
                yield self._listed(entry, terms) if isinstance(entry, Drop) else entry

    def _known_terms(self, collection: str) -> SettlingTerms | str:
        if collection not in self._terms:
            self._terms[collection] = self._terms_of(collection)
        return self._terms[collection]

    def _pass_over(self, path: str, sentence: str) -> None:
        if path not in self._strays and len(self._strays) < _MOST_NAMED:
            # Made printable: a path that leads elsewhere must not become a ``Path``.
            self._strays[path] = PassedOver(Path(printable(path)), PassedOverFor.STRAY, sentence)

    def _count(self, entry: _Entry, below: str, found: DroppedObject) -> None:
        entry.is_folder = True
        entry.fault = entry.fault or fault_of_object(found, below or "/", self._longest_key)
        if below:
            entry.tally.take_object(below, found.size, found.etag, found.modified)

    def _below(self, folder: Path) -> Listed:
        names = self._names.get(folder.parts, {})
        return sorted(names.items(), key=lambda entry: path_order(entry[0]))

    def _listed(self, drop: Drop, terms: SettlingTerms) -> ListedDrop | PassedOver:
        entry = self._entries[drop.path.parts]
        there = self._names[drop.path.parent.parts]
        name = drop.path.name
        sidecars = [one for one in sidecars_beside(name) if entry.is_object and there.get(one) is False]
        for sidecar in sidecars:
            beside = self._entries[(*drop.path.parent.parts, sidecar)]
            entry.tally.take_beside(sidecar, beside.tally)
            entry.fault = entry.fault or beside.fault
        if entry.is_object and entry.is_folder:
            sentence = "it is the name of an object, and others lie below it; give one of them another name"
            return PassedOver(drop.path, PassedOverFor.UNREACHABLE, sentence)
        if entry.fault:
            return PassedOver(drop.path, PassedOverFor.UNREACHABLE, entry.fault)
        try:
            named = object_called(drop.groups, name_of_file(name) if entry.is_object else name)
        except ValueError as error:
            sentence = f"{error}; give it another name"
            return PassedOver(drop.path, PassedOverFor.UNNAMEABLE, sentence)
        signs = [f"{name}{ending}" for ending in terms.sentinels_beside]
        sentinels = tuple(Path(one) for one in signs if there.get(one) is False)
        place = DropPlace(CollectionName(drop.path.parts[0]), drop.groups, name)
        look = entry.tally.look(is_folder=entry.is_folder, beside=sentinels)
        look = replace(look, sidecars_beside=tuple(map(Path, sidecars)))
        return ListedDrop(place, named, terms, look)
