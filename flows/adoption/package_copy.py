"""One package of another installation into the stores that its policy here asks for, byte for byte."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flows.adoption.former_journal import FormerJournal
from flows.adoption.package_outcomes import AdoptedPackage, InterruptedPackage
from flows.adoption.package_plan import RefusedPackage
from flows.adoption.package_record import adoption_events, registration_of
from flows.archive.copy_package import copied_event
from flows.archive.shortfall import Shortfalls
from flows.installation.disk_faults import translated_faults
from flows.installation.scratch import scratch_folder
from flows.installation.wiring import Installation, now
from flows.submission.answer import discarded_everywhere
from preservation.errors import AlreadyExistsError, IntegrityError, PreservationError
from preservation.model.identifiers import PackageId
from preservation.model.packages import Replica
from storage.fill import fill
from storage.ports.catalogue import Reserved
from storage.ports.stores import Store
from storage.rebuild.lists import VersionLists, lists_of
from storage.rebuild.version import files_of, stated_version
from storage.replication.occupation import Occupation, occupied_sentence, what_lies_in
from storage.replication.outcomes import Verified
from storage.replication.progress import Listener


def copy_former_package(
    package: PackageId,
    source: Store,
    former: FormerJournal,
    installation: Installation,
    progress: Listener,
) -> AdoptedPackage | RefusedPackage | InterruptedPackage:
    """Copy a version out of ``source`` into every store for its collection, and register it.

    Each file is compared with the version's own lists as it is read, and read back from where it rests.
    Fewer copies or sites than the policy asks for is an interruption; what was copied stays and is gone on
    with.
    """
    try:
        with (
            translated_faults(installation.settings),
            scratch_folder(installation.settings.processing, ".adopting") as scratch,
            lists_of(package, source, former.digests.get(package, ()), scratch) as lists,
        ):
            return _FormerPackage(lists, former, installation, scratch).kept(progress)
    except (IntegrityError, AlreadyExistsError) as error:
        return RefusedPackage(package, str(error))
    except PreservationError as error:
        return InterruptedPackage(package, str(error))


class _FormerPackage:
    """A version that is not kept here yet, as its own lists state it."""

    def __init__(
        self, lists: VersionLists, former: FormerJournal, installation: Installation, scratch: Path
    ) -> None:
        self._lists = lists
        self._former = former
        self._installation = installation
        self._scratch = scratch
        self._version = stated_version(lists)
        self._damages: list[str] = []
        self._faults: list[str] = []

    @property
    def _package(self) -> PackageId:
        return self._lists.package

    def kept(self, progress: Listener) -> AdoptedPackage | InterruptedPackage:
        """Copy it and register it. Raises ``IntegrityError`` where it is damaged, and takes it back."""
        self._reserve()
        try:
            replicas = tuple(self._copied(progress))
        except IntegrityError:
            self._take_back()
            raise
        registration = registration_of(self._lists, self._version, replicas)
        short = Shortfalls(self._installation).of(registration, [one.store for one in replicas])
        lacking = ". ".join([*self._faults, *([] if short is None else [short.sentence])])
        if short is not None:
            return InterruptedPackage(self._package, lacking)
        events = (
            *adoption_events(registration, self._lists, self._former),
            *(copied_event(self._package, one, "lacked it") for one in replicas),
        )
        self._installation.catalogue.register(registration, files_of(self._lists), events)
        return AdoptedPackage(self._package, tuple(one.store for one in replicas), lacking)

    def _reserve(self) -> None:
        """Reserve its number, so that no submission gets it.

        Raises ``AlreadyExistsError``, also where something lies there in a store that is not of an earlier
        try, and ``StorageError`` where a store is away: then it is not known whether something does.
        """
        catalogue, version = self._installation.catalogue, self._version
        if self._package not in set(catalogue.reserved()):
            policy = self._installation.policy_of(self._package.object.collection)
            for store in self._installation.stores_for(policy):
                if what_lies_in(store, self._package) is Occupation.UNCOMMITTED:
                    raise AlreadyExistsError(occupied_sentence(store, self._package))
        latest = catalogue.latest(self._package.object)
        doubted = None if latest is None else latest.package
        reserved = catalogue.reserve(version.submission, self._package.object, version.fingerprint, doubted)
        if reserved == Reserved(self._package):
            return
        catalogue.release(version.submission)
        if isinstance(reserved, Reserved) and reserved.package.version < self._package.version:
            raise AlreadyExistsError(
                f"{self._package}: {reserved.package} is missing before it, and numbers are given without a "
                f"gap: find {reserved.package} in another store of that installation, put it back, and run "
                "this again; or adopt it in place, in a store of ours; or restore it from there, "
                "and preserve it by another name"
            )
        raise AlreadyExistsError(
            f"{self._package}: the next version of that object here is {reserved.package.version}; keep it "
            "under another name: restore it from there, and preserve that"
        )

    def _copied(self, progress: Listener) -> Iterator[Replica]:
        """Copy it into each store. Raises ``IntegrityError`` where it is not as its lists have it."""
        installation = self._installation
        policy = installation.policy_of(self._package.object.collection)
        for store in installation.stores_for(policy):
            outcome = fill(
                self._package,
                store,
                [self._lists.store],
                partial(files_of, self._lists),
                self._lists.tag_digests,
                purger=installation.purgers[store.name],
                scratch=self._scratch,
                threads=installation.settings.work.threads,
                clock=now,
                damaged=lambda _store, sentence: self._damages.append(sentence),
                progress=progress,
            )
            if self._damages:
                more = f". And {len(self._damages) - 1:,} more of its files" if self._damages[1:] else ""
                raise IntegrityError(f"{self._damages[0]}{more}")
            if isinstance(outcome, Verified):
                yield outcome.replica
            else:
                self._faults.append(outcome.reason.rstrip("."))

    def _take_back(self) -> None:
        """Remove what was copied and not committed; the number is free again where nothing stayed."""
        named = self._installation.store_names_for(self._package.object.collection)
        if discarded_everywhere(self._package, self._installation, lambda store: store in named):
            self._installation.catalogue.release(self._version.submission)
