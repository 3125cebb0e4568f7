"""What is to be adopted, for which collection, and how much of it in one run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flows.adoption.candidates import AdoptionCandidate, FoundEntry, candidates_in
from flows.installation.settings import Settings
from flows.installation.store_settings import FolderStoreSettings
from preservation.errors import ConfigurationError, NotFoundError
from preservation.model.identifiers import CollectionName, collection_name
from preservation.model.paths import is_utf8, printable
from preservation.settling.terms import SettlingTerms


class Holding(Protocol):
    """What was kept elsewhere until now: a folder, or a place in a bucket. It is only read."""

    def candidates(self, terms: SettlingTerms) -> Iterator[FoundEntry]:
        """Yield what lies there; no payload is read. Raises ``StorageError`` where it cannot be listed."""

    def fetch(self, candidate: AdoptionCandidate) -> None:
        """Bring a candidate to its path. Raises ``PreservationError`` and ``OSError`` where it cannot be."""

    def let_go(self, candidate: AdoptionCandidate) -> None:
        """Remove what was fetched of a candidate, once it ended for good. Raises ``OSError``."""

    def close(self) -> None:
        """Let others have what was locked for it."""


@dataclass(frozen=True, slots=True)
class FolderHolding:
    """A folder or file. ``one`` takes it as one object, called ``name`` where given."""

    place: Path
    one: bool = False
    name: str = ""

    def candidates(self, terms: SettlingTerms) -> Iterator[FoundEntry]:
        """Yield what lies in the folder: see ``Holding``."""
        return candidates_in(self.place, terms, one=self.one, name=self.name)

    def fetch(self, candidate: AdoptionCandidate) -> None:
        """Do nothing: it is read where it lies."""

    def let_go(self, candidate: AdoptionCandidate) -> None:
        """Do nothing: it stays where it lies."""

    def close(self) -> None:
        """Do nothing: nothing is locked."""


@dataclass(frozen=True, slots=True)
class AdoptionRequest:
    """A holding, and the collection that its objects are for.

    ``budget`` is how many bytes are taken at most; one object that is larger is taken alone.
    """

    holding: Holding
    collection: CollectionName
    budget: int | None = None


def named_collection(collection: str) -> CollectionName:
    """Return the name of a collection. Raises ``ConfigurationError`` where it can be none."""
    try:
        return collection_name(collection)
    except ValueError as error:
        raise ConfigurationError(f"--collection: {error}") from error


def folder_holding(place: Path, settings: Settings, *, one: bool = False, name: str = "") -> FolderHolding:
    """Return what lies at ``place``, whose own links are followed.

    Raises ``NotFoundError`` where nothing lies there, ``ConfigurationError`` where the options contradict
    each other, or the place is part of this installation.
    """
    if name and not one:
        raise ConfigurationError("--as names one object; take the folder as one: --one --as NAME")
    try:
        found = place.resolve(strict=True)
    except OSError as error:
        raise NotFoundError(
            f"{printable(str(place))}: there is no such folder or file ({error.strerror}); mount its disk, "
            "or check the path"
        ) from error
    if not is_utf8(str(found)):
        raise ConfigurationError(
            f"{printable(str(found))}: that path is not UTF-8; mount it under another one"
        )
    _require_foreign(found, settings)
    return FolderHolding(found, one, name)


def _require_foreign(place: Path, settings: Settings) -> None:
    """Raise ``ConfigurationError`` where the place, the installation and its stores lie in each other."""
    roots = [settings.store_root(one) for one in settings.store if isinstance(one, FolderStoreSettings)]
    roots += [area.root for area in settings.areas]
    for ours in (root.resolve() for root in roots):
        if place == ours or ours in place.parents or place in ours.parents:
            raise ConfigurationError(
                f"{printable(str(place))}: {printable(str(ours))}, which belongs to this installation, lies "
                "there or around it; name a folder that has nothing of it"
            )
