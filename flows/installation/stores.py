"""Makes stores what they are: gives each its identity, where it is sure that the right place is there."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

from flows.installation.settings import Settings
from flows.installation.settings_file import write_store_identity
from flows.installation.store_kinds import STORE_KINDS
from flows.installation.store_settings import StoreSettings
from flows.installation.wiring import open_installation
from preservation.errors import ConfigurationError, PreservationError, UnavailableError
from preservation.model.identifiers import StoreIdentity, StoreName, new_store_identity
from preservation.model.layout import COMMITS
from preservation.model.paths import printable
from storage.guide.give import give_guide, is_guide
from storage.journal.exported import FOLDER
from storage.ports.catalogue import Catalogue
from storage.ports.stores import StoreMaker

_LOOKED_FOR = 20
"""So many of the packages that the catalogue has in a store are looked for in the place that is to be it."""


@dataclass(frozen=True, slots=True)
class MadeStore:
    """A store that has its identity; ``sentence`` says what was done.

    ``line`` is what the operator has to add to its ``[[store]]``, where ``muniment.toml`` cannot be written.
    """

    store: StoreName
    identity: StoreIdentity
    sentence: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class UnmadeStore:
    """A place that was left as it is, and why."""

    store: StoreName
    sentence: str


def init_stores(settings: Settings, names: Collection[StoreName] = ()) -> Iterator[MadeStore | UnmadeStore]:
    """Give the stores called ``names``, or every store, its identity; one that has it keeps it.

    The identity is kept in the store, in the catalogue and in ``muniment.toml``. A place gets one where it
    holds packages that the catalogue has in that store, or where it is empty, the catalogue has nothing in
    the store, and the operator named it. It is always a new one, for the earlier one may lie in the mount
    point below. Raises ``ConfigurationError`` where there is no such store,
    ``StorageError`` where the database does not answer.
    """
    if unknown := sorted(set(names) - set(settings.store_names)):
        raise ConfigurationError(
            f"there is no store {', '.join(unknown)}; add it as a [[store]] to muniment.toml, or name one "
            f"of: {', '.join(settings.store_names)}"
        )
    with open_installation(settings) as installation:
        for store in settings.store:
            name = StoreName(store.name)
            if names and name not in names:
                continue
            try:
                yield _made(store, settings, installation.catalogue, named=name in names)
            except PreservationError as error:
                yield UnmadeStore(name, str(error))


def _made(store: StoreSettings, settings: Settings, catalogue: Catalogue, *, named: bool) -> MadeStore:
    name = StoreName(store.name)
    maker: StoreMaker = STORE_KINDS[store.kind].maker(store, settings)
    found = maker.identity()
    recorded = {store.identity, catalogue.store_identities().get(name)} - {None}
    if found is not None and recorded == {found}:
        sentence = "it is the store that it was made as"
    elif found is not None and recorded and found not in recorded:
        raise UnavailableError(
            f"store {name}: what lies there is another store, of the identity {found}; mount the disk of "
            f"{name} there, or correct its place in muniment.toml"
        )
    else:
        why = _why_it_is_the_store(maker, catalogue, named=named)
        sentence = f"made a store, for {why}" if found is None else f"taken as it was made, for {why}"
    identity = found or new_store_identity()
    # Last of all the place itself: what is recorded and lies nowhere is made anew the next time.
    catalogue.keep_store_identity(name, identity)
    line = "" if write_store_identity(settings, name, identity) else f'identity = "{identity}"'
    if found is None:
        maker.make(identity)
        give_guide(STORE_KINDS[store.kind].store(store, settings, identity))
    return MadeStore(name, identity, sentence, line)


def _why_it_is_the_store(maker: StoreMaker, catalogue: Catalogue, *, named: bool) -> str:
    """Return why the place can be taken for the store. Raises ``StorageError`` where it cannot."""
    first = [kept.package for kept in islice(catalogue.packages(held_by=maker.name), _LOOKED_FOR)]
    if first:
        commits = {f"{package.prefix}/{commit}" for package in first for commit in COMMITS}
        held = sum(any(key in commits for key in maker.keys(package.prefix)) for package in first)
        if held:
            return f"it holds {held} of the {len(first)} packages that were looked for"
        raise UnavailableError(
            f"store {maker.name}: of the packages that the catalogue has in it, none of the first "
            f"{len(first)} is there, so this is not the store; mount its disk, then run it again. Where it "
            f"is lost for good, run first: muniment stores lost {maker.name}"
        )
    others = (key for key in maker.keys(None) if not key.startswith(f"{FOLDER}/") and not is_guide(key))
    stray = next(others, None)
    if stray is not None:
        raise UnavailableError(
            f"store {maker.name}: the catalogue has nothing in it, and the place is not empty "
            f"({printable(stray)}); name an empty folder or prefix in muniment.toml"
        )
    if not named:
        raise UnavailableError(
            f"store {maker.name}: the catalogue has nothing in it, so nothing shows whether this is the "
            f"place; see that its disk is mounted, then run: muniment stores init {maker.name}"
        )
    return "it is empty and was named"
