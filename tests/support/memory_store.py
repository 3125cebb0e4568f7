"""A store in memory: the folder store's peer under the contract suite, and the tests' own."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock

from preservation.errors import AlreadyExistsError, NotFoundError, SourceChangedError, UnavailableError
from preservation.fixity.digesting import ByteStream, digest_bytes, digest_stream
from preservation.model.digests import Algorithm, Digests
from preservation.model.identifiers import PackageId, StoreIdentity, StoreName
from preservation.model.name_rules import NameRules
from preservation.model.paths import BagPath, StoreKey, path_order, printable
from storage.ports.confirmers import Expected
from storage.ports.providers import StatedFile
from storage.ports.replacers import NOTHING_THERE, Quarantine, Replacement, hand_out, was_changed
from storage.ports.stores import (
    Deposit,
    KeptFile,
    StorePlace,
    has_identity,
    is_committed,
    require_identity,
    require_sound,
)

IDENTITY = StoreIdentity("00000000-0000-4000-8000-000000000000")
"""What a store in memory has where a test does not care."""


@dataclass(slots=True)
class Shelf:
    """The bytes at rest. One thread changes them at a time."""

    kept: dict[StoreKey, bytes] = field(default_factory=dict)
    identity: StoreIdentity | None = None
    turn: Lock = field(default_factory=Lock)


class MemoryStore:
    """Keeps bytes for as long as the process lives."""

    portable = False

    def __init__(
        self,
        name: StoreName,
        place: StorePlace,
        shelf: Shelf | None = None,
        identity: StoreIdentity | None = IDENTITY,
    ) -> None:
        self.name = name
        self.place = place
        self.name_rules = NameRules(max_segment_bytes=None)
        self.shelf = shelf or Shelf(identity=identity)
        self._identity = identity

    def create(self, deposits: Iterable[Deposit]) -> None:
        """Create every file of ``deposits``: see ``Store``."""
        self.check()
        for deposit in deposits:
            require_sound(self.name, deposit.key)
            content = _whole_source(deposit)
            with self.shelf.turn:
                if deposit.key in self.shelf.kept:
                    raise AlreadyExistsError(
                        f"store {self.name}: {printable(deposit.key)} is there already, and a store only "
                        "creates"
                    )
                self.shelf.kept[deposit.key] = content
            deposit.written(1, deposit.size)

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        """Open the file for one reading: see ``Store``."""
        return io.BytesIO(self._content(key))

    def stat(self, key: StoreKey) -> KeptFile:
        """Return the file's size: see ``Store``."""
        return KeptFile(key, len(self._content(key)))

    def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
        """Yield every file below ``prefix``: see ``Store``."""
        if prefix is not None:
            require_sound(self.name, prefix)
        self.check()
        start = "" if prefix is None else f"{prefix}/"
        with self.shelf.turn:
            found = sorted((key for key in self.shelf.kept if key.startswith(start)), key=path_order)
        for key in found:
            yield self.stat(key)

    def location(self, prefix: StoreKey) -> str:
        """Return a URL that only this process knows the meaning of."""
        return f"memory://{self.name}/{prefix}"

    def check(self) -> None:
        """Look whether the shelf is the store's: see ``Store``."""
        require_identity(self.name, self._identity, self.shelf.identity, "memory")

    def probe(self) -> str:
        """Memory has no limit of its own and nothing to be tried out: see ``Store``."""
        self.check()
        return "memory of this process"

    def _content(self, key: StoreKey) -> bytes:
        require_sound(self.name, key)
        try:
            return self.shelf.kept[key]
        except KeyError:
            self.check()
            raise NotFoundError(
                f"store {self.name}: nothing is kept under {printable(key)}; look in another store for it"
            ) from None


class MemoryMaker:
    """The ``StoreMaker`` of a shelf."""

    def __init__(self, name: StoreName, shelf: Shelf) -> None:
        self.name = name
        self._shelf = shelf

    def identity(self) -> StoreIdentity | None:
        """Return the identity that lies there: see ``StoreMaker``."""
        return self._shelf.identity

    def make(self, identity: StoreIdentity) -> None:
        """Give the shelf the identity: see ``StoreMaker``."""
        if self._shelf.identity is not None:
            raise has_identity(self.name, "an identity")
        self._shelf.identity = identity


class MemoryPurger:
    """The ``Purger`` of a store in memory, in which any of ``commits`` makes a version exist."""

    def __init__(
        self, name: StoreName, shelf: Shelf, commits: Collection[BagPath], store: MemoryStore | None = None
    ) -> None:
        self.name = name
        self._store = store
        self._commits = commits
        self._shelf = shelf

    def discard_uncommitted(self, package: PackageId) -> None:
        """Remove the files of a version that was never committed: see ``Purger``."""
        if self._store is not None:
            self._store.check()
        start = f"{package.prefix}/"
        with self._shelf.turn:
            found = [key for key in self._shelf.kept if key.startswith(start)]
            for commit in self._commits:
                if start + commit in found:
                    raise is_committed(self.name, package, commit)
            for key in found:
                del self._shelf.kept[key]


