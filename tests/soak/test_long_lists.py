"""A version of 300,000 files is filled, repaired and restored in the memory that one of 10,000 takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from support.memory_store import MemoryQuarantine
from support.records import MOMENT, package_named
from support.store_peers import folder_store

from preservation.model.damage import Damage, DamageKind
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import StoreName
from preservation.model.paths import BagPath
from preservation.model.tag_digests import TagDigest
from storage.fill import fill
from storage.ports.catalogue import CatalogueFile
from storage.repair import Healed, ReplicaRepair
from storage.replication.outcomes import Verified
from storage.restore.restore import restore
from storage.restore.source import catalogued_digests, find_source, whole_bag
from storage.restore.target import opened_target
from storage.stores.folder.replace import FolderReplacer
from storage.stores.folder.store import FolderStore

FEW, MANY = 10_000, 300_000
MORE = 40 << 20
"""So many bytes more may the many take: less than their names alone would."""

SHEET = package_named("maps/atlas/v1")
FIRST, SECOND = StoreName("first"), StoreName("second")
MANIFEST, COMMIT = BagPath("manifest-sha256.txt"), BagPath("tagmanifest-sha256.txt")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 * 60)]


def content(number: int) -> bytes:
    return b"page %d" % number


def path(number: int) -> BagPath:
    return BagPath(f"data/originals/part {number // 1000:04}/a page of the atlas, number {number:07}.txt")


def sha256(data: bytes) -> HexDigest:
    return HexDigest(hashlib.sha256(data).hexdigest())


@dataclass
class Atlas:
    """A version of so many files in one store, and another store that lacks it."""

    root: Path
    files: int

    def __post_init__(self) -> None:
        self.first = folder_store(self.root / "first", FIRST)
        self.second = folder_store(self.root / "second", SECOND)
        bag = self.root / "first" / SHEET.prefix
        manifest = hashlib.sha256()
        bag.mkdir(parents=True)
        with (bag / MANIFEST).open("wb") as lists:
            for number in range(self.files):
                place = bag / path(number)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content(number))
                line = f"{sha256(content(number))}  {path(number)}\n".encode()
                lists.write(line)
                manifest.update(line)
        declaration = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        (bag / "bagit.txt").write_bytes(declaration)
        commit = f"{sha256(declaration)}  bagit.txt\n{manifest.hexdigest()}  {MANIFEST}\n".encode()
        (bag / COMMIT).write_bytes(commit)
        self.recorded = (TagDigest(COMMIT, Algorithm.SHA256, sha256(commit)),)

    def catalogued(self) -> Iterator[CatalogueFile]:
        for number in range(self.files):
            found = content(number)
            yield CatalogueFile(path(number), len(found), {Algorithm.SHA256: sha256(found)}, None)

    def scratch(self) -> Path:
        place = self.root / "scratch"
        place.mkdir(exist_ok=True)
        return place

    def fill(self) -> None:
        outcome = fill(
            SHEET,
            self.second,
            [self.first],
            self.catalogued,
            self.recorded,
            purger=None,
            scratch=self.scratch(),
            threads=2,
            clock=lambda: MOMENT,
            damaged=lambda _store, _sentence: None,
        )
        assert isinstance(outcome, Verified), outcome

    def restore(self) -> None:
        """Restore all of it from the first store alone, as a drill does."""
        catalogued = catalogued_digests(self.catalogued(), self.scratch())
        source = find_source(SHEET, [self.first], catalogued, self.recorded, scratch=self.scratch())
        with opened_target(self.root / "restored") as target:
            found = restore(SHEET, whole_bag(source.description), source.stores, target, threads=2)
        assert not found.lost, found
        assert found.files == self.files + 3

    def repair(self) -> None:
        damaged = path(self.files // 2)
        place = self.root / "second" / SHEET.prefix / damaged
        place.unlink()
        promised = {Algorithm.SHA256: sha256(content(self.files // 2))}
        order = ReplicaRepair(
            SHEET,
            self.second,
            replacer_of(self.second, self.root / "second"),
            [self.first],
            self.catalogued,
            self.recorded,
            MemoryQuarantine(),
            self.scratch(),
            2,
            lambda: MOMENT,
            lambda _store, _sentence: None,
        )
        [outcome] = order.run([Damage(SHEET, SECOND, damaged, DamageKind.MISSING, MOMENT, promised)])
        assert isinstance(outcome, Healed), outcome


def replacer_of(store: FolderStore, root: Path) -> FolderReplacer:
    return FolderReplacer(store.name, root, store._identity)


def grown(work: Callable[[], None]) -> int:
    """Do the work; return how many bytes more this process held at some time in it."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS:")
    work()
    return memory("VmHWM:") - before


def memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


@pytest.mark.parametrize("act", ["fill", "repair", "restore"])
def test_many_files_take_no_more_memory_than_few(
    tmp_path: Path, act: str, record_property: Callable[[str, object], None]
):
    few, many = Atlas(tmp_path / "few", FEW), Atlas(tmp_path / "many", MANY)
    if act == "repair":
        few.fill()
        many.fill()
    first = grown(partial(getattr(few, act)))
    more = grown(partial(getattr(many, act)))
    record_property(f"{act}: MB more for {FEW:,} and {MANY:,} files", (first >> 20, more >> 20))
    assert more < first + MORE, (first >> 20, more >> 20)
