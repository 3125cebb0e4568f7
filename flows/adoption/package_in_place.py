"""Packages of another installation in a store of ours: recorded where they are, once they were read."""

from pathlib import Path

from flows.adoption.former_journal import FormerJournal
from flows.adoption.package_outcomes import AdoptedPackage, InterruptedPackage
from flows.adoption.package_plan import RefusedPackage
from flows.adoption.package_record import adoption_events, registration_of
from flows.archive.shortfall import Shortfalls
from flows.installation.wiring import SOFTWARE, Installation, now
from preservation.errors import (
    AlreadyExistsError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    StorageError,
    UnavailableError,
)
from preservation.model.amounts import OnProgress
from preservation.model.identifiers import PackageId
from preservation.model.paths import printable
from storage.journal.exported import FOLDER
from storage.journal.keys import public_keys
from storage.journal.sealing import agreeing
from storage.ports.stores import Store, unwatched
from storage.rebuild.lists import lists_of
from storage.rebuild.store_versions import version_in
from storage.rebuild.version import files_of, stated_version
from storage.rebuild.versions import VersionAdder
from storage.restore.description import describe


def require_own_journal(store: Store, installation: Installation) -> None:
    """Raise ``ConfigurationError`` where ``store`` holds the journal of another installation.

    Nothing would be sealed any more, into any store: two journals in one store are what a forgery looks like.
    """
    try:
        agreeing(installation.journal, public_keys(installation.settings.keys), store)
    except IntegrityError as error:
        place = printable(store.location(FOLDER))
        raise ConfigurationError(
            f"store {store.name}: {place} is the journal of another installation, and a store has one; move "
            "that folder elsewhere and keep it, for it is evidence; then run this again, with --journal "
            f"FOLDER ({error})"
        ) from error


class InPlace:
    """Records versions that lie in ``store``, each once every byte of it was read back and matched."""

    def __init__(
        self,
        store: Store,
        former: FormerJournal,
        installation: Installation,
        scratch: Path,
        progress: OnProgress = unwatched,
    ) -> None:
        self._catalogue = installation.catalogue
        self._shortfalls = Shortfalls(installation)
        self._store = store
        self._former = former
        self._progress = progress
        self._scratch = scratch
        self._adder = VersionAdder(
            installation.catalogue,
            [store],
            {store.name: store},
            scratch,
            installation.settings.work.threads,
            now,
            SOFTWARE,
            progress=progress,
        )

    def adopt(self, package: PackageId) -> AdoptedPackage | RefusedPackage | InterruptedPackage:
        """Record a version that the catalogue lacks, or its replica here where it has the version."""
        try:
            self._require_adoptable(package)
            self._record(package)
        except (AlreadyExistsError, IntegrityError, NotFoundError) as error:
            return RefusedPackage(package, str(error))
        except StorageError as error:
            return InterruptedPackage(package, str(error))
        return self._adopted(package)

    def _require_adoptable(self, package: PackageId) -> None:
        """Raise where a version is on its way here, or relies on one that is not kept in this store.

        Raises ``IntegrityError`` and ``StorageError`` also where its lists cannot be had.
        """
        if package in set(self._catalogue.reserved()):
            # Recorded now, it would be kept with this replica alone, whatever others get.
            raise UnavailableError(
                f"{package}: its number is given to what is on its way here; let that end, then run it again"
            )
        keys = describe(self._store, package, scratch=self._scratch).keys
        for number in sorted(filter(None, {version_in(key.split("/")[2]) for key in keys.values()})):
            earlier = PackageId(package.object, number)
            if not self._has(earlier):
                raise IntegrityError(
                    f"{package}: it relies on {earlier}, which is not kept in store {self._store.name}; "
                    "adopt both from another store of that installation, or put that one back there"
                )

    def _has(self, package: PackageId) -> bool:
        try:
            replicas = self._catalogue.package(package).replicas
        except NotFoundError:
            return False
        return any(one.store == self._store.name for one in replicas)

    def _adopted(self, package: PackageId) -> AdoptedPackage:
        short = self._shortfalls.by_catalogue(self._catalogue.package(package))
        if short is None:
            return AdoptedPackage(package, (self._store.name,))
        lacking = f"{short.sentence}; run: muniment replicate --missing"
        return AdoptedPackage(package, (self._store.name,), lacking, is_short=True)

    def _record(self, package: PackageId) -> None:
        """Record a version with its replica here, all of which was read back, or the replica alone.

        Raises ``IntegrityError`` where it is not as its lists, or as the former journal, have it,
        ``AlreadyExistsError`` where its number is another's, ``StorageError`` where it could not be read.
        """
        try:
            known = self._catalogue.package(package)
        except NotFoundError:
            known = None
        recorded = self._former.digests.get(package, ()) if known is None else known.tag_digests
        with lists_of(package, self._store, recorded, self._scratch) as lists:
            if known is not None:
                replica = self._adder.read_back(lists, self._store)
                self._catalogue.add_replica(
                    package, replica, [self._adder.found(known.submission, package, replica)]
                )
                return
            version = stated_version(lists, self._progress)
            replica = self._adder.read_back(lists, self._store)
            kept = registration_of(lists, version, [replica])
            events = (
                *adoption_events(kept, lists, self._former),
                self._adder.found(kept.submission, package, replica),
            )
            self._catalogue.register(kept, files_of(lists), events)
