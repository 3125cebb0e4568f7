"""Repairing one replica in one store, file by file, from replicas that have each file as it was kept.

What is copied was compared as it was read; what lies there goes to the quarantine before it is replaced; what
was written is read back from where it rests. The tag manifest comes last.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from preservation.errors import IntegrityError, NotFoundError, PreservationError
from preservation.fixity.checking import Confirmed
from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Digests
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.layout import COMMITS
from preservation.model.locators import Locator
from preservation.model.paths import BagPath, StoreKey, printable
from preservation.model.tag_digests import TagDigest
from storage.fill import fill
from storage.ports.catalogue import CatalogueFile
from storage.ports.replacers import NOTHING_THERE, Quarantine, Replacement, Replacer
from storage.ports.stores import Deposit, Store
from storage.readback import PromisedFile, read_back
from storage.replication.outcomes import Verified
from storage.restore.description import Description
from storage.restore.source import Source, catalogued_digests, find_source
from storage.verified_copy import OnDamage, VerifiedCopy, verified_copy

_SCRATCH = "copy"


@dataclass(frozen=True, slots=True)
class Healed:
    """The file was put there as it was kept, out of store ``source``, and read back from where it rests.

    Without ``replaced`` there was nothing under its key. Without ``source`` the whole replica was completed
    from the stores that have it, and read.
    """

    damage: Damage
    source: StoreName | None
    replaced: bool


@dataclass(frozen=True, slots=True)
class AsKept:
    """The file was read just now and is as it was kept, or none is there where none belongs.

    Nothing was done.
    """

    damage: Damage


@dataclass(frozen=True, slots=True)
class TakenAway:
    """The file that no manifest names is in the quarantine."""

    damage: Damage


@dataclass(frozen=True, slots=True)
class Healable:
    """The file would be put there, or taken away where it is an unexpected one: a dry run."""

    damage: Damage


@dataclass(frozen=True, slots=True)
class NotHealed:
    """The file is as it was found; ``reason`` is a sentence with the next step."""

    damage: Damage
    reason: str


@dataclass(frozen=True, slots=True)
class Salvage:
    """What a store has under the key of a file that no store has as it was kept. ``size`` is in bytes."""

    store: StoreName
    location: str
    size: int


@dataclass(frozen=True, slots=True)
class NoGoodReplica:
    """No replica has the file as it was kept. Nothing was touched; ``salvage`` is what is there of it."""

    damage: Damage
    reason: str
    salvage: tuple[Salvage, ...] = ()


RepairOutcome: TypeAlias = Healed | AsKept | TakenAway | Healable | NotHealed | NoGoodReplica


@dataclass(frozen=True, slots=True)
class ReplicaRepair:
    """What repairing the replica of ``package`` in ``target`` takes.

    ``others`` have the version too, by the catalogue, which gives its ``files``; ``recorded`` are the digests
    of its tag manifests. ``scratch`` holds the lists of the version, for they may be long, and one file at a
    time, or a batch where the whole replica is gone.
    ``damaged`` is called with each of ``others`` that was seen not to hold what was promised.
    """

    package: PackageId
    target: Store
    replacer: Replacer
    others: Sequence[Store]
    files: Callable[[], Iterable[CatalogueFile]]
    recorded: Sequence[TagDigest]
    quarantine: Quarantine
    scratch: Path
    threads: int
    clock: Callable[[], datetime]
    damaged: OnDamage

    def run(self, damages: Sequence[Damage], *, dry_run: bool = False) -> Iterator[RepairOutcome]:
        """Repair what is damaged, and yield what became of each file; with ``dry_run`` change nothing.

        ``damages`` are of this replica; one without a path is the whole of it, which was gone. A person has
        approved of those that are to be taken away. Raises nothing but errors of the program itself.
        """
        try:
            self.target.check()
            source = self._source()
            if not any(True for _ in self.target.list(self.package.prefix)):
                yield from self._filled(damages, dry_run=dry_run)
                return
        except (IntegrityError, NotFoundError) as error:
            yield from (self._lost(damage, str(error), self._key(damage)) for damage in damages)
            return
        except PreservationError as error:
            yield from (NotHealed(damage, str(error)) for damage in damages)
            return
        complete = True
        for damage in sorted(damages, key=_is_of_the_whole):
            if _is_of_the_whole(damage) and not complete:
                yield NotHealed(damage, _COMMIT_LAST)
                continue
            outcome = self._outcome(damage, source, dry_run=dry_run)
            complete &= not isinstance(outcome, NotHealed | NoGoodReplica)
            yield outcome

    def _source(self) -> Source:
        # The lists of this replica may be the only ones that are as they were kept: they are compared as any.
        return find_source(
            self.package,
            (*self.others, self.target),
            catalogued_digests(self.files(), self.scratch),
            self.recorded,
            damaged=lambda store, why: None if store == self.target.name else self.damaged(store, why),
            where_they_differ="put its replica back from a backup of that store; nothing was repaired",
            scratch=self.scratch,
        )

    def _outcome(self, damage: Damage, source: Source, *, dry_run: bool) -> RepairOutcome:
        try:
            if not damage.path:
                [outcome] = self._filled([damage], dry_run=dry_run)
                return outcome
            if damage.kind is DamageKind.UNEXPECTED and _is_unexpected(damage.path, source.description):
                return self._taken_away(damage, dry_run=dry_run)
            promised = source.description.digests(damage.path)
            if promised is None:
                return NotHealed(
                    damage,
                    f"no manifest of {self.package} names {printable(damage.path)}, as they were read just "
                    "now; have the replica read anew by an audit",
                )
            return self._healed(damage, source, promised, dry_run=dry_run)
        except PreservationError as error:
            return NotHealed(damage, str(error))

    def _healed(self, damage: Damage, source: Source, promised: Digests, *, dry_run: bool) -> RepairOutcome:
        key = source.description.key(damage.path)
        if damage.path in COMMITS and not self._is_there(key):
            # What commits the version is written when all of it is there, and was read.
            [outcome] = self._filled([damage], dry_run=dry_run)
            return outcome
        answering = [store for store in source.stores if store.name != self.target.name]
        # One that is away now may have the file: that none has it is not known then.
        others = [*answering, *(store for store in self.others if store not in answering)]
        try:
            copy = verified_copy(key, promised, others, self.scratch / _SCRATCH, self.damaged)
        except IntegrityError as error:
            if self._has(key, promised):
                return AsKept(damage)
            return self._lost(damage, str(error), key)
        try:
            if dry_run:
                return AsKept(damage) if self._has(key, promised) else Healable(damage)
            return self._replaced(damage, copy, key, promised)
        finally:
            copy.remove()

    def _replaced(
        self, damage: Damage, copy: VerifiedCopy, key: StoreKey, promised: Digests
    ) -> RepairOutcome:
        done = self.replacer.replace(Deposit(key, copy.place, copy.size), promised, self.quarantine)
        if done is Replacement.SOUND:
            return AsKept(damage)
        if self._has(key, promised):
            return Healed(damage, copy.store, replaced=done is Replacement.REPLACED)
        return NotHealed(
            damage,
            f"store {self.target.name}: {printable(key)} was written anew and does not read back as it was "
            "kept; check the store's disk or service, then repair again",
        )

    def _taken_away(self, damage: Damage, *, dry_run: bool) -> RepairOutcome:
        if dry_run:
            return Healable(damage)
        gone = self.replacer.remove_unexpected(self._key(damage), self.quarantine)
        return TakenAway(damage) if gone else AsKept(damage)

    def _filled(self, damages: Sequence[Damage], *, dry_run: bool) -> Iterator[RepairOutcome]:
        """Copy what is missing of the replica, read all of it, and commit it where it is not."""
        if dry_run:
            yield from (Healable(damage) for damage in damages)
            return
        # What is committed is only read.
        committed = any(self._is_there(Locator(self.package, path).key) for path in COMMITS)
        for damage in damages:
            if _is_of_the_whole(damage) and not committed:
                with self.quarantine.receive(self._key(damage)) as file:
                    file.keep(NOTHING_THERE)
        outcome = fill(
            self.package,
            self.target,
            self.others,
            self.files,
            self.recorded,
            # What lies there of a replica that was kept is no leftover of a try: nothing of it is discarded.
            purger=None,
            scratch=self.scratch,
            threads=self.threads,
            clock=self.clock,
            damaged=self.damaged,
        )
        for damage in damages:
            if isinstance(outcome, Verified):
                yield AsKept(damage) if committed else Healed(damage, None, replaced=False)
            else:
                yield NotHealed(damage, outcome.reason)

    def _is_there(self, key: StoreKey) -> bool:
        try:
            self.target.stat(key)
        except NotFoundError:
            return False
        return True

    def _has(self, key: StoreKey, promised: Digests) -> bool:
        """Read the file from where it rests; return whether it is as it was kept."""
        [reading] = read_back(self.target, [PromisedFile(key, None, promised)], threads=1)
        return isinstance(reading.verdict, Confirmed)

    def _lost(self, damage: Damage, reason: str, key: StoreKey) -> NoGoodReplica:
        salvage = []
        for store in (*self.others, self.target):
            try:
                salvage.append(Salvage(store.name, store.location(key), store.stat(key).size))
            except PreservationError:
                # What cannot be looked at can be salvaged no more than what is not there.
                continue
        return NoGoodReplica(damage, reason, tuple(salvage))

    def _key(self, damage: Damage) -> StoreKey:
        return Locator(self.package, damage.path).key


_COMMIT_LAST = (
    "the tag manifest, by which the version exists, comes last, and not all else that was to be repaired is; "
    "see to the others, then repair again"
)


def _is_of_the_whole(damage: Damage) -> bool:
    """Return whether it is of what makes the version exist: its tag manifest, or all of it."""
    return damage.path in COMMITS or not damage.path


def _is_unexpected(path: BagPath, description: Description) -> bool:
    """Return whether nothing of the version belongs in its own folder under that path."""
    return description.digests(path) is None or path in description.keys
