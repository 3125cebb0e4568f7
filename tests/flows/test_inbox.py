from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.inboxes import terms
from support.takes import MAPS, NOON, a_drop, an_area, told_of

from flows.inboxes import answer
from flows.inboxes.folder import watcher
from flows.inboxes.folder.inboxes import Inbox, InboxFault
from flows.inboxes.folder.take import take
from flows.inboxes.folder.watcher import SweepResult, Watcher
from flows.inboxes.queue.takes import Take
from flows.installation.areas import Area, StrayInInbox
from flows.submission.drop import sidecars_of
from preservation.model.verdicts import Verdict
from preservation.settling.drops import PassedOverFor
from preservation.settling.settle import Moment, WaitingFor
from preservation.settling.writing import HeldOpen

NOBODY = HeldOpen(frozenset(), 0)


@dataclass
class Clock:
    """Time that goes on when the test says so; every look and every listing takes ``cost`` of it."""

    moment: float = 0.0
    cost: float = 0.0
    asked: int = 0

    def cpu(self) -> float:
        """Tell how much time went into work, which asks at its beginning and at its end."""
        self.asked += 1
        return self.asked * self.cost

    @property
    def spent(self) -> float:
        """How much time all of the work took."""
        return self.asked * self.cost / 2


@dataclass
class Watched:
    """An area whose only inbox is watched."""

    area: Area
    policy: tuple[str, ...] = ("settle = 30",)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.area, MAPS, terms(*self.policy))
        self.faults: list[InboxFault] = []
        self.listings = 0
        self.watcher = Watcher(
            5.0, held=lambda _: NOBODY, clock=lambda: self.clock.moment, cpu=self.clock.cpu
        )

    def inboxes(self) -> Iterator[Inbox | StrayInInbox | InboxFault]:
        self.listings += 1
        yield from self.faults or [self.inbox]

    def sweep(self, after: float = 0.0) -> SweepResult:
        """Let time go by, then sweep."""
        self.clock.moment += after
        return self.watcher.sweep(self.inboxes, Moment(self.clock.moment))

    def until_complete(self, most: float = 600.0) -> tuple[float, SweepResult]:
        """Sweep whenever the watcher asks for it; return how long it took until something was complete."""
        began, swept = self.clock.moment, self.sweep()
        while not swept.complete:
            self.clock.moment = swept.again
            assert self.clock.moment - began < most, swept.waiting
            swept = self.sweep()
        return self.clock.moment - began, swept


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(an_area(tmp_path))


def test_a_drop_at_rest_is_complete_as_soon_as_its_time_is_over(watched: Watched):
    a_drop(watched.area)

    took, swept = watched.until_complete()

    assert took == pytest.approx(30, abs=0.1)
    [complete] = swept.complete
    assert (complete.name, complete.object_name, complete.files) == ("sheet-012", "sheet-012", 3)
    assert swept.waiting == ()


def test_what_waits_is_reported_with_figures_and_with_the_reason(watched: Watched):
    drop = a_drop(watched.area)
    watched.sweep()
    (drop / "more.txt").write_text("more")

    [waiting] = watched.sweep(after=15).waiting

    assert (waiting.reason, waiting.files) == (WaitingFor.GROWTH, 4)
    assert waiting.sentence.endswith("still growing")


def test_a_drop_that_grows_now_and_then_is_not_complete_in_between(watched: Watched):
    drop = a_drop(watched.area)
    for number in range(20):
        (drop / f"late {number}").touch()
        for _ in range(2):
            assert watched.sweep(after=10).complete == ()

    assert watched.until_complete()[1].complete[0].files == 23


def test_a_drop_that_is_being_written_is_reported_as_it_is_now_and_its_short_pauses_ask_for_no_longer_one(
    watched: Watched,
):
    drop = a_drop(watched.area, files=1)
    watched.sweep()
    for number in range(1, 8):
        (drop / f"page-{number}.txt").write_text("more")
        watched.watcher.touched([drop])
        [waiting] = watched.sweep(after=3).waiting
        assert waiting.files == 1 + number
    took, _ = watched.until_complete()
    assert took == 30


def test_a_touched_inbox_is_listed_without_waiting_for_the_next_time(watched: Watched):
    watched.sweep()
    drop = a_drop(watched.area)
    assert watched.sweep(after=1).waiting == ()

    watched.watcher.touched([drop])

    assert [one.path for one in watched.sweep().waiting] == [str(drop)]


def test_a_sentinel_brings_a_drop_on_that_only_waited_for_it(tmp_path: Path):
    for name, place in (("inside", "sheet-012/.done"), ("beside", "sheet-012.done")):
        watched = Watched(an_area(tmp_path / name), ('complete_when = "sentinel"', "settle = 30"))
        drop = a_drop(watched.area)
        for _ in range(8):
            [waiting] = watched.sweep(after=15).waiting
        assert waiting.reason == WaitingFor.SENTINEL
        (drop.parent / place).touch()

        took, swept = watched.until_complete()

        assert took <= 40
        assert swept.complete[0].sentinels == (("sheet-012.done",) if name == "beside" else ())


def test_what_is_passed_over_is_shown_with_the_reason_and_nothing_becomes_of_it(watched: Watched):
    watcher = watched.area.inbox / MAPS
    for name in (".hidden", "page.part", "Thumbs.db", "_scans", "two\nlines"):
        (watcher / name).touch()
    (watcher / os.fsdecode(b"caf\xe9")).mkdir()

    swept = watched.sweep()

    assert swept.waiting == ()
    reasons = {one.path.name: one.reason for one in swept.passed_over if not isinstance(one, StrayInInbox)}
    assert reasons == {
        ".hidden": PassedOverFor.HIDDEN,
        "page.part": PassedOverFor.TEMPORARY,
        "Thumbs.db": PassedOverFor.JUNK,
        "_scans": PassedOverFor.UNNAMEABLE,
        "two\nlines": PassedOverFor.UNNAMEABLE,
        os.fsdecode(b"caf\xe9"): PassedOverFor.UNNAMEABLE,
    }


