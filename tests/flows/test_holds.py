"""What is held waits where it is, whoever held it, until a person releases it; nothing of it is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.archives import Archive
from support.bucket_inboxes import SHEET, Station, drop_into
from support.command_runs import NearArchive, near
from support.flow_runs import surroundings
from support.memory_drop_bucket import Contents
from support.plain_runs import run_plainly
from support.takes import MAPS, NOON, a_drop, a_take, an_area, found_complete, takes_in, told_of

from flows.alarms.alarm import AlarmKind
from flows.alarms.alarms import outbox_of
from flows.inboxes.folder.take import take
from flows.inboxes.queue.attempts import record_run
from flows.inboxes.queue.dispatch import Batch, Dispatcher
from flows.inboxes.queue.holds import Hold, HoldBook, InboxPlace, hold, hold_on, place_named, release
from flows.inboxes.queue.takes import Take, new_take_id
from flows.inboxes.report import read_inbox_report
from flows.inboxes.service import InboxService
from flows.inboxes.streaks import count_answer
from flows.installation.init import make_installation
from flows.installation.processes import this_process
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.service.alarm_watch import AlarmWatch
from preservation.errors import ConfigurationError, IntegrityError, NotFoundError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import CollectionName, ObjectName
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.verdicts import Verdict

DAMAGED, EMPTY = IssueCode("SCR-020"), IssueCode("SCR-011")


@pytest.fixture
def installed(tmp_path: Path) -> Settings:
    """An installation with maps, which holds what was sent back three times in a row for one fault."""
    directory = tmp_path / "archive"
    make_installation(directory)
    file = directory / "muniment.toml"
    text = file.read_text().replace("hold_after = 5", "hold_after = 3")
    file.write_text(f'{text}\n[[collection]]\nname = "maps"\npolicy = "policies/bit-level.toml"\n')
    an_area(directory)
    return load_settings(directory)


def a_hold(name: str = "maps", inbox: str = "") -> Hold:
    return Hold(
        InboxPlace(MAPS, tuple(name.split("/")[1:]), inbox), "the scanner is mended", "A. Turner", NOON
    )


def an_error(code: IssueCode) -> Issue:
    return Issue(code, Severity.ERROR, "It is damaged.", None, "Scan it again.")


def counted(taken: Take, into: Settings, verdict: Verdict, *codes: IssueCode) -> Hold | None:
    told = told_of(taken, verdict, issues=tuple(map(an_error, codes)))
    return count_answer(taken, told, into, NOON)


def dispatched(given_to: Settings) -> list[str]:
    asked: list[Batch] = []
    Dispatcher(given_to, list, asked.append, lambda: NOON).dispatch()
    return [one.name for batch in asked for one in batch.takes]


def test_what_is_held_is_given_to_no_run_and_goes_on_when_it_is_released(installed: Settings):
    area = installed.areas[0]
    taken = a_take(area)
    hold(a_hold(), installed)

    # Each time another dispatcher, as after a restart.
    assert [dispatched(installed), dispatched(installed)] == [[], []]
    assert taken.has_drop
    assert [one.because for one in release(InboxPlace(MAPS), installed)] == ["the scanner is mended"]
    assert dispatched(installed) == ["sheet-012"]


def test_a_hold_is_on_its_place_and_on_no_other(installed: Settings):
    of_group = (a_hold("maps/2026-05", "scans"),)
    held = {
        InboxPlace(MAPS, ("2026-05",), "scans"): True,
        InboxPlace(MAPS, ("2026-05", "box-1"), "scans"): True,
        InboxPlace(MAPS, ("2026-05",), "/mnt/other"): False,
        InboxPlace(MAPS, ("2026-06",), "scans"): False,
        InboxPlace(MAPS, (), "scans"): False,
        InboxPlace(CollectionName("plans"), ("2026-05",), "scans"): False,
    }
    assert {place: hold_on(place, of_group) is not None for place in held} == held
    everywhere = (a_hold("maps"),)
    assert all(hold_on(place, everywhere) for place in held if place.collection == MAPS)
    with pytest.raises(NotFoundError, match="no such inbox"):
        place_named("maps", "nowhere", installed)
    with pytest.raises(ConfigurationError):
        place_named("..", "", installed)
    assert place_named("maps/2026-05", ".", installed).inbox == str(installed.directory)


def test_a_place_is_held_once_and_released_with_all_that_is_held_in_it(installed: Settings):
    first = hold(a_hold("maps/2026-05"), installed)
    hold(a_hold("maps"), installed)
    again = hold(msgspec.structs.replace(a_hold("maps/2026-05"), by="B. Smith"), installed)

    assert (again, len(HoldBook(installed).now())) == (first, 2)
    assert release(InboxPlace(MAPS, ("2026-06",)), installed) == ()
    assert len(release(InboxPlace(MAPS), installed)) == 2
    assert HoldBook(installed).now() == ()


def test_what_lies_in_a_held_inbox_stays_there_and_is_reported_with_the_reason(installed: Settings):
    drop = a_drop(installed.areas[0])
    hold(a_hold(), installed)
    service = InboxService(installed, lambda _: None)

    service.sweep()

    report = read_inbox_report(installed)
    assert report is not None
    assert [one.sentence for one in report.passed_over if "sheet-012" in one.path] == [a_hold().sentence]
    assert report.waiting == 0
    release(InboxPlace(MAPS), installed)
    watching = InboxService(installed, lambda _: None)
    watching.sweep()
    report = read_inbox_report(installed)
    assert report is not None
    assert [one.path for one in report.drops] == [str(drop)]


def test_what_lies_in_a_held_bucket_inbox_is_not_fetched(station: Station, contents: Contents):
    drop_into(contents, SHEET, {"page.tif": b"page"})
    station._watcher.held = lambda place: a_hold().sentence if place.collection == MAPS else ""

    looked = station.settled()

    assert (looked.complete, looked.status.waiting) == ((), ())
    assert [one.sentence for one in looked.passed_over] == [a_hold().sentence]


def test_holds_that_cannot_be_read_stop_every_run_and_say_what_to_do(installed: Settings):
    a_take(installed.areas[0])
    (installed.state / "holds.jsonl").write_text("nonsense\n")
    with pytest.raises(IntegrityError, match="remove the file"):
        dispatched(installed)
    assert len(list(takes_in(installed.areas[0]))) == 1


def test_after_so_many_drops_in_a_row_for_one_fault_their_place_is_held(installed: Settings):
    area = installed.areas[0]
    takes = [a_take(area, f"sheet-{number}") for number in range(4)]
    ends = [counted(one, installed, Verdict.REJECTED, DAMAGED, EMPTY) for one in takes[:2]]
    # The same run again, and a drop of another fault too.
    ends += [counted(takes[1], installed, Verdict.REJECTED, DAMAGED, EMPTY)]
    ends += [counted(takes[2], installed, Verdict.REJECTED, DAMAGED)]

    assert ends[:3] == [None, None, None]
    found = ends[3]
    assert found is not None
    assert found.because == "3 drops in a row were sent back for SCR-020 (Damaged image)"
    assert found.objects == ("maps/sheet-0", "maps/sheet-1", "maps/sheet-2")
    assert found.place == InboxPlace(MAPS, (), str(area.root))
    assert dispatched(installed) == []
    # What a run still had when it was held says no more; released, the count begins anew.
    assert counted(takes[3], installed, Verdict.REJECTED, DAMAGED) is None
    release(InboxPlace(MAPS), installed)
    assert counted(takes[3], installed, Verdict.REJECTED, DAMAGED) is None


_ENDS = st.lists(
    st.tuples(
        st.sampled_from(["", "2026-05", "2026-06"]),
        st.sampled_from(["kept", "asked", "interrupted"])
        | st.sets(st.sampled_from([DAMAGED, EMPTY]), min_size=1),
    ),
    max_size=14,
)


@given(_ENDS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_place_is_held_exactly_when_one_fault_came_so_often_in_a_row(
    installed: Settings, ends: list[tuple[str, str | set[IssueCode]]]
):
    for left in ("holds.jsonl", "streaks.jsonl"):
        (installed.state / left).unlink(missing_ok=True)
    model: dict[str, dict[IssueCode, int]] = {}
    held: set[str] = set()
    for number, (group, end) in enumerate(ends):
        taken = Take(
            id=new_take_id(NOON + timedelta(seconds=number)),
            area=installed.directory,
            collection=MAPS,
            groups=(group,) if group else (),
            name=f"drop-{number}",
            object_name=ObjectName(f"drop-{number}"),
            by=this_process(),
            at=NOON,
            files=1,
            bytes=1,
            tree=HexDigest(""),
        )
        verdicts = {"kept": Verdict.STORED, "asked": Verdict.WAITING, "interrupted": Verdict.INTERRUPTED}
        verdict = verdicts[end] if isinstance(end, str) else Verdict.REJECTED
        found = counted(taken, installed, verdict, *(() if isinstance(end, str) else end))
        is_held = bool({group, ""} & held)
        if not is_held and end == "kept":
            model[group] = {}
        elif not is_held and not isinstance(end, str):
            before = model.get(group, {})
            model[group] = {code: before.get(code, 0) + 1 for code in end}
        reached = not is_held and max(model.get(group, {}).values(), default=0) >= 3
        assert (found is not None) == reached
        if reached:
            held.add(group)
            model[group] = {}
    places = {"/".join(one.place.groups) for one in HoldBook(installed).now()}
    assert places == held


def test_without_a_number_nothing_is_ever_held(installed: Settings):
    service = installed.service.model_copy(update={"hold_after": 0})
    never = installed.model_copy(update={"service": service})
    takes = [a_take(never.areas[0], f"sheet-{number}") for number in range(5)]
    assert [counted(one, never, Verdict.REJECTED, DAMAGED) for one in takes] == [None] * 5
    assert not (never.state / "streaks.jsonl").exists()


@pytest.fixture
def archive(installation: Archive) -> NearArchive:
    """An installation that holds an inbox after two drops that were sent back."""
    file = installation.directory / "muniment.toml"
    file.write_text(file.read_text().replace("hold_after = 5", "hold_after = 2"))
    return near(installation)


def an_empty_page(archive: Archive, name: str) -> Take:
    """A drop of an empty page, taken from the inbox of images."""
    area = load_settings(archive.directory).areas[0]
    area.make_folders()
    drop = area.inbox / "images" / name
    drop.mkdir(parents=True)
    (drop / "page.tif").touch()
    taken = take(found_complete(area, drop, collection=CollectionName("images")), now())
    assert isinstance(taken, Take)
    return taken


def preserved(archive: Archive, taken: Take) -> Verdict:
    with surroundings(archive):
        found = load_settings(archive.directory)
        [result] = run_plainly(found, [taken.as_drop]).results
    return result.ending.verdict


def alarms_of(archive: Archive) -> list[str]:
    found = outbox_of(load_settings(archive.directory)).open_alarms()
    return [one.alarm.happened for one in found if one.alarm.kind is AlarmKind.HELD]


def test_the_same_fault_again_holds_the_inbox_with_one_alarm_until_it_is_released(archive: NearArchive):
    takes = [an_empty_page(archive, f"ms-{number}") for number in range(3)]
    assert [preserved(archive, one) for one in takes[:2]] == [Verdict.REJECTED] * 2

    [happened] = alarms_of(archive)
    assert "2 drops in a row were sent back for SCR-011 (Empty file)" in happened
    assert "images/ms-0, images/ms-1" in happened
    assert dispatched(load_settings(archive.directory)) == []
    shown = archive.run("status").stdout
    assert "Held: 1" in shown
    assert "1 drop, 1 of them taken" in shown
    assert "muniment release images" in shown
    [held] = json.loads(archive.run("status", "--json").stdout)["holds"]
    assert (held["place"], held["code"], held["by"]) == ("images", "SCR-011", "Muniment")
    checkups = [json.loads(line) for line in archive.run("doctor", "--json").stdout.splitlines()]
    assert [one["state"] for one in checkups if one["what"].startswith("inbox images")] == ["failing"]

    watch = AlarmWatch(load_settings(archive.directory))
    watch.check()
    assert len(alarms_of(archive)) == 1
    released = archive.run("release", "images")
    assert released.returncode == 0, released.stderr
    assert "released; it was held by Muniment" in released.stdout
    assert dispatched(load_settings(archive.directory)) == ["ms-2"]
    InboxService(load_settings(archive.directory), lambda _: None).sweep()
    watch.check()
    assert alarms_of(archive) == []
    assert archive.run("release", "images").returncode == 6


def test_a_person_holds_and_releases_with_a_reason_that_everybody_sees(archive: NearArchive):
    taken = an_empty_page(archive, "ms-1")
    words = ("--because", "the scanner is mended", "--by", "A. Turner")
    told = archive.run("hold", "images", *words, "--json")

    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["sentence"].endswith("UTC: the scanner is mended")
    assert "held by A. Turner" in archive.run("status").stdout
    checkups = [json.loads(line) for line in archive.run("doctor", "--json").stdout.splitlines()]
    assert [one["state"] for one in checkups if one["what"].startswith("inbox images")] == ["ok"]
    assert dispatched(load_settings(archive.directory)) == []
    assert taken.has_drop
    assert archive.run("hold", "images", *words, "--inbox", "nowhere").returncode == 6
    mistyped = archive.run("hold", "imagse", *words)
    assert (mistyped.returncode, "did you mean images?" in mistyped.stderr) == (6, True)
    assert archive.run("release", "images", "--json").returncode == 0


def test_what_is_queued_is_cancelled_and_comes_back_with_the_reason(archive: NearArchive):
    taken = an_empty_page(archive, "ms-1")
    hold(
        Hold(InboxPlace(CollectionName("images")), "a stop", "A. Turner", now()),
        load_settings(archive.directory),
    )
    words = ("cancel", "images/ms-1", "--because", "dropped twice", "--by", "A. Turner")

    tried = archive.run(*words, "--dry-run", "--json")
    assert (json.loads(tried.stdout)["dry_run"], taken.has_drop) == (True, True)
    done = archive.run(*words)

    assert done.returncode == 0, done.stderr
    rejected = archive.directory / "rejected/images"
    assert (rejected / "ms-1/page.tif").exists()
    receipt = json.loads((rejected / "ms-1.receipt.json").read_text())
    assert (receipt["verdict"], receipt["decision"]["because"]) == ("rejected", "dropped twice")
    assert "dropped twice" in (rejected / "ms-1.reject-list.csv").read_text()
    assert not taken.folder.exists()
    with open_installation(load_settings(archive.directory)) as opened:
        notes = [one.note for one in opened.journal.about("images/ms-1", 100)]
    assert "dropped twice" in notes
    assert archive.run(*words).returncode == 6


def test_what_a_run_works_on_is_not_cancelled(archive: NearArchive):
    taken = an_empty_page(archive, "ms-1")
    record_run(taken, now(), None)
    done = archive.run("cancel", "images/ms-1", "--because", "dropped twice", "--by", "A. Turner")

    assert done.returncode == 6
    assert "cancelled in the Prefect UI" in done.stderr
    assert taken.has_drop
