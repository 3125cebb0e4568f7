"""Drains a store that still works: what it has goes to others, and only then it leaves the catalogue."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.copy_package import fill_with, size_of
from flows.archive.fill import filling
from flows.archive.fill_outcomes import FilledReplica, LeftForLater, NotFilled
from flows.archive.fill_progress import FillProgress
from flows.archive.fill_request import Budget
from flows.archive.journal_seal import seal
from flows.archive.lost_store import removed_event
from flows.archive.shortfall import Shortfalls
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE, Installation, now, open_installation
from preservation.errors import ConfigurationError, NotFoundError, PreservationError
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.paths import printable
from storage.ports.catalogue import Registration
from storage.ports.stores import Store
from storage.presence import presence
from storage.rebuild.store_versions import packages_in
from storage.tag_digests import unlike


@dataclass(frozen=True, slots=True)
class Evacuation:
    """A store that is to be drained into the stores ``to``, or into those that the policies name.

    At most ``budget`` bytes are copied; with ``dry_run`` none, and nothing is changed.
    """

    store: StoreName
    to: tuple[StoreName, ...] = ()
    budget: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class StillNeeded:
    """A package of which the other stores do not have what its policy asks for, as far as was seen.

    Or one that lies in the store alone, for the catalogue has it not.
    """

    package: PackageId
    sentence: str


@dataclass(frozen=True, slots=True)
class EvacuatedStore:
    """A store that may be taken away: the other stores were just seen to have all ``packages`` of it."""

    store: StoreName
    packages: int


EvacuationOutcome: TypeAlias = FilledReplica | NotFilled | LeftForLater | StillNeeded | EvacuatedStore


def evacuate_store(
    settings: Settings, evacuation: Evacuation, progress: FillProgress | None = None
) -> Iterator[EvacuationOutcome]:
    """Copy every package of the store to others, look at all of them there, and strike the store.

    The look is that at what is kept already: tag files are read, sizes compared. The store is struck from the
    catalogue only where every package has what its policy asks for elsewhere, and no version lies in it that
    the catalogue lacks; nothing in it is touched.

    Raises:
        ConfigurationError: There is no such store, or packages are still written into it.
        UnavailableError: The store is away, or packages are copied between stores now.
        StorageError: The database does not answer.
    """
    _require_possible(settings, evacuation)
    with ExitStack() as opened:
        if not evacuation.dry_run:
            opened.enter_context(filling(settings))
        installation = opened.enter_context(open_installation(settings))
        store = next(one for one in installation.stores if one.name == evacuation.store)
        store.check()
        is_changed = False
        for one in _Evacuating(
            installation, evacuation, progress or FillProgress(evacuation.budget)
        ).outcomes():
            if isinstance(one, NotFilled) and one.damage and not evacuation.dry_run:
                raise_alarm(settings, integrity_alarm(f"store {one.store}", one.sentence, now()))
            is_changed |= isinstance(one, FilledReplica | EvacuatedStore) and not evacuation.dry_run
            yield one
        if is_changed:
            seal(installation)


class _Evacuating:
    """The evacuation of a store of an open installation."""

    def __init__(self, installation: Installation, evacuation: Evacuation, progress: FillProgress) -> None:
        self._installation = installation
        self._evacuation = evacuation
        self._progress = progress
        self._store = evacuation.store
        self._others = {one.name: one for one in installation.stores if one.name != self._store}
        self._cannot_take: set[StoreName] = set()
        self._shortfalls = Shortfalls(installation)

    def outcomes(self) -> Iterator[EvacuationOutcome]:
        budget = Budget(self._evacuation.budget)
        yield from self._away()
        for kept in self._held():
            for _ in self._lacking(kept):
                self._progress.expect(size_of(kept))
        for kept in self._held():
            for target in self._lacking(kept):
                if budget.allows(size_of(kept)):
                    dry_run = self._evacuation.dry_run
                    for one in fill_with(self._installation, kept, target, self._progress, dry_run=dry_run):
                        if isinstance(one, FilledReplica):
                            budget.spend(one.bytes)
                        yield one
        if budget.left:
            yield LeftForLater(budget.left, budget.left_bytes)
        elif self._evacuation.dry_run:
            yield from self._would_be_needed()
            yield from self._only_there()
        else:
            yield from self._ended()

    def _away(self) -> Iterator[NotFilled]:
        """Report the stores that cannot be drained into now, and leave them out."""
        for name, store in self._others.items():
            try:
                store.check()
            except PreservationError as error:
                self._cannot_take.add(name)
                if name in self._installation.settings.stores_in_use:
                    yield NotFilled(name, None, str(error))

    def _held(self) -> Iterator[Registration]:
        """Yield what the store has, in the order of registration: so a version follows what it relies on."""
        return self._installation.catalogue.packages(held_by=self._store)

    def _targets(self, kept: Registration) -> list[Store]:
        if self._evacuation.to:
            return [self._others[name] for name in self._evacuation.to]
        try:
            named = self._installation.store_names_for(kept.package.object.collection)
        except ConfigurationError:
            # The look at its end says of such a package that it has no policy.
            return []
        return [self._others[name] for name in named if name in self._others]

    def _lacking(self, kept: Registration) -> list[Store]:
        having = {replica.store for replica in kept.replicas}
        passed_over = having | self._cannot_take
        return [store for store in self._targets(kept) if store.name not in passed_over]

    def _would_be_needed(self) -> Iterator[StillNeeded]:
        for kept in self._held():
            having = {replica.store for replica in kept.replicas} | {one.name for one in self._targets(kept)}
            yield from self._needed(kept, having - {self._store})

    def _ended(self) -> Iterator[EvacuationOutcome]:
        """Look at every package in the other stores; strike the store where nothing of it is needed."""
        packages = needed = 0
        for kept in self._held():
            packages += 1
            for one in self._seen(kept):
                needed += isinstance(one, StillNeeded)
                yield one
        for stranger in self._only_there():
            needed += 1
            yield stranger
        if needed:
            return
        at, because = now(), "the store was evacuated; the other stores have what the policy asks for"
        self._installation.catalogue.forget_store(
            self._store,
            packages,
            at=at,
            by=SOFTWARE.name,
            because=because,
            event_of=lambda package: removed_event(package, self._store, at, SOFTWARE, because),
        )
        yield EvacuatedStore(self._store, packages)

    def _only_there(self) -> Iterator[StillNeeded]:
        """Yield what lies in the store as a version and is none of the catalogue: nothing else has it."""
        catalogue = self._installation.catalogue
        store = next(one for one in self._installation.stores if one.name == self._store)
        for found in packages_in(store):
            place = printable(store.location(found.package.prefix))
            try:
                kept = catalogue.package(found.package)
                if any(replica.store == self._store for replica in kept.replicas):
                    continue
                if found.is_committed and unlike(store, found.package, kept.tag_digests) == "":
                    continue
                what = f"{place} is not the {found.package} that is kept"
            except NotFoundError:
                what = f"the catalogue has no {found.package}, and it lies in {place}"
            except PreservationError as error:
                what = str(error).rstrip(".")
            yield StillNeeded(
                found.package,
                f"{what}: nothing of it was copied; adopt it (muniment adopt), or move that folder elsewhere",
            )

    def _seen(self, kept: Registration) -> Iterator[NotFilled | StillNeeded]:
        installation = self._installation
        try:
            found = presence(
                installation.catalogue,
                installation.journal,
                kept.package,
                tuple(self._others.values()),
                most_bytes=0,
                threads=installation.settings.work.threads,
            )
        except PreservationError as error:
            yield StillNeeded(kept.package, str(error))
            return
        for store, fault in found.faults.items():
            yield NotFilled(store, kept.package, fault, damage=True)
        for doubt in found.doubts:
            yield StillNeeded(kept.package, doubt)
        if not found.doubts:
            yield from self._needed(kept, set(found.sound))

    def _needed(self, kept: Registration, having: set[StoreName]) -> Iterator[StillNeeded]:
        try:
            shortfall = self._shortfalls.of(kept, having)
        except ConfigurationError as error:
            yield StillNeeded(kept.package, str(error))
            return
        if shortfall is not None:
            yield StillNeeded(kept.package, f"without store {self._store}, {shortfall.sentence}")


def _require_possible(settings: Settings, evacuation: Evacuation) -> None:
    for name in (evacuation.store, *evacuation.to):
        if name not in settings.store_names:
            raise ConfigurationError(
                f"there is no store {name}; there are: {', '.join(settings.store_names)}"
            )
    if unfit := [name for name in evacuation.to if name not in settings.stores_in_use]:
        raise ConfigurationError(f"store {unfit[0]} is retired: nothing is written into it; name another one")
    if evacuation.store in evacuation.to:
        raise ConfigurationError(f"store {evacuation.store} cannot be drained into itself; name another one")
    if evacuation.store in settings.stores_in_use and not evacuation.dry_run:
        raise ConfigurationError(
            f"store {evacuation.store}: packages are still written into it; add the line retired = true to "
            "its [[store]] in muniment.toml, then run this again"
        )
