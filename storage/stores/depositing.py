"""One ``create`` of a folder store: made whole in an area of its own, made durable, then given its names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from itertools import count, groupby

from preservation.errors import AlreadyExistsError
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey, shown
from storage.portions import in_portions
from storage.ports.stores import Deposit, require_sound
from storage.stores.copying import copy_in
from storage.stores.faults import translated, translating
from storage.stores.incoming import INCOMING
from storage.stores.linux import sync_file_system
from storage.stores.moving import move_without_replacing
from storage.stores.trees import Segments, opened_folder

_BATCH_FILES = 4096
_BATCH_BYTES = 1 << 30

_SHARE_FILES = 256
_SHARE_BYTES = 64 << 20
"""What one thread takes at a time, into a folder of its own: threads would queue for a common one."""

_LARGE_BYTES = 8 << 20
"""A file of that size is synced at once: the disk then works while other threads copy on."""


class Depositor:
    """Brings deposits under their keys. ``root``, ``incoming`` and ``area`` are open folders."""

    def __init__(self, store: StoreName, root: int, incoming: int, area: int, workers: Executor) -> None:
        self._store = store
        self._root = root
        self._incoming = incoming
        self._area = area
        self._workers = workers
        self._numbers = count()

    def deposit(self, deposits: Iterable[Deposit]) -> None:
        """Create them all, batch by batch. Raises as ``Store.create`` does."""
        for batch in in_portions(deposits, _size, most=_BATCH_FILES, enough=_BATCH_BYTES):
            shares = [
                (str(next(self._numbers)), share)
                for share in in_portions(batch, _size, most=_SHARE_FILES, enough=_SHARE_BYTES)
            ]
            made = [self._workers.submit(self._make_whole, *share) for share in shares]
            for future in made:
                future.result()
            # The file system as a whole: what is named next may be a commit, and with it all that went
            # before must be durable, also names that a killed run gave and never synced.
            self._sync()
            for share in shares:
                self._give_names(*share)
            self._sync()

    def _make_whole(self, name: str, share: Sequence[Deposit]) -> None:
        """Copy a share into the folder ``name`` of the area, each file under its number."""
        with self._share_folder(name) as folder:
            for number, deposit in enumerate(share):
                require_sound(self._store, deposit.key)
                with translating(self._store, "create", deposit.key):
                    copy_in(deposit, folder, str(number), durable=deposit.size >= _LARGE_BYTES)

    def _give_names(self, name: str, share: Sequence[Deposit]) -> None:
        with self._share_folder(name) as source:
            for folder, group in groupby(enumerate(share), key=_folder_of):
                members = list(group)
                with (
                    translating(self._store, "create", members[0][1].key),
                    opened_folder(self._root, folder, make=True) as target,
                ):
                    for number, deposit in members:
                        self._move(source, str(number), target, deposit.key)

    @contextmanager
    def _share_folder(self, name: str) -> Iterator[int]:
        with ExitStack() as opened:
            with translating(self._store, "make a folder in", INCOMING):
                folder = opened.enter_context(opened_folder(self._area, (name,), make=True))
            yield folder

    def _move(self, source: int, name: str, target: int, key: StoreKey) -> None:
        try:
            move_without_replacing(source, name, target, key.rpartition("/")[2], guard=self._incoming)
        except FileExistsError as error:
            raise AlreadyExistsError(
                f"store {self._store}: {shown(key)} is there already, and a store only creates; "
                "another run may be keeping the same version, or a run before left it there"
            ) from error
        except OSError as error:
            raise translated(error, self._store, "create", key) from error

    def _sync(self) -> None:
        with translating(self._store, "make durable", "what was written"):
            sync_file_system(self._root)


def _folder_of(member: tuple[int, Deposit]) -> Segments:
    return tuple(member[1].key.split("/")[:-1])


def _size(deposit: Deposit) -> int:
    return deposit.size
