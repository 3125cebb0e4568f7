"""The port to where bytes are kept: create, open, stat, list. Nothing here overwrites, nothing here deletes.

A store keeps files under keys. A key is faithful: any name a bag may hold (newlines, NFC and NFD
twins, leading dots, 255-byte segments) comes back byte for byte. A key whose first segment begins
with a dot is the store's own: it is refused and never listed.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NewType, Protocol

from preservation.errors import AlreadyExistsError, DeniedError, IntegrityError, UnavailableError
from preservation.fixity.digesting import ByteStream
from preservation.model.amounts import OnProgress
from preservation.model.identifiers import PackageId, StoreIdentity, StoreName
from preservation.model.name_rules import NameRules
from preservation.model.paths import BagPath, StoreKey, fault_of_path, printable, quoted

SiteName = NewType("SiteName", str)
"""A place on earth that one flood or fire can reach. Two stores at one site count as one site."""


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where a store's bytes rest: the site, who runs it, and on what media."""

    site: SiteName
    provider: str
    media: str


def unwatched(files: int, size: int) -> None:
    """Take a report of progress that has no listener."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """A file to be created: its key, the local file its bytes come from, and the size it must have.

    ``written`` is called with bytes as they arrive in the store, and with the file when all of it has; they
    may not be durable yet.
    """

    key: StoreKey
    source: Path
    size: int
    written: OnProgress = field(default=unwatched, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that a store holds. ``size`` is in bytes, as the store reports it."""

    key: StoreKey
    size: int


class Store(Protocol):
    """A create-only store. Every peer passes ``tests/contract/test_stores.py``.

    A store is opened with the identity that it must have. Where another one lies there, or none, the store is
    away, and ``create``, ``list``, ``check`` and ``probe``, which look for it in each call, raise
    ``UnavailableError``. ``open`` and ``stat``, of which there is one a file, look for it where nothing is
    under the key, so that nothing counts as lost; what is there they give: it is compared with digests. A
    store that is opened without an identity can be read, and is not written to.

    Each method raises a ``StorageError`` that names the store, the key and the next step:
    ``DeniedError``, ``StoreFullError`` or ``UnavailableError`` besides those given below. All of
    them may be called from many threads at once.
    """

    @property
    def name(self) -> StoreName:
        """What the settings call it."""

    @property
    def place(self) -> StorePlace:
        """Where its bytes rest."""

    @property
    def name_rules(self) -> NameRules:
        """Which names it can hold."""

    @property
    def portable(self) -> bool:
        """Whether it can be sent to another process of this machine, pickled, and be used there."""

    def create(self, deposits: Iterable[Deposit]) -> None:
        """Create every file of ``deposits``; on return all of them are durable.

        Each becomes visible under its key only when it is whole, in no promised order: what must come
        last is created by a second call. Where the call fails, some files may have been created,
        each of them whole, and the call may be repeated for the others.

        Raises ``AlreadyExistsError`` where a key is taken: nothing is ever overwritten, also not when
        two processes create the same key at once. Raises ``SourceChangedError`` where a source is
        gone, cannot be read, or has not the size it must have.
        """

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        """Open the file for one reading from where it rests, past the page cache where the system lets us.

        Raises ``NotFoundError`` where there is none. A failure in the midst of reading is an ``OSError``.
        """

    def stat(self, key: StoreKey) -> KeptFile:
        """Return the file's size. Raises ``NotFoundError`` where there is none."""

    def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
        """Yield every file below ``prefix``, in the order of the keys' bytes.

        Below ``a/v1`` is ``a/v1/x``, not ``a/v10``. Without a prefix, every file of the store.
        Nothing is held in memory but the folders on the way.
        """

    def location(self, prefix: StoreKey) -> str:
        """Return where that is, for people: an absolute path or a URL."""

    def check(self) -> None:
        """Raise ``UnavailableError`` where nothing can be written for the store is away; write nothing."""

    def probe(self) -> str:
        """Try creating, reading back and listing; leave nothing that is listed; return where it is."""


