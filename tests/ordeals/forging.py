"""Forgeries in the stores and the catalogue, and whether anything relies on what was forged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import strategies as st
from support.forgeries import files_of, fit_catalogue, forge
from support.memory_store import MemoryStore
from support.versions import Room

from preservation.errors import IntegrityError, NotFoundError
from preservation.model.digests import Algorithm, Digests
from preservation.model.identifiers import PackageId
from preservation.model.paths import BagPath, StoreKey
from storage.presence import presence
from storage.restore.restore import restore
from storage.restore.source import find_source, wanted_files
from storage.restore.target import opened_target
from storage.reuse import EARLIER_VERSION_UNSOUND, reusable
from storage.tag_digests import recorded_digests

FIRST = {"cover.tif": b"the cover", "page 1.tif": b"one" * 99, "100%.tif": b"a percent sign"}
SECOND = {**FIRST, "page 2.tif": b"new"}


def row_is_there(_room: Room, _package: PackageId, _forged: int) -> None:
    pass


def row_is_gone(room: Room, package: PackageId, _forged: int) -> None:
    room.catalogue.forget(package)


def digests_are_gone(room: Room, package: PackageId, _forged: int) -> None:
    room.catalogue.alter(replace(room.catalogue.package(package), tag_digests=()))


def digests_fit_the_forgery(room: Room, package: PackageId, forged: int) -> None:
    fit_catalogue(room, package, forged)


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  every restore syncs its disk, and many are made
Change: TypeAlias = Callable[[Room, PackageId, int], None]
DATABASES = (row_is_there, row_is_gone, digests_are_gone, digests_fit_the_forgery)


def shelf(room: Room, number: int) -> dict[StoreKey, bytes]:
    store = room.stores[number]
    assert isinstance(store, MemoryStore)
    return store.shelf.kept


def catalogued(room: Room, package: PackageId) -> dict[BagPath, Digests] | None:
    try:
        return {file.path: file.digests for file in room.catalogue.files(package)}
    except NotFoundError:
        return None


def restored_whole(room: Room, package: PackageId, target: Path) -> tuple[dict[str, bytes], list[str]]:
    """Restore the whole bag as the command does; return its files and the messages of the issues."""
    recorded = recorded_digests(room.catalogue, room.journal, package)
    source = find_source(package, room.stores, catalogued(room, package), recorded.digests)
    wanted = wanted_files(source.description, (), whole=True)
    with opened_target(target) as landing:
        done = restore(package, wanted, source.stores, landing, threads=1)
    found = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert not done.lost
    return found, [*recorded.doubts, *(issue.message for issue in (*source.issues, *done.issues))]


class Genuine:
    """A room with two versions as they were kept, and what a restore of each gives."""

    def __init__(self, folder: Path) -> None:
        self.room = Room(folder / "room")
        self.room.keep(FIRST, 1)
        self.room.keep(SECOND, 2)
        self.whole = {
            number: restored_whole(self.room, self.room.package(number), folder / f"{number}")[0]
            for number in (1, 2)
        }

    @contextmanager
    def to_be_forged(self) -> Iterator[Room]:
        """Yield the room, and undo afterwards what was done to it."""
        before = [dict(shelf(self.room, store)) for store in (0, 1)]
        with self.room.catalogue.as_it_was():
            try:
                yield self.room
            finally:
                for store, content in enumerate(before):
                    shelf(self.room, store).clear()
                    shelf(self.room, store).update(content)


def altered(content: bytes, how: str) -> bytes:
    match how:
        case "longer":
            return content + b"\n"
        case "shorter":
            return content[:-1]
        case _:
            return content.replace(content[:1], bytes([content[0] ^ 1]), 1)


@dataclass(frozen=True)
class Forgery:
    """A file of a version, altered in some of the stores, and what was done to the catalogue's row."""

    number: int
    place: int
    how: str
    stores: tuple[int, ...]
    database: Change


FORGERIES = st.builds(
    Forgery,
    number=st.sampled_from((1, 2)),
    place=st.integers(0, 99),
    how=st.sampled_from(("longer", "shorter", "other")),
    stores=st.sampled_from(((0,), (1,), (0, 1))),
    database=st.sampled_from(DATABASES),
)


def require_not_relied_on(kept: Genuine, forgery: Forgery) -> None:
    """Forge, and see that it is not handed out, not taken for kept, and not built upon."""
    with kept.to_be_forged() as room, tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        package = room.package(forgery.number)
        paths = files_of(shelf(room, 0), package)
        path = paths[forgery.place % len(paths)]
        for store in forgery.stores:
            content = shelf(room, store)[StoreKey(f"{package.prefix}/{path}")]
            forge(shelf(room, store), package, path, altered(content, forgery.how))
        wanted = [file.digests[Algorithm.SHA256] for file in room.catalogue.files(package)]
        forgery.database(room, package, forgery.stores[0])

        whole = kept.whole[forgery.number]
        _require_genuine(room, package, forgery.stores, Path(folder) / "target", whole)

        if forgery.database is row_is_gone:
            return
        seen = presence(room.catalogue, room.journal, package, room.stores, most_bytes=1 << 30, threads=1)
        assert set(seen.faults) == {room.stores[store].name for store in forgery.stores}
        assert forgery.database is row_is_there or (seen.doubts and not seen.sound)
        third = room.package(3)
        reused = reusable(room.catalogue, room.journal, third, wanted, room.stores, threads=1)
        assert EARLIER_VERSION_UNSOUND in {issue.code for issue in reused.unsound}
        assert all(locator.package != package for locator in reused.files.values())


def _require_genuine(
    room: Room, package: PackageId, forged: tuple[int, ...], target: Path, whole: dict[str, bytes]
) -> None:
    """See that a restore gives what was kept, or nothing where no replica has it."""
    if len(forged) == len(room.stores):
        with pytest.raises(IntegrityError, match="no replica's own lists can be relied on"):
            restored_whole(room, package, target)
        assert not target.exists()
        return
    found, messages = restored_whole(room, package, target)
    assert found == whole
    # The first store is read first: what is wrong with the second is not looked for.
    assert forged == (1,) or any("store first" in message for message in messages)