def test_groups_are_part_of_the_objects_name_and_never_make_two_drops_one(tmp_path: Path):
    watched = Watched(an_area(tmp_path), ("grouping = 1", "settle = 30"))
    for group, name in (("box-1", "sheet"), ("a_", "b"), ("a", "_b"), ("a", "b__c"), ("a__b", "c")):
        a_drop(watched.area, name, group)

    _, swept = watched.until_complete()

    assert [one.object_name for one in swept.complete] == ["box-1__sheet"]
    assert swept.complete[0].groups == ("box-1",)
    assert len(swept.passed_over) == 4


def test_a_serialized_bag_becomes_the_object_that_it_becomes_on_the_command_line(watched: Watched):
    (watched.area.inbox / MAPS / "sheet-012.tar.gz").write_bytes(b"x")

    _, swept = watched.until_complete()

    assert (swept.complete[0].name, swept.complete[0].object_name) == ("sheet-012.tar.gz", "sheet-012")


def test_a_share_that_is_away_for_a_while_does_not_make_its_drops_new(watched: Watched):
    a_drop(watched.area)
    watched.sweep()
    watched.sweep(after=15)
    watched.faults = [InboxFault(watched.area.root, "the share is away")]

    swept = watched.sweep(after=6)

    assert [fault.sentence for fault in swept.faults] == ["the share is away"]
    watched.faults = []
    assert watched.until_complete()[0] <= 15


def test_an_inbox_that_cannot_be_listed_is_reported(watched: Watched):
    watched.inbox.path.rmdir()

    [fault] = watched.sweep().faults

    assert "cannot be listed" in fault.sentence


def test_a_drop_that_was_taken_away_again_is_forgotten(watched: Watched):
    drop = a_drop(watched.area)
    assert watched.sweep().waiting
    drop.rename(watched.area.root / "elsewhere")

    assert watched.sweep(after=15).waiting == ()


def test_what_is_at_rest_costs_less_than_a_hundredth_of_a_core_however_much_it_is(tmp_path: Path):
    watched = Watched(an_area(tmp_path), ('complete_when = "sentinel"', "settle = 30"), Clock(cost=0.01))
    for number in range(40):
        a_drop(watched.area, f"drop-{number}", files=1)
    for _ in range(20):
        watched.sweep(after=15)
    before, began = watched.clock.spent, watched.clock.moment

    while watched.clock.moment < began + 3600:
        swept = watched.sweep()
        assert swept.again > watched.clock.moment
        watched.clock.moment = swept.again

    assert watched.clock.spent - before <= 0.01 * (watched.clock.moment - began)
    assert watched.listings > 100
    # Whatever nobody told of is seen in the end.
    assert watched.clock.spent - before > 40 * 0.01


def test_being_touched_all_the_time_does_not_mean_being_looked_at_all_the_time(tmp_path: Path):
    watched = Watched(an_area(tmp_path), ('complete_when = "sentinel"', "settle = 30"), Clock(cost=0.5))
    drop = a_drop(watched.area)
    for _ in range(8):
        watched.sweep(after=15)
    before, began = watched.clock.spent, watched.clock.moment

    while watched.clock.moment < began + 600:
        watched.watcher.touched([drop, drop.parent / "unknown"])
        watched.sweep(after=0.5)

    assert watched.clock.spent - before <= 0.25 * 600


def test_one_drop_that_cannot_be_looked_at_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    watched = Watched(an_area(tmp_path))
    for name in ("away", "sheet-1"):
        a_drop(watched.area, name)
    judged = watcher.judge

    def judge(drop: Path, *rest: object) -> object:
        if drop.name == "away":
            raise OSError(errno.EHOSTDOWN, os.strerror(errno.EHOSTDOWN))
        return judged(drop, *rest)  # type: ignore[arg-type]  as it was called

    monkeypatch.setattr(watcher, "judge", judge)
    assert [fault.path.name for fault in watched.sweep().faults] == ["away"]
    assert [drop.name for drop in watched.until_complete()[1].complete] == ["sheet-1"]
    monkeypatch.undo()

    later = watched.until_complete()[1]

    assert "away" in [drop.name for drop in later.complete]
    assert later.faults == ()


def test_a_file_waits_while_the_manifest_beside_it_is_written_and_is_taken_with_it(watched: Watched):
    plate = watched.area.inbox / MAPS / "plate.tif"
    plate.write_bytes(b"one")
    assert watched.sweep(after=20).complete == ()
    sidecar = plate.with_name("plate.tif.md5")
    sidecar.write_text("f97c5d29941bfb1b2fdab0874906ab82")
    assert watched.sweep(after=15).complete == ()

    took, swept = watched.until_complete()

    [complete] = swept.complete
    assert (complete.name, complete.sentinels) == ("plate.tif", ("plate.tif.md5",))
    assert took > 10
    taken = take(complete, NOON)
    assert isinstance(taken, Take)
    assert sidecars_of(taken.path) == [taken.beside.path / "plate.tif.md5"]
    answer.place(told_of(taken, Verdict.REJECTED, watched.area.root / "receipts"), taken)
    assert (watched.area.rejected / MAPS / "plate.tif.md5").exists()
    assert not taken.folder.exists()
