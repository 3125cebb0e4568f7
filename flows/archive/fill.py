"""Fills stores: writes into each the packages that it lacks, and those that are gone from it as a whole."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.copy_package import fill_with, size_of
from flows.archive.fill_outcomes import FilledReplica, LeftForLater, NotFilled, Shortfall
from flows.archive.fill_progress import FillProgress
from flows.archive.fill_request import Budget, FillRequest
from flows.archive.gone import GoneFrom
from flows.archive.journal_seal import seal
from flows.archive.presence import gone_replicas
from flows.archive.shortfall import Shortfalls
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, now, open_installation
from preservation.errors import (
    ConfigurationError,
    IntegrityError,
    PreservationError,
    UnavailableError,
)
from preservation.files.lock import locked
from storage.ports.catalogue import Registration
from storage.ports.stores import Store

FillOutcome: TypeAlias = FilledReplica | NotFilled | LeftForLater | Shortfall


def fill_installation(
    settings: Settings, request: FillRequest, progress: FillProgress | None = None
) -> Iterator[FillOutcome]:
    """Fill every store that is there; damage raises alarms. The plain request is a run of the job.

    A replica that stands in the catalogue and is gone as a whole is written anew, unless so many are gone
    that a person has to look first. Where only some files of one are gone it stays as it is. At the end come
    the packages that have less than their policies ask for. Nothing is written over anything.

    Raises:
        UnavailableError: Another run fills the stores.
        StorageError: The database does not answer.
        ConfigurationError: A setting or a policy is wrong, or there is no such store or collection.
    """
    _require_known(settings, request)
    with ExitStack() as opened:
        failed: list[str] = []
        run_failed = failed.append
        if request == FillRequest():
            run_failed = opened.enter_context(recorded_run(Job.FILL_STORES, settings))
        if not request.dry_run:
            opened.enter_context(filling(settings))
        installation = opened.enter_context(open_installation(settings))
        is_filled = False
        for one in _Filling(installation, request, progress or FillProgress(request.budget)).outcomes():
            if not isinstance(one, FilledReplica):
                failed.append(one.sentence)
            if isinstance(one, NotFilled) and one.damage and not request.dry_run:
                raise_alarm(settings, integrity_alarm(f"store {one.store}", one.sentence, now()))
            is_filled |= isinstance(one, FilledReplica) and not request.dry_run
            yield one
        if is_filled:
            # The journal has an event of each; the store may have been away when it was sealed.
            failed += seal(installation).absences
        if failed and request == FillRequest():
            run_failed(failed[0] if len(failed) == 1 else f"{failed[0]} And {len(failed) - 1} more.")


@contextmanager
def filling(settings: Settings) -> Iterator[None]:
    """Hold the lock of whoever copies packages between stores. Raises ``UnavailableError``."""
    with locked(settings.state / "fill.lock", wait=False) as is_ours:
        if not is_ours:
            raise UnavailableError(
                "another run copies packages between the stores; run it again when that one has ended"
            )
        yield


def lacked(
    installation: Installation, store: Store, request: FillRequest
) -> Iterator[Registration | NotFilled]:
    """Yield what the store is to have by the policies of now, and has not, in the order of registration."""
    for kept in installation.catalogue.packages(request.collection, lacked_by=store.name):
        try:
            if store.name in installation.store_names_for(kept.package.object.collection):
                yield kept
        except ConfigurationError as error:
            yield NotFilled(store.name, kept.package, str(error))


def _require_known(settings: Settings, request: FillRequest) -> None:
    if request.store not in {None, *settings.store_names}:
        raise ConfigurationError(
            f"there is no store {request.store}; there are: {', '.join(settings.store_names)}"
        )
    if request.collection is not None and (fault := settings.refusal_of(request.collection)):
        raise ConfigurationError(fault)


class _Filling:
    """The filling of the stores of an open installation."""

    def __init__(self, installation: Installation, request: FillRequest, progress: FillProgress) -> None:
        self._installation = installation
        self._request = request
        self._progress = progress
        self._budget = Budget(request.budget)
        self._stores = [one for one in installation.stores if request.store in {None, one.name}]

    def outcomes(self) -> Iterator[FillOutcome]:
        for store in self._stores:
            for kept in lacked(self._installation, store, self._request):
                if isinstance(kept, Registration):
                    self._progress.expect(size_of(kept))
        for store in self._stores:
            for one in self._filled(store):
                if isinstance(one, FilledReplica):
                    self._budget.spend(one.bytes)
                yield one
        if self._budget.left:
            yield LeftForLater(self._budget.left, self._budget.left_bytes)
        if not self._request.dry_run:
            yield from _shortfalls(self._installation, self._request)

    def _filled(self, store: Store) -> Iterator[FilledReplica | NotFilled]:
        try:
            store.check()
            if store.name not in self._installation.settings.stores_in_use:
                yield from self._gone_for_good(store)
                return
            gone_from = GoneFrom(self._installation, store, self._request)
            gone = gone_from.found()
            if isinstance(gone, NotFilled):
                yield gone
                return
            yield from gone_from.written(gone, self._budget, self._progress)
        except PreservationError as error:
            yield NotFilled(store.name, None, str(error), damage=isinstance(error, IntegrityError))
            return
        for kept in lacked(self._installation, store, self._request):
            if isinstance(kept, NotFilled):
                yield kept
            elif self._budget.allows(size_of(kept)):
                dry_run = self._request.dry_run
                yield from fill_with(self._installation, kept, store, self._progress, dry_run=dry_run)

    def _gone_for_good(self, store: Store) -> Iterator[NotFilled]:
        """Report what is gone from a retired store, into which nothing is written any more."""
        held = self._installation.catalogue.packages(self._request.collection, held_by=store.name)
        for gone in gone_replicas(store, held):
            yield NotFilled(store.name, gone.package, gone.sentence, damage=True)


def _shortfalls(installation: Installation, request: FillRequest) -> Iterator[Shortfall]:
    shortfalls = Shortfalls(installation)
    for kept in installation.catalogue.packages(request.collection):
        try:
            found = shortfalls.by_catalogue(kept)
        except ConfigurationError:
            # What stores lack of a collection without a policy was reported of them.
            continue
        if found is not None:
            yield found
