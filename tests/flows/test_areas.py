from __future__ import annotations

from pathlib import Path

import pytest
from support.takes import MAPS, NOON, a_take, an_area

from flows.inboxes.queue.attempts import attempts_of, forget_attempts, record_end
from flows.inboxes.queue.dispatch import Batch, Dispatcher, UnderWay, bounds_of
from flows.installation.areas import StrayInInbox, inboxes_in
from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.submission.drop import DropRequest
from preservation.errors import ConfigurationError, UnavailableError
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.model.verdicts import Verdict


def settings_with(directory: Path, more: str) -> Settings:
    make_installation(directory)
    with (directory / "muniment.toml").open("a") as file:
        file.write(more)
    return load_settings(directory)


def test_the_installations_own_directory_is_the_first_area(tmp_path: Path):
    settings = settings_with(
        tmp_path / "archive", '\n[[area]]\npath = "/mnt/scans"\n[[area]]\npath = "more"\n'
    )

    assert [(area.root, area.own) for area in settings.areas] == [
        (tmp_path / "archive", True),
        (Path("/mnt/scans"), False),
        (tmp_path / "archive/more", False),
    ]


@pytest.mark.parametrize("path", ["/mnt/scans/", "."])
def test_an_area_is_named_once(tmp_path: Path, path: str):
    with pytest.raises(ConfigurationError, match="more than one area"):
        settings_with(tmp_path / "archive", f'\n[[area]]\npath = "/mnt/scans"\n[[area]]\npath = "{path}"\n')


def test_a_collection_has_a_bound_of_its_own_where_it_says_so(tmp_path: Path):
    settings = settings_with(
        tmp_path / "archive",
        '\n[[collection]]\nname = "maps"\npolicy = "policies/bit-level.toml"\nat_a_time = 1\n',
    )

    assert bounds_of(settings).at_a_time == {"maps": 1}


def test_what_lies_beside_the_inboxes_of_collections_is_shown_and_left(tmp_path: Path):
    area = an_area(tmp_path)
    for name in ("unheard-of", "No Such", ".hidden"):
        (area.inbox / name).mkdir()
    (area.inbox / "page.tif").touch()
    (area.inbox / "linked").symlink_to("/etc")

    found = list(inboxes_in(area, lambda name: "" if name == MAPS else "there is no such collection"))

    assert [one for one in found if not isinstance(one, StrayInInbox)] == [MAPS]
    assert {one.path.name for one in found if isinstance(one, StrayInInbox)} == {
        "unheard-of",
        "No Such",
        "page.tif",
        "linked",
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_with(tmp_path, "")
    settings.areas[0].make_folders()
    settings.areas[0].make_inboxes([MAPS])
    return settings


def test_takes_are_given_to_a_run_once_and_that_is_recorded(settings: Settings):
    first, second = a_take(settings.areas[0], "one"), a_take(settings.areas[0], "two")
    asked: list[Batch] = []
    dispatcher = Dispatcher(settings, list, asked.append, lambda: NOON)

    dispatcher.dispatch()
    dispatcher.dispatch()

    [batch] = asked
    assert {take.id for take in batch.takes} == {first.id, second.id}
    noted = attempts_of(first)
    assert noted is not None
    assert (noted.runs, noted.verdict) == (1, None)


def test_a_run_that_could_not_be_asked_for_is_no_try(settings: Settings):
    take = a_take(settings.areas[0])
    record_end(take, Verdict.INTERRUPTED, "before", NOON.replace(year=2025))
    before = attempts_of(take)

    def away(_: Batch) -> None:
        raise UnavailableError("Prefect is away")

    with pytest.raises(UnavailableError):
        Dispatcher(settings, list, away, lambda: NOON).dispatch()

    assert attempts_of(take) == before


def test_prefect_is_not_asked_where_nothing_is_pending(settings: Settings):
    def asked() -> list[UnderWay]:
        raise AssertionError

    assert Dispatcher(settings, asked, lambda _: None).dispatch().batches == ()


def test_what_was_given_up_goes_on_when_the_cause_is_repaired(settings: Settings):
    take = a_take(settings.areas[0])
    for _ in range(2):
        record_end(take, Verdict.WAITING, "A person is asked.", NOON)
    asked: list[Batch] = []
    dispatcher = Dispatcher(settings, list, asked.append, lambda: NOON)
    dispatcher.dispatch()
    assert asked == []

    forget_attempts(take)
    dispatcher.dispatch()

    assert [one.takes for one in asked] == [(take,)]


def test_a_run_is_known_by_its_drops_whatever_asked_for_it(settings: Settings):
    take = a_take(settings.areas[0])
    by_hand = DropRequest(Path("/elsewhere/plan"), "maps", "plan")
    nonsense = DropRequest(Path("/elsewhere"), "maps", "no/such")

    found = UnderWay.of([take.as_drop, by_hand, nonsense])

    assert found == UnderWay(
        CollectionName("maps"),
        frozenset({take.id}),
        frozenset({take.object_id, ObjectId(MAPS, ObjectName("plan"))}),
    )
