"""Reading a whole replica: each of its files from where it rests, and what lies among them besides."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from preservation.errors import DeniedError, IntegrityError, NotFoundError, UnavailableError
from preservation.fixity.checking import Confirmed, Mismatched, Unreadable
from preservation.model.amounts import OnProgress
from preservation.model.damage import Damage, DamageKind
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.layout import COMMITS
from preservation.model.locators import Locator
from preservation.model.paths import BagPath, StoreKey, path_order
from preservation.model.tag_digests import TagDigest
from storage.audits.promises import UnsortedError, promises_of
from storage.ports.audits import RecordedDamage
from storage.ports.confirmers import Confirmer
from storage.ports.stores import Store, unwatched
from storage.readback import Missing, PromisedFile, Reading, read_back

_PART = 5000
_PART_SECONDS = 60.0
"""After so many files, or seconds, what is known of them is recorded before the next ones are read."""

_NAMED = 1000
"""So many damaged files of one part are named; whoever repairs these finds the others."""


@dataclass(frozen=True, slots=True)
class PartRead:
    """What reading a part of a replica showed, up to the file ``reached``; ``None`` means: to its end.

    ``confirmed`` files, ``bytes`` in all, are as they were kept; ``again`` of them only when they were read a
    second time, over a new connection and past every cache. Of those that are not, at most a thousand are in
    ``damages``, and ``unnamed`` counts the others. ``lists_in`` is the store whose lists were relied on.
    """

    confirmed: int
    bytes: int
    damages: tuple[Damage, ...]
    unnamed: int
    again: int
    lists_in: StoreName
    reached: BagPath | None


@dataclass(frozen=True)
class ReplicaReader:
    """Reads replicas in ``store``.

    Args:
        store: Where they are.
        others: Are asked for the lists of a version where those of the store are damaged.
        reopened: Opens the store anew, with connections of its own.
        scratch: A folder for lists that are long.
        threads: How many read at a time.
        clock: Gives the time in UTC.
        progress: Is called with what has been read, and may wait to make the reading slower.
        pause: Seconds after which what could not be read is read again.
        confirmer: Reads the small files of the store at once, where it has one.
    """

    store: Store
    others: Sequence[Store]
    reopened: Callable[[], Store]
    scratch: Path
    threads: int
    clock: Callable[[], datetime]
    progress: OnProgress = unwatched
    pause: float = 2.0
    confirmer: Confirmer | None = None

    def read(
        self, package: PackageId, recorded: Sequence[TagDigest], after: BagPath | None = None
    ) -> Iterator[PartRead]:
        """Read every file of the version's own folder, or those behind ``after``, and look for others.

        Yields what was seen part by part, the last one without ``reached``. ``recorded`` are the digests of
        the version's tag manifests. A replica that is gone as a whole is one damage, without a path.

        Raises ``StorageError`` where the store is away or does not answer, ``IntegrityError`` or
        ``NotFoundError`` where no store has the version's lists as they were kept.
        """
        if self._is_gone(package):
            yield self._gone(package)
            return
        with promises_of(package, (self.store, *self.others), recorded, self.scratch) as promises:
            # Known before the first part: what is reached in one order says nothing of another one.
            promised = promises.files(after, sort=not promises.is_sorted())
            yield from _Reading(self, package, promises.lists_in).parts(promised, after)

    def read_some(
        self, package: PackageId, recorded: Sequence[TagDigest], indexes: Iterable[int]
    ) -> PartRead:
        """Read the files that have these places in the order of the version's paths, counted from 0.

        Raises as ``read``.
        """
        if self._is_gone(package):
            return self._gone(package)
        wanted = set(indexes)
        with promises_of(package, (self.store, *self.others), recorded, self.scratch) as promises:
            try:
                chosen = _chosen(promises.files(), wanted)
            except UnsortedError:
                chosen = _chosen(promises.files(sort=True), wanted)
            return _Reading(self, package, promises.lists_in).part(chosen)

    def read_promised(self, package: PackageId, promised: Iterable[PromisedFile]) -> PartRead:
        """Read these files of a version; nothing is said of others. Raises ``StorageError``."""
        return _Reading(self, package, self.store.name).part(promised)

    def look_again(self, part: PartRead, ended: Sequence[RecordedDamage]) -> PartRead:
        """Read once more, over a new connection, those files of a part of which damage ``ended`` since.

        Returns the part as it is then. Raises ``StorageError`` where the store is away.
        """
        ends = {one.damage.path: one.ended_at for one in ended}
        fresh = self.reopened()
        fresh.check()
        damages = []
        confirmed = size = 0
        for one in part.damages:
            if one.path not in ends:
                damages.append(one)
                continue
            found = self._found_again(one, fresh)
            if isinstance(found, Damage):
                # Also where the clock was set back: it is damaged after that ended.
                end = ends[one.path] or found.at
                damages.append(replace(found, at=max(found.at, end + timedelta(microseconds=1))))
            elif isinstance(found, Confirmed):
                confirmed, size = confirmed + 1, size + found.size
        return replace(
            part,
            confirmed=part.confirmed + confirmed,
            bytes=part.bytes + size,
            again=part.again + confirmed,
            damages=tuple(damages),
        )

    def _found_again(self, damage: Damage, fresh: Store) -> Damage | Confirmed | None:
        """Return what a file is now; ``None`` where there is nothing any more that should not be there."""
        key = Locator(damage.package, damage.path).key
        if not damage.path:
            return self._gone(damage.package).damages[0] if self._is_gone(damage.package) else None
        if not damage.promised:
            # There are no digests to compare with: it is asked whether the file is there.
            is_there = any(kept.key == key for kept in fresh.list(damage.package.prefix))
            is_right = is_there if damage.kind is DamageKind.MISSING else not is_there
            return None if is_right else replace(damage, at=self.clock())
        promised = PromisedFile(key, None, damage.promised)
        [reading] = read_back(fresh, [promised], threads=1, open_faults=_OPEN_FAULTS)
        if isinstance(reading.verdict, Confirmed):
            return reading.verdict
        return _damage(damage.package, damage.store, damage.path, reading, self.clock())

    def _is_gone(self, package: PackageId) -> bool:
        """Return whether neither a tag manifest nor any other file of the version is there."""
        for path in COMMITS:
            try:
                self.store.stat(Locator(package, path).key)
            except NotFoundError:
                continue
            except IntegrityError:
                # Something else than a file lies there.
                return False
            return False
        return next(iter(self.store.list(package.prefix)), None) is None

    def _gone(self, package: PackageId) -> PartRead:
        whole = Damage(package, self.store.name, BagPath(""), DamageKind.MISSING, self.clock(), {})
        return PartRead(0, 0, (whole,), 0, 0, self.store.name, None)


def _chosen(files: Iterable[PromisedFile], wanted: set[int]) -> list[PromisedFile]:
    return [one for index, one in enumerate(files) if index in wanted]


_OPEN_FAULTS = (DeniedError, IntegrityError, UnavailableError)
"""One file that cannot be opened is a finding, unless the whole store is away."""

_ASK_AGAIN = 50
"""Where so many files cannot be read, it may be the store that is away."""


class _Reading:
    """The reading of one replica."""

    def __init__(self, reader: ReplicaReader, package: PackageId, lists_in: StoreName) -> None:
        self._reader = reader
        self._package = package
        self._lists_in = lists_in
        self._prefix = f"{package.prefix}/"
        self._strangers: list[BagPath] = []
        self._begin_part()

    def _begin_part(self) -> None:
        self._confirmed = self._bytes = self._again = self._unnamed = 0
        self._suspects: list[Reading] = []
        self._damages: list[Damage] = []

    def parts(self, promised: Iterable[PromisedFile], after: BagPath | None) -> Iterator[PartRead]:
        with closing(self._read(self._beside_listing(promised, after))) as readings:
            count, began = 0, time.monotonic()
            for one in readings:
                self._take(one)
                count += 1
                if count >= _PART or time.monotonic() - began > _PART_SECONDS:
                    yield self._end_part(self._path(one.promised.key))
                    count, began = 0, time.monotonic()
        yield self._end_part(None)

    def part(self, chosen: Iterable[PromisedFile]) -> PartRead:
        for one in self._read(chosen):
            self._take(one)
        return self._end_part(None)

    def _read(self, promised: Iterable[PromisedFile]) -> Generator[Reading]:
        reader = self._reader
        return read_back(
            reader.store,
            promised,
            threads=reader.threads,
            progress=reader.progress,
            open_faults=_OPEN_FAULTS,
            confirmer=reader.confirmer,
        )

    def _take(self, one: Reading) -> None:
        if isinstance(one.verdict, Confirmed):
            self._confirmed += 1
            self._bytes += one.verdict.size
            return
        self._suspects.append(one)
        if len(self._suspects) % _ASK_AGAIN == 0:
            self._reader.store.check()
        if len(self._suspects) >= _NAMED:
            self._second_look()

    def _beside_listing(
        self, promised: Iterable[PromisedFile], after: BagPath | None
    ) -> Iterator[PromisedFile]:
        """Yield what is promised, and note what the store lists that is not: both come in one order."""
        start = b"" if after is None else path_order(f"{self._prefix}{after}")
        listed = self._reader.store.list(self._package.prefix)
        beside = next(listed, None)
        for one in promised:
            if beside is not None and beside.key == one.key:
                yield PromisedFile(one.key, None, one.digests, beside.size)
                beside = next(listed, None)
                continue
            place, size = path_order(one.key), 0
            while beside is not None and (at := path_order(beside.key)) <= place:
                if at == place:
                    size = beside.size
                elif at > start:
                    self._meet(beside.key)
                beside = next(listed, None)
            yield PromisedFile(one.key, None, one.digests, size)
        while beside is not None:
            if path_order(beside.key) > start:
                self._meet(beside.key)
            beside = next(listed, None)

    def _meet(self, key: StoreKey) -> None:
        if len(self._strangers) < _NAMED:
            self._strangers.append(self._path(key))
        else:
            self._unnamed += 1

    def _end_part(self, reached: BagPath | None) -> PartRead:
        package, store = self._package, self._reader.store.name
        self._second_look()
        end = None if reached is None else path_order(reached)
        # The listing is ahead of what was read.
        met = [path for path in self._strangers if end is None or path_order(path) <= end]
        self._strangers = self._strangers[len(met) :]
        at = self._reader.clock()
        met_here = (Damage(package, store, path, DamageKind.UNEXPECTED, at, {}) for path in met)
        part = PartRead(
            self._confirmed,
            self._bytes,
            (*self._damages, *met_here),
            self._unnamed,
            self._again,
            self._lists_in,
            reached,
        )
        self._begin_part()
        return part

    def _second_look(self) -> None:
        """Read what was not confirmed again, over a new connection; nothing is said of a file before that.

        Raises ``StorageError`` where the store is away: then it has no damaged files, it is away.
        """
        if not self._suspects:
            return
        reader = self._reader
        if any(isinstance(one.verdict, Unreadable) for one in self._suspects):
            time.sleep(reader.pause)
        fresh = reader.reopened()
        fresh.check()
        damaged = 0
        promised = [one.promised for one in self._suspects]
        for one in read_back(
            fresh, promised, threads=reader.threads, progress=self._beat, open_faults=_OPEN_FAULTS
        ):
            if isinstance(one.verdict, Confirmed):
                self._again += 1
                self._confirmed += 1
                self._bytes += one.verdict.size
                continue
            damaged += 1
            if len(self._damages) < _NAMED:
                path = self._path(one.promised.key)
                self._damages.append(_damage(self._package, reader.store.name, path, one, reader.clock()))
            else:
                self._unnamed += 1
        if damaged:
            fresh.check()
        self._suspects = []

    def _beat(self, _files: int, _size: int) -> None:
        """Report that it goes on, though no more is read than was to be: a second look may take long, too."""
        self._reader.progress(0, 0)

    def _path(self, key: StoreKey) -> BagPath:
        return BagPath(key.removeprefix(self._prefix))


def _damage(package: PackageId, store: StoreName, path: BagPath, one: Reading, at: datetime) -> Damage:
    promised = one.promised.digests
    match one.verdict:
        case Mismatched(_, _, size, found):
            kind = DamageKind.MISMATCHED
            return Damage(package, store, path, kind, at, promised, found=found, found_size=size)
        case Unreadable(reason):
            return Damage(package, store, path, DamageKind.UNREADABLE, at, promised, reason=reason)
        case Missing():
            return Damage(package, store, path, DamageKind.MISSING, at, promised)
        case Confirmed():
            raise AssertionError("a file that is as it was kept is no damage")