class Purger(Protocol):
    """Removes what an unfinished try left behind. Apart from ``Store``, so that few can reach it."""

    @property
    def name(self) -> StoreName:
        """The store whose leftovers it removes."""

    def discard_uncommitted(self, package: PackageId) -> None:
        """Remove every file of a package version that was never committed. Nothing there is fine.

        Raises ``IntegrityError``, and removes nothing, where a file is there that commits a version (which
        ones do, the purger is given): then the version exists, and a version is never changed.
        """


class StoreMaker(Protocol):
    """Makes a place a store. Apart from ``Store``, so that no run can reach it."""

    @property
    def name(self) -> StoreName:
        """What the settings call the store."""

    def identity(self) -> StoreIdentity | None:
        """Return the identity that lies there; ``None`` where there is none, or no such place."""

    def keys(self, prefix: StoreKey | None) -> Iterator[StoreKey]:
        """Yield the key of every file that lies there, below ``prefix`` where given; none in no place."""

    def make(self, identity: StoreIdentity) -> None:
        """Give the place an identity, for good. Raises ``AlreadyExistsError`` where it has one."""


def require_identity(
    store: StoreName, expected: StoreIdentity | None, found: StoreIdentity | None, place: str
) -> None:
    """Raise ``UnavailableError`` unless the identity at ``place`` is the one that ``store`` must have."""
    again = f"muniment stores init {store}"
    if expected is None:
        raise UnavailableError(
            f"store {store}: it has no identity yet, and without one nothing is written into {place}, which "
            f"may be the mount point of a disk that is away; see that its disk is mounted, then run: {again}"
        )
    if found is None:
        raise UnavailableError(
            f"store {store}: {place} does not hold the identity of this store, so it may be the mount point "
            f"of a disk that is away; mount its disk, or, where this is the store, run: {again}"
        )
    if found != expected:
        raise UnavailableError(
            f"store {store}: {place} is another store: its identity is {found}, and that of {store} is "
            f"{expected}; mount the disk of {store} there, or correct its place in muniment.toml"
        )


def has_identity(store: StoreName, place: str) -> AlreadyExistsError:
    """Return the error of a place that cannot be made a store, for something lies where the identity goes."""
    return AlreadyExistsError(
        f"store {store}: there is {place} already, and an identity is never replaced; where that file is "
        "damaged, remove it, then make it again"
    )


@contextmanager
def opened_file(store: Store, key: StoreKey) -> Iterator[BinaryIO]:
    """Open the file under ``key`` as a file of Python. Raises as ``Store.open`` does."""
    with store.open(key) as stream:
        yield io.BufferedReader(_Readable(stream))


class _Readable(io.RawIOBase):
    """A stream of a store, as the standard library reads from it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]  # hashes want no more than these two
        return self._stream.readinto(buffer)


def is_there_already(store: StoreName, key: StoreKey) -> AlreadyExistsError:
    """Return the error of a store for a key that is taken."""
    return AlreadyExistsError(
        f"store {store}: {printable(key)} is there already, and a store only creates; "
        "another run may be keeping the same version, or an earlier run left it there"
    )


def is_committed(store: StoreName, package: PackageId, by: BagPath) -> IntegrityError:
    """Return the error of a purger for a version that ``by`` commits."""
    return IntegrityError(
        f"store {store}: {package} is committed, for it has {by}, so it exists and is not discarded; "
        "compare it with another replica"
    )


def require_sound(store: StoreName, key: StoreKey) -> None:
    """Raise ``DeniedError`` where ``key`` would leave the store's root or is one of the store's own."""
    fault = fault_of_path(key)
    if fault is None and key.startswith("."):
        fault = "it begins with a dot, and such keys are the store's own"
    if fault is not None:
        raise DeniedError(
            f"store {store}: {quoted(key)} cannot be a key: {fault}; a key is collection/object/version/path"
        )
