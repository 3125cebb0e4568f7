"""The loss of a store, in fact: a store of copies is declared lost, emptied, filled again, and compared.

The order keeps a kill harmless: first it is seen that another store has everything, read just now; then the
replicas leave the catalogue; then the store is emptied. From there on ``muniment replicate --missing`` fills
it, whoever runs it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from flows.archive.drills.comparison import (
    FileInStore,
    by_version,
    differing,
    files_of,
    write_down,
    written_down,
)
from flows.archive.drills.estimates import held_in_stores
from flows.archive.drills.loss_record import NAMED, HealingEstimate, LossRecord, LossStep, keep_loss
from flows.archive.drills.progress import LossProgress
from flows.archive.drills.rehearsal_conditions import (
    require_elsewhere,
    require_fillable,
    require_still_elsewhere,
)
from flows.archive.fill import fill_installation, filling
from flows.archive.fill_outcomes import FilledReplica, NotFilled
from flows.archive.fill_progress import FillProgress
from flows.archive.fill_request import FillRequest
from flows.archive.lost_store import StoreGivenUp, strike
from flows.archive.replica_claim import in_use, new_claimant, release_the_dead
from flows.installation.disk_faults import translated_faults
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE_VERSION, Installation, now, open_installation
from preservation.errors import UnavailableError
from preservation.files.lock import locked
from preservation.model.identifiers import PackageId, StoreName, VersionNumber, parse_object_id
from preservation.model.layout import COMMITS
from preservation.model.paths import StoreKey
from storage.audits.work import LEASE


@dataclass(frozen=True, slots=True)
class RehearsedLoss:
    """A store that is to be lost in fact, ``by`` whom; with ``dry_run`` it is only seen that it may be."""

    store: StoreName
    by: str
    dry_run: bool = False


def rehearse_loss(
    settings: Settings, loss: RehearsedLoss, progress: LossProgress | None = None
) -> LossRecord | None:
    """Lose the store, fill it again, compare; return the record, which is kept with its certificate.

    With ``loss.dry_run`` nothing is changed, and there is no record: that no error is raised says that the
    store may be lost, as far as the catalogue shows. Damage that the filling meets raises its alarms.

    Raises:
        ConfigurationError: The store is not there to be damaged, is retired, or holds what its policies do
            not want there: that would not be filled again.
        IntegrityError: Some version was not seen in another store as it was kept: nothing was changed. Or it
            is there no more: it was not removed, and the next run that fills stores completes the store.
        UnavailableError: A store is away, an audit reads in this one, or other runs drill or copy packages.
        StorageError: The database does not answer, or a record cannot be written.
    """
    with ExitStack() as opened:
        if not opened.enter_context(locked(settings.state / "drill.lock", wait=False)):
            raise UnavailableError("another run drills; run it again when that one has ended")
        installation = opened.enter_context(open_installation(settings))
        opened.enter_context(translated_faults(settings))
        # Whether it may be damaged is the first question.
        installation.injurer(loss.store)
        require_fillable(installation, loss.store)
        if loss.dry_run:
            return None
        scratch = opened.enter_context(scratch_folder(settings.processing, ".losing"))
        return _Rehearsal(installation, loss, scratch, progress or LossProgress()).run()


@dataclass
class _Rehearsal:
    """One rehearsal in an open installation."""

    installation: Installation
    loss: RehearsedLoss
    scratch: Path
    progress: LossProgress
    steps: list[LossStep] = field(default_factory=list)

    def __post_init__(self) -> None:
        [self._store] = [one for one in self.installation.stores if one.name == self.loss.store]
        self._before = self.scratch / "before"
        self._versions, self._elsewhere = self.scratch / "versions", self.scratch / "elsewhere"
        self._id, self._began = uuid4().hex[:8], now()

    def run(self) -> LossRecord:
        self._store.check()
        with filling(self.installation.settings):
            with self._timed("every file of it read, in the store itself") as done:
                done(*write_down(self._read(self._written_held()), self._before))
            with self._timed("the same versions read in another store") as done:
                with self._elsewhere.open("w", encoding="utf-8") as lines:
                    versions, files, size = require_elsewhere(
                        self.installation,
                        self._store,
                        self.progress.add,
                        lambda package, store: lines.write(f"{store} {package.prefix}\n"),
                        self.scratch,
                    )
                done(files, size)
            with self._timed("declared lost: struck from the catalogue") as done:
                self._strike(versions)
                done(0, 0)
            with self._timed("emptied") as done:
                self._empty()
                done(self.steps[0].files, self.steps[0].bytes)
        unfilled, reasons, is_damaged = self._fill()
        differing_files, named = self._compare()
        record = LossRecord(
            self._id,
            self.loss.store,
            self._store.place.site,
            self.loss.by,
            self._began,
            now(),
            f"Muniment {SOFTWARE_VERSION}",
            versions,
            tuple(self.steps),
            self.steps[-2],
            differing_files,
            named,
            unfilled,
            reasons,
            is_damaged,
            self._estimates(self.steps[-2]),
        )
        keep_loss(record, self.installation.settings)
        return record

    @contextmanager
    def _timed(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Time a step; the caller says at its end how many files and bytes it was of."""
        self.progress.begin(what)
        began, of = time.monotonic(), (0, 0)

        def done(files: int, size: int) -> None:
            nonlocal of
            of = (files, size)

        yield done
        self.steps.append(LossStep(what, *of, round(time.monotonic() - began, 3)))

    def _held(self) -> Iterator[PackageId]:
        held = self.installation.catalogue.packages(held_by=self.loss.store)
        return (kept.package for kept in held)

    def _written_held(self) -> Iterator[PackageId]:
        """Yield what the store has by the catalogue, and write it down: what comes later is not touched."""
        with self._versions.open("w", encoding="utf-8") as lines:
            for package in self._held():
                lines.write(f"{package.prefix}\n")
                yield package

    def _written_versions(self) -> Iterator[PackageId]:
        with self._versions.open(encoding="utf-8") as lines:
            yield from map(_package_in, lines)

    def _seen_elsewhere(self) -> Iterator[tuple[PackageId, StoreName]]:
        """Yield each written version, and where it was seen; the lost store where that was nowhere.

        Both are in the order of the catalogue.
        """
        with self._elsewhere.open(encoding="utf-8") as lines:
            seen = (
                (_package_in(line.partition(" ")[2]), StoreName(line.partition(" ")[0])) for line in lines
            )
            for package in self._written_versions():
                yield next((one for one in seen if one[0] == package), (package, self.loss.store))

    def _read(self, packages: Iterable[PackageId]) -> Iterator[FileInStore]:
        threads = self.installation.settings.work.threads
        return files_of(self._store, packages, threads=threads, progress=self.progress.add)

    def _strike(self, versions: int) -> None:
        """Keep audits out, then strike the store; its identity stays known, for its place stays as it is."""
        opened, store = self.installation, self.loss.store
        release_the_dead(opened.audits)
        claimant, at = new_claimant(), now()
        try:
            for package in self._held():
                if not opened.audits.claim_package(claimant, package, store, at=at, until=at + LEASE):
                    raise UnavailableError(in_use(package, store))
            because = f"a rehearsal of its loss, {self._id}"
            identity = opened.catalogue.store_identities().get(store)
            strike(opened, StoreGivenUp(store, self.loss.by, because), versions)
            if identity is not None:
                opened.catalogue.keep_store_identity(store, identity)
        finally:
            opened.audits.release(claimant)

    def _empty(self) -> None:
        """Take away what was read before, a version at a time: what commits it, then the rest.

        Raises ``IntegrityError`` at the first that is not in the other store any more as it was seen there.
        """
        injurer = self.installation.injurer(self.loss.store)
        purger = self.installation.purgers[self.loss.store]
        for package, other in self._seen_elsewhere():
            # Days may have passed since it was read there.
            require_still_elsewhere(self.installation, package, self.loss.store, other, since=self._began)
            for commit in COMMITS:
                injurer.remove(StoreKey(f"{package.prefix}/{commit}"))
            purger.discard_uncommitted(package)

    def _fill(self) -> tuple[int, tuple[str, ...], bool]:
        """Fill the store; return how much was not filled, sentences on it, and whether it is damage."""
        unfilled = files = size = 0
        reasons: list[str] = []
        is_damaged = False
        self.progress.filling = FillProgress()
        with self._timed("filled from the other stores, and read back") as done:
            request = FillRequest(store=self.loss.store)
            for one in fill_installation(self.installation.settings, request, self.progress.filling):
                match one:
                    case FilledReplica():
                        files, size = files + self._files_of(one.package), size + one.bytes
                    case NotFilled():
                        # What is damaged in a store that it is filled from may be whole in another one.
                        unfilled += one.store == self.loss.store
                        is_damaged |= one.damage
                        reasons += [one.sentence.rstrip(".")] if len(reasons) < NAMED else []
                    case _:
                        # What a policy asks for beyond this store was so before.
                        pass
            done(files, size)
        self.progress.filling = None
        return unfilled, tuple(reasons), is_damaged

    def _compare(self) -> tuple[int, tuple[str, ...]]:
        """Read again what was read before; return how many files differ, and the first of them."""
        number = files = size = 0
        named: list[str] = []

        def counted(found: Iterable[FileInStore]) -> Iterator[FileInStore]:
            nonlocal files, size
            for one in found:
                files, size = files + 1, size + one.size
                yield one

        with self._timed("every file of it read again, and compared with before") as done:
            for package, before in by_version(self._written_versions(), written_down(self._before)):
                if not self._files_of(package):
                    # It was not filled: that is another sentence.
                    continue
                for key in differing(before, counted(self._read([package]))):
                    number += 1
                    if len(named) < NAMED:
                        named.append(key)
            done(files, size)
        return number, tuple(named)

    def _files_of(self, package: PackageId) -> int:
        """Return how many files the store has of the version by the catalogue, which are none or more."""
        replicas = self.installation.catalogue.package(package).replicas
        return sum(one.files for one in replicas if one.store == self.loss.store)

    def _estimates(self, filled: LossStep) -> tuple[HealingEstimate, ...]:
        """Return how long filling each store would take, at the rate of this one."""
        if not filled.bytes:
            return ()
        held = held_in_stores(self.installation.holdings)
        return tuple(
            HealingEstimate(store, versions, size, round(size * filled.seconds / filled.bytes, 3))
            for store, (versions, size) in sorted(held.items())
        )


def _package_in(line: str) -> PackageId:
    name, _, version = line.rstrip("\n").rpartition("/v")
    return PackageId(parse_object_id(name), VersionNumber(int(version)))
