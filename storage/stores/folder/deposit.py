"""One ``create`` of a folder store: files become whole and durable in an area, then get names."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count, groupby
from operator import attrgetter

from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from preservation.pool import in_portions
from storage.ports.stores import Deposit, is_there_already, require_sound
from storage.stores.folder.copy import copy_in
from storage.stores.folder.faults import translating
from storage.stores.folder.linux import sync_file_system
from storage.stores.folder.modes import Modes
from storage.stores.folder.move import move_folder_without_replacing, move_without_replacing
from storage.stores.folder.staging import INCOMING
from storage.stores.folder.tree import Segments, opened_folder

_SIZE = attrgetter("size")

_BATCH_FILES = 4096
_BATCH_BYTES = 1 << 30

_SHARE_FILES = 1024
_SHARE_BYTES = 64 << 20
"""What one thread takes at a time, of one folder."""

_LARGE_BYTES = 8 << 20
"""A file of that size is synced at once: the disk then works while other threads copy on."""


@dataclass(frozen=True, slots=True)
class _Filling:
    """Deposits of one folder of the store, made whole in the folder ``name`` of the area."""

    name: str
    folder: Segments
    deposits: Sequence[Deposit]


@dataclass(slots=True)
class Depositor:
    """Brings deposits under their keys. ``root``, ``incoming`` and ``area`` are open folders."""

    store: StoreName
    root: int
    incoming: int
    area: int
    workers: Executor
    modes: Modes
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    def deposit(self, deposits: Iterable[Deposit]) -> None:
        """Create them all, batch by batch. Raises as ``Store.create`` does."""
        for batch in in_portions(deposits, _SIZE, most=_BATCH_FILES, enough=_BATCH_BYTES):
            fillings = [
                _Filling(str(next(self._numbers)), folder, members)
                for folder, group in groupby(batch, key=lambda deposit: tuple(deposit.key.split("/")[:-1]))
                for members in _without_twins(group)
            ]
            made = [
                self.workers.submit(self._make_whole, filling.name, share)
                for filling in fillings
                for share in in_portions(filling.deposits, _SIZE, most=_SHARE_FILES, enough=_SHARE_BYTES)
            ]
            for future in made:
                future.result()
            # The file system as a whole: what is named next may be a commit, and with it all that went
            # before must be durable, also names that a killed run gave and never synced.
            self._sync()
            for filling in fillings:
                self._give_names(filling)
            self._sync()

    def _make_whole(self, name: str, share: Sequence[Deposit]) -> None:
        """Copy a share into the folder ``name`` of the area, each file under the last part of its key."""
        with self._area_folder(name) as folder:
            for deposit in share:
                require_sound(self.store, deposit.key)
                with translating(self.store, "create", deposit.key):
                    copy_in(
                        deposit,
                        folder,
                        _name_of(deposit),
                        self.modes.file,
                        durable=deposit.size >= _LARGE_BYTES,
                    )

    def _give_names(self, filling: _Filling) -> None:
        """Move the folder into its place where there is none yet, else its files one by one."""
        with translating(self.store, "create", filling.deposits[0].key):
            if filling.folder:
                *above, last = filling.folder
                with opened_folder(self.root, tuple(above), make=self.modes.folder) as target:
                    if move_folder_without_replacing(self.area, filling.name, target, last):
                        return
            with (
                self._area_folder(filling.name) as source,
                opened_folder(self.root, filling.folder, make=self.modes.folder) as target,
            ):
                for deposit in filling.deposits:
                    self._move(source, target, deposit)

    @contextmanager
    def _area_folder(self, name: str) -> Iterator[int]:
        with ExitStack() as opened:
            with translating(self.store, "make a folder in", INCOMING):
                folder = opened.enter_context(opened_folder(self.area, (name,), make=self.modes.folder))
            yield folder

    def _move(self, source: int, target: int, deposit: Deposit) -> None:
        name = _name_of(deposit)
        with translating(self.store, "create", deposit.key):
            try:
                move_without_replacing(source, name, target, name, guard=self.incoming)
            except FileExistsError as error:
                raise is_there_already(self.store, deposit.key) from error

    def _sync(self) -> None:
        with translating(self.store, "make durable", "what was written"):
            sync_file_system(self.root)


def _without_twins(deposits: Iterable[Deposit]) -> Iterator[list[Deposit]]:
    """Split where a key comes again: the store must refuse it, and not the area."""
    members: dict[StoreKey, Deposit] = {}
    for deposit in deposits:
        if deposit.key in members:
            yield list(members.values())
            members = {}
        members[deposit.key] = deposit
    yield list(members.values())


def _name_of(deposit: Deposit) -> StoreKey:
    return StoreKey(deposit.key.rpartition("/")[2])
