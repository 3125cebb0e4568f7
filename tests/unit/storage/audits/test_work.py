"""What an audit records where a repair ends between its look and its record: what is there then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ordeals.forging import shelf
from support.memory_audits import MemoryAudits
from support.versions import NOW, Room

from preservation.errors import UnavailableError
from preservation.model.damage import DamageKind
from preservation.model.events import Agent, AgentKind
from preservation.model.paths import BagPath
from storage.audits import replica
from storage.audits.damage_records import record_part
from storage.audits.replica import ReplicaReader
from storage.audits.work import LEASE, AuditPorts, AuditResult, AuditWork
from storage.ports.audits import AuditedReplica, Claimant, DamageState
from storage.tag_digests import recorded_digests

PAGE = BagPath("data/originals/page 1.txt")
STRAY = BagPath("data/originals/stray.txt")
ME = Claimant("me")
AGENT = Agent(AgentKind.SOFTWARE, "Muniment")


def moments() -> Iterator[timedelta]:
    for second in range(10_000):
        yield timedelta(seconds=second)


@dataclass
class Scene:
    """A version in two stores, its audits, a clock that goes on, and what happens after a second look."""

    room: Room

    def __post_init__(self) -> None:
        self.room.keep({"page 1.txt": b"page one", "page 2.txt": b"page two"}, 1)
        self.package = self.room.package(1)
        self.before = dict(shelf(self.room, 0))
        self.audits = MemoryAudits(self.room.catalogue, self.room.journal)
        self.times = moments()
        self.meanwhile: Callable[[], None] | None = None

    def clock(self) -> datetime:
        return NOW + next(self.times)

    def clock_of_reader(self) -> datetime:
        """Give the time at which something is seen; then ``meanwhile`` happens, once."""
        at, meanwhile = self.clock(), self.meanwhile
        self.meanwhile = None
        if meanwhile is not None:
            meanwhile()
        return at

    @property
    def reader(self) -> ReplicaReader:
        first, second = self.room.stores
        return ReplicaReader(
            first, [second], lambda: first, self.room.root, 1, self.clock_of_reader, pause=0.0
        )

    def put(self, path: str, content: bytes | None) -> None:
        key = next(one for one in (*self.before, f"{self.package.prefix}/{path}") if one.endswith(path))
        if content is None:
            shelf(self.room, 0).pop(key, None)
        else:
            shelf(self.room, 0)[key] = content

    def work(self) -> AuditWork:
        ports = AuditPorts(self.room.catalogue, self.room.journal, self.audits, AGENT, self.clock)
        return AuditWork(ports, ME)

    def claimed(self) -> list[AuditedReplica]:
        at, store = self.clock(), self.room.stores[0].name
        claimed = self.audits.claim_package(ME, self.package, store, at=at, until=at + LEASE)
        assert claimed is not None
        return [claimed]

    def read(self) -> AuditResult:
        [result] = self.work().read(self.claimed(), self.reader, lambda: True)
        return result

    def mend(self) -> None:
        """Put everything right, and end what is open of it, as a repair does."""
        shelf(self.room, 0).clear()
        shelf(self.room, 0).update(self.before)
        self.end()

    def end(self) -> None:
        numbers = [one.number for one in self.audits.damages()]
        self.audits.end_damage(
            numbers, DamageState.HEALED, at=self.clock(), by="", because="repaired", events=[]
        )

    def events(self) -> list[str]:
        return [one.outcome for one in self.room.journal.about() if one.event_type == "fixity check"]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(Room(tmp_path))


def empty(scene: Scene) -> None:
    shelf(scene.room, 0).clear()


DAMAGES: dict[str, Callable[[Scene], None]] = {
    "mismatched": lambda scene: scene.put(PAGE, b"other"),
    "missing": lambda scene: scene.put(PAGE, None),
    "unexpected": lambda scene: scene.put(STRAY, b"stray"),
    "the whole": empty,
}


@pytest.mark.parametrize("hurt", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_is_put_right_after_it_was_seen_is_no_damage(scene: Scene, hurt: Callable[[Scene], None]):
    hurt(scene)
    assert scene.read().damaged == 1
    known = scene.events()
    scene.meanwhile = scene.mend
    assert scene.read().damaged == 0
    assert list(scene.audits.damages()) == []
    assert [one.state for one in scene.audits.damages(None)] == [DamageState.HEALED]
    assert scene.events() == [*known, "success"]


@pytest.mark.parametrize("hurt", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_is_damaged_again_after_it_was_put_right_is_new_damage(
    scene: Scene, hurt: Callable[[Scene], None]
):
    hurt(scene)
    scene.read()
    # Its damage ended, and it is as bad as it was.
    scene.meanwhile = scene.end
    assert scene.read().damaged == 1
    [one] = scene.audits.damages()
    [ended] = scene.audits.damages(DamageState.HEALED)
    assert ended.ended_at is not None
    assert one.damage.at > ended.ended_at
    assert one.damage.path == ended.damage.path


def test_where_the_clock_was_set_back_since_damage_ended_it_is_new_all_the_same(scene: Scene):
    scene.put(PAGE, b"other")
    scene.read()
    [one] = scene.audits.damages()
    later = scene.clock() + timedelta(days=400)
    scene.audits.end_damage([one.number], DamageState.CLOSED, at=later, by="Ada", because="so", events=[])
    assert scene.read().damaged == 1
    [again] = scene.audits.damages()
    assert again.number != one.number
    assert again.damage.at > later


def test_other_damage_of_the_same_part_stays(scene: Scene):
    other = BagPath("data/originals/page 2.txt")
    scene.put(PAGE, b"other")
    scene.read()
    scene.put(other, b"other, too")

    def mend_one() -> None:
        scene.put(PAGE, b"page one")
        scene.end()

    scene.meanwhile = mend_one
    result = scene.read()
    assert [one.path for one in result.damages] == [other]
    assert [one.damage.path for one in scene.audits.damages()] == [other]


def test_damage_that_is_no_longer_among_the_named_ones_is_not_healed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replica, "_NAMED", 1)
    later = BagPath("data/originals/page 2.txt")
    scene.put(later, b"other")
    scene.read()
    scene.put(PAGE, b"other")
    result = scene.read()
    assert (result.damaged, result.unnamed) == (2, 1)
    assert {one.damage.path for one in scene.audits.damages()} == {PAGE, later}
    scene.put(PAGE, b"page one")
    scene.read()
    assert [one.damage.path for one in scene.audits.damages()] == [later]


def test_what_was_seen_before_the_store_went_away_is_told(scene: Scene):
    scene.put(PAGE, b"other")
    told: list[AuditResult] = []

    def goes_on() -> bool:
        if went_away:
            raise UnavailableError("store first: it is away")
        went_away.append(True)
        return True

    went_away: list[bool] = []
    work = scene.work()
    readings = work.read(scene.claimed() * 2, scene.reader, goes_on)
    with pytest.raises(UnavailableError, match="away"):
        told += readings
    assert work.is_damaged
    assert [one.damaged for one in told] == [1]


def test_what_a_sample_saw_and_what_was_put_right_since_is_looked_at_again(scene: Scene):
    scene.put(PAGE, b"other")
    scene.read()
    recorded = recorded_digests(scene.room.catalogue, scene.room.journal, scene.package)
    scene.meanwhile = scene.mend
    part = scene.reader.read_some(scene.package, recorded.digests, range(100))
    assert [one.kind for one in part.damages] == [DamageKind.MISMATCHED]
    part = record_part(scene.audits, part, scene.reader, AGENT)
    assert part.damages == ()
    assert list(scene.audits.damages()) == []