class MemoryReplacer:
    """The ``Replacer`` of ``store``."""

    def __init__(self, store: MemoryStore) -> None:
        self.name = store.name
        self._store = store

    def replace(self, deposit: Deposit, expected: Digests, quarantine: Quarantine) -> Replacement:
        """Put the file in place of one that is not as it was kept: see ``Replacer``."""
        require_sound(self.name, deposit.key)
        self._store.check()
        before = self._store.shelf.kept.get(deposit.key)
        there = self._handed_out(deposit.key, expected, quarantine)
        if there is False:
            return Replacement.SOUND
        content = _whole_source(deposit)
        with self._store.shelf.turn:
            self._require_same(deposit.key, before)
            self._store.shelf.kept[deposit.key] = content
        return Replacement.CREATED if there is None else Replacement.REPLACED

    def remove_unexpected(self, key: StoreKey, quarantine: Quarantine) -> bool:
        """Move a file that no manifest names into the quarantine: see ``Replacer``."""
        require_sound(self.name, key)
        self._store.check()
        before = self._store.shelf.kept.get(key)
        if self._handed_out(key, {}, quarantine) is None:
            return False
        with self._store.shelf.turn:
            self._require_same(key, before)
            del self._store.shelf.kept[key]
        return True

    def _handed_out(self, key: StoreKey, expected: Digests, quarantine: Quarantine) -> bool | None:
        """Return whether what lies there was handed out; ``None`` where nothing does."""
        with quarantine.receive(key) as file:
            try:
                opened = self._store.open(key)
            except NotFoundError:
                if expected:
                    file.keep(NOTHING_THERE)
                return None
            with opened as stream:
                return hand_out(stream, file, expected)

    def _require_same(self, key: StoreKey, before: bytes | None) -> None:
        if self._store.shelf.kept.get(key) != before:
            raise was_changed(self.name, key)


class MemoryInjurer:
    """The ``Injurer`` of ``store``."""

    def __init__(self, store: MemoryStore) -> None:
        self.name = store.name
        self._shelf = store.shelf

    def write(self, key: StoreKey, content: bytes) -> None:
        """Let the file have this content: see ``Injurer``."""
        with self._shelf.turn:
            self._shelf.kept[key] = content

    def remove(self, key: StoreKey) -> None:
        """Let the file be gone: see ``Injurer``."""
        with self._shelf.turn:
            self._shelf.kept.pop(key, None)


class MemoryQuarantine:
    """A ``Quarantine`` in memory: in ``kept``, key, bytes and why, in the order in which they came."""

    def __init__(self) -> None:
        self.kept: list[tuple[StoreKey, bytes, str]] = []

    @contextmanager
    def receive(self, key: StoreKey) -> Iterator[MemoryQuarantinedFile]:
        """Receive what lies under a key: see ``Quarantine``."""
        yield MemoryQuarantinedFile(key, self.kept)


class MemoryQuarantinedFile:
    """A file on its way into a quarantine in memory."""

    def __init__(self, key: StoreKey, kept: list[tuple[StoreKey, bytes, str]]) -> None:
        self._key = key
        self._kept = kept
        self._content = bytearray()

    def write(self, chunk: memoryview) -> None:
        """Take the next bytes: see ``QuarantinedFile``."""
        self._content += chunk

    def keep(self, why: str) -> None:
        """Keep what was written: see ``QuarantinedFile``."""
        self._kept.append((self._key, bytes(self._content), why))


def _whole_source(deposit: Deposit) -> bytes:
    try:
        content = deposit.source.read_bytes()
    except OSError as error:
        raise SourceChangedError(
            f"{printable(str(deposit.source))} changed after it was surveyed: {error.strerror}"
        ) from error
    if len(content) != deposit.size:
        raise SourceChangedError(
            f"{printable(str(deposit.source))} changed after it was surveyed: "
            f"it had {deposit.size} bytes and has {len(content)}"
        )
    return content


class MemoryProvider:
    """The ``Provider`` of ``store``: it states what ``said`` has, and else the digests of what is there."""

    def __init__(self, store: MemoryStore, algorithms: Collection[Algorithm] = (Algorithm.SHA256,)) -> None:
        self.name = store.name
        self.said: dict[StoreKey, Digests] = {}
        self._store = store
        self._algorithms = algorithms

    def stated(self, prefix: StoreKey) -> Iterator[StatedFile]:
        """Yield what is stated of every file below ``prefix``: see ``Provider``."""
        for kept in self._store.list(prefix):
            content = self._store.shelf.kept[kept.key]
            yield StatedFile(
                kept.key, kept.size, self.said.get(kept.key, digest_bytes(content, self._algorithms))
            )


class MemoryConfirmer:
    """Confirms what a store in memory has."""

    def __init__(self, store: MemoryStore) -> None:
        self.name = store.name
        self._store = store

    def confirmed(self, files: Sequence[Expected]) -> list[int | None]:
        return [self._size(one) for one in files]

    def _size(self, one: Expected) -> int | None:
        try:
            with self._store.open(one.key) as stream:
                size, found = digest_stream(stream, tuple(one.digests))
        except (NotFoundError, UnavailableError):
            return None
        return size if found == one.digests and one.digests else None
