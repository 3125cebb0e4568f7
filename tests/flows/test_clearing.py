from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import installed, preserved, preserved_together
from support.hostile_trees import Deep
from support.takes import contents, found_complete

from flows.inboxes.accepted import clear, remove
from flows.inboxes.accepted.clear import ClearedDrop, ClearResult, RetainedDrop, clear_accepted
from flows.inboxes.answer import Kept, place
from flows.inboxes.folder.take import take
from flows.inboxes.queue.takes import Take
from flows.inboxes.shelf import Shelf
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, now, open_installation
from flows.orchestration.jobs.clear import _result
from preservation.model.events import EventType
from preservation.model.identifiers import CollectionName
from preservation.model.verdicts import Verdict
from preservation.policy.schema import Policy


@contextmanager
def opened(archive: Archive) -> Iterator[Installation]:
    with open_installation(load_settings(archive.directory)) as installation:
        yield installation


def dropped(archive: Archive, name: str, text: str = "Dear", *, alone: bool = False) -> Take:
    """Drop something, and let it be taken."""
    area = load_settings(archive.directory).areas[0]
    area.make_folders()
    drop = area.inbox / "files" / name
    file = drop if alone else drop / "page 1.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    taken = take(found_complete(area, drop, collection=CollectionName("files")), now())
    assert isinstance(taken, Take)
    return taken


def accepted(archive: Archive, *takes: Take) -> list[Path]:
    """Let what was taken be preserved, in one run, and answered; return where each is then."""
    results = preserved_together(archive, *(taken.path for taken in takes))
    assert {told.ending.verdict for told in results} == {Verdict.STORED}, results
    placed = [place(told, taken) for told, taken in zip(results, takes, strict=True)]
    return [path for path in placed if path is not None]


@pytest.fixture(scope="module")
def accepted_once(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An installation that has accepted letters: made once, and only copied."""
    archive = installed(tmp_path_factory.mktemp("accepted") / "archive")
    assert accepted(archive, dropped(archive, "letters")) == [letters_in(archive)]
    return archive


@pytest.fixture
def holding(accepted_once: Archive, tmp_path: Path) -> Archive:
    """An installation of one's own that has accepted letters."""
    return Archive(shutil.copytree(accepted_once.directory, tmp_path / "archive"), accepted_once.api_url)


@pytest.fixture(scope="module")
def two_accepted_once(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An installation that has accepted letters and another drop: made once, and only copied."""
    archive = installed(tmp_path_factory.mktemp("accepted") / "archive")
    accepted(archive, dropped(archive, "letters"), dropped(archive, "other", "Other"))
    return archive


@pytest.fixture
def holding_two(two_accepted_once: Archive, tmp_path: Path) -> Archive:
    """An installation of one's own that has accepted letters and another drop."""
    directory = shutil.copytree(two_accepted_once.directory, tmp_path / "archive")
    return Archive(directory, two_accepted_once.api_url)


def letters_in(archive: Archive) -> Path:
    """Where the letters lie that were accepted."""
    return archive.directory / "accepted" / "files" / "letters"


def cleared(archive: Archive, days: int = 31, *, dry_run: bool = False) -> list[ClearResult]:
    with opened(archive) as installation:
        return list(clear_accepted(installation, now() + timedelta(days=days), dry_run=dry_run))


def test_a_drop_is_removed_when_its_time_is_over_and_its_replicas_were_read_back(installation: Archive):
    takes = (dropped(installation, "letters"), dropped(installation, "letter.txt", alone=True))
    drop, alone = accepted(installation, *takes)
    assert cleared(installation, days=29) == []
    would_be = cleared(installation, dry_run=True)
    assert drop.is_dir()

    found = cleared(installation)

    assert found == would_be
    assert [one.path for one in found] == [alone, drop]
    assert all(isinstance(one, ClearedDrop) and one.stores == ("first", "second") for one in found)
    assert contents(installation.directory / "accepted") == {}
    assert not (installation.directory / "processing/.cleared").exists()
    with opened(installation) as opened_:
        told = [entry.detail for entry in opened_.journal.about("files/letters/v1", 99)]
    assert f"the drop {drop} is removed: its time in accepted/ is over" in told
    assert cleared(installation) == []


def test_a_replica_that_is_gone_as_a_whole_is_unsound_and_so_are_both(holding: Archive):
    drop = letters_in(holding)
    shutil.rmtree(holding.store("second") / "files")
    [one_gone] = cleared(holding)
    shutil.rmtree(holding.store("first") / "files")
    [both_gone] = cleared(holding)

    for found, stores in ((one_gone, ["second"]), (both_gone, ["first", "second"])):
        assert isinstance(found, RetainedDrop)
        assert [fault.store for fault in found.unsound] == stores
        for store in stores:
            assert f"store {store}: the whole replica of files/letters/v1 is gone" in found.sentence
    assert drop.is_dir()


def test_a_single_file_that_got_a_number_is_known_again(installation: Archive):
    accepted(installation, dropped(installation, "letter.txt", "Dear", alone=True))
    [second] = accepted(installation, dropped(installation, "letter.txt", "Dearest", alone=True))
    assert second.name == "letter.txt (2)"

    assert all(isinstance(one, ClearedDrop) for one in cleared(installation))
    assert not second.exists()


def test_a_drop_stays_where_a_replica_is_damaged_or_away_or_the_drop_itself_is_another(
    holding: Archive,
):
    drop = letters_in(holding)
    replica = holding.store("second") / "files/letters/v1/data/originals/page 1.txt"
    replica.chmod(0o644)

    replica.write_text("Deer")
    [damaged] = cleared(holding)
    replica.unlink()
    [lost] = cleared(holding)
    replica.write_text("Dear")
    (drop / "note.txt").write_text("not kept")
    [changed] = cleared(holding)

    for one, reason in (
        (damaged, "1 of the 2 replicas"),
        (lost, "1 of the 2"),
        (changed, "changed since it was kept"),
    ):
        assert isinstance(one, RetainedDrop)
        assert reason in one.sentence
    assert (drop / "page 1.txt").read_text() == "Dear"


def alter(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text)


def test_a_drop_stays_where_a_file_lies_in_a_replica_that_no_manifest_names(holding: Archive):
    version = holding.store("second") / "files/letters/v1"
    (version / "metadata/more.xml").write_text("<more/>")

    [found] = cleared(holding)

    assert isinstance(found, RetainedDrop)
    assert [one.store for one in found.unsound] == ["second"]
    assert "metadata/more.xml" in found.unsound[0].sentence


def test_a_drop_stays_where_a_replica_was_forged_and_its_tag_manifest_made_to_fit(holding: Archive):
    version = holding.store("second") / "files/letters/v1"
    premis, tags = version / "metadata/premis.xml", version / "tagmanifest-sha256.txt"
    before = hashlib.sha256(premis.read_bytes()).hexdigest()
    alter(premis, "<premis/>")
    alter(tags, tags.read_text().replace(before, hashlib.sha256(b"<premis/>").hexdigest()))

    [found] = cleared(holding)

    assert isinstance(found, RetainedDrop)
    assert [one.store for one in found.unsound] == ["second"]
    assert "tagmanifest-sha256.txt is not the one that was kept" in found.unsound[0].sentence


def test_a_drop_stays_where_the_catalogue_has_another_digest_than_the_journal_and_that_is_an_alarm(
    holding: Archive, caplog: pytest.LogCaptureFixture
):
    drop = letters_in(holding)
    with_one_copy(holding)
    with opened(holding) as opened_, opened_.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE tag_digests SET digest = substr(digest, 2) || substr(digest, 1, 1)"
        )

    told = near(holding).run("clear", "--json")

    assert told.returncode == 4
    assert "it was altered" in json.loads(told.stdout)["sentence"]
    assert "ALARM: the records of what is kept" in caplog.text
    assert drop.is_dir()


@pytest.mark.parametrize("forged", ["letters.kept.json", "other.kept.json"])
def test_what_only_looks_like_a_note_of_ours_removes_nothing(holding: Archive, forged: str):
    drop = letters_in(holding)
    note = drop.with_name("letters.kept.json")
    text = note.read_text().replace('"name":"letters"', '"name":"elsewhere"')
    note.unlink()
    note.with_name(forged).write_text(text)

    assert cleared(holding) == []
    assert drop.is_dir()


def meddled(archive: Archive, meddle: Callable[[], object]) -> list[ClearResult]:
    """Clear while another process changes the drop as soon as the package was read back."""
    verified = clear._verified

    def then_meddle(drop: Path, kept: Kept, policy: Policy, opened_: Installation) -> ClearResult:
        found = verified(drop, kept, policy, opened_)
        meddle()
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clear, "_verified", then_meddle)
        return cleared(archive)


def deletions(archive: Archive, package: str) -> int:
    with opened(archive) as installation:
        return [entry.event_type for entry in installation.journal.about(package, 99)].count(
            EventType.DELETION
        )


def test_what_came_while_the_package_was_read_back_brings_the_drop_back(holding: Archive):
    drop = letters_in(holding)

    [found] = meddled(holding, lambda: (drop / "late.txt").write_text("not kept"))

    assert isinstance(found, RetainedDrop)
    assert "while its package was read back" in found.sentence
    assert (drop / "late.txt").read_text() == "not kept"
    assert drop.with_name("letters.kept.json").exists()
    assert not (holding.directory / "processing/.cleared").exists()
    assert deletions(holding, "files/letters/v1") == 0


@pytest.mark.parametrize("instant", ["_remove_tree", "_remove_beside", "_event"])
def test_a_removal_that_was_stopped_is_finished_the_next_time_and_reported_once(
    holding: Archive, monkeypatch: pytest.MonkeyPatch, instant: str
):
    drop = letters_in(holding)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(remove, instant, stop)
        with pytest.raises(KeyboardInterrupt):
            cleared(holding)
    assert deletions(holding, "files/letters/v1") == 0

    assert cleared(holding) == []

    assert not drop.exists()
    assert contents(holding.directory / "accepted") == {}
    assert not (holding.directory / "processing/.cleared").exists()
    assert deletions(holding, "files/letters/v1") == 1


@pytest.mark.parametrize("error", [RecursionError("too deep"), MemoryError(), ZeroDivisionError("a bug")])
@pytest.mark.parametrize("instant", ["clear.tree_of", "remove.remove_tree"])
def test_what_nothing_expects_of_one_drop_holds_up_no_other(
    holding_two: Archive, monkeypatch: pytest.MonkeyPatch, error: Exception, instant: str
):
    other = letters_in(holding_two).with_name("other")
    place, _, name = instant.partition(".")
    module = {"clear": clear, "remove": remove}[place]
    unbroken = getattr(module, name)

    def breaking(drop: Path) -> object:
        if drop.name == "letters":
            raise error
        return unbroken(drop)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, breaking)
        found = cleared(holding_two)
    assert [type(one) for one in found] == [RetainedDrop, ClearedDrop]
    assert type(error).__name__ in found[0].sentence
    assert not other.exists()
    assert [one for one in cleared(holding_two) if isinstance(one, RetainedDrop)] == []
    assert contents(holding_two.directory / "accepted") == {}


def test_a_drop_deeper_than_python_recurses_is_removed_as_any_other(installation: Archive, deep: Deep):
    area = load_settings(installation.directory).areas[0]
    area.make_folders()
    drop = area.inbox / "files/deep"
    deep(drop, 1_200)
    taken = take(found_complete(area, drop, collection=CollectionName("files")), now())
    assert isinstance(taken, Take)
    placed = place(preserved(installation, taken.path), taken)
    assert placed is not None
    assert placed.parent == area.accepted / "files"
    assert [type(one) for one in cleared(installation)] == [ClearedDrop]
    assert not placed.exists()
    assert not (installation.directory / "processing/.cleared").exists()


def test_what_cannot_be_removed_is_reported_each_time_and_holds_up_no_other(
    holding_two: Archive, monkeypatch: pytest.MonkeyPatch
):
    other = letters_in(holding_two).with_name("other")
    remove_tree = remove._remove_tree

    def refuse(aside: Shelf, name: str) -> None:
        if name == "letters":
            raise PermissionError(errno.EACCES, "Permission denied")
        remove_tree(aside, name)

    monkeypatch.setattr(remove, "_remove_tree", refuse)
    first, second = cleared(holding_two), cleared(holding_two)

    assert [type(one) for one in first] == [RetainedDrop, ClearedDrop]
    assert [type(one) for one in second] == [RetainedDrop]
    assert not other.exists()
    assert deletions(holding_two, "files/letters/v1") == 0


def test_the_sentinels_beside_a_drop_go_with_it(installation: Archive):
    area = load_settings(installation.directory).areas[0]
    area.make_folders()
    drop = area.inbox / "files" / "letters"
    drop.mkdir()
    (drop / "page 1.txt").write_text("Dear")
    (drop.parent / "letters.done").touch()
    taken = take(found_complete(area, drop, "letters.done", collection=CollectionName("files")), now())
    assert isinstance(taken, Take)
    place(preserved(installation, taken.path), taken)
    assert (area.accepted / "files/letters.done").exists()

    [found] = cleared(installation)

    assert isinstance(found, ClearedDrop)
    assert contents(area.accepted) == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"take":"', '"take":"../../../../'),
        ('"sentinels":[]', '"sentinels":["letters.done","../../../muniment.toml"]'),
        ('"object_name":"letters"', '"object_name":"another"'),
    ],
)
def test_a_forged_note_reaches_nothing_outside(holding: Archive, before: str, after: str):
    drop = letters_in(holding)
    note = drop.with_name("letters.kept.json")
    assert before in note.read_text()
    note.write_text(note.read_text().replace(before, after))
    elsewhere = {path for path in holding.directory.iterdir() if path.name != "processing"}

    cleared(holding)

    assert {path for path in holding.directory.iterdir() if path.name != "processing"} == elsewhere
    assert (holding.directory / "muniment.toml").exists()
    assert not (holding.directory / "processing/.cleared").exists()


def with_one_copy(archive: Archive) -> None:
    """Have the policy ask for one replica: what the other one holds keeps nothing from being removed."""
    policy = archive.directory / "policies" / "bit-level.toml"
    text = policy.read_text().replace("copies = 2", "copies = 1").replace("sites  = 2", "sites  = 1")
    policy.write_text(f"{text}\n[retention]\naccepted_days = 0\n")


def test_a_replica_that_is_found_unsound_is_no_good_end_though_the_drop_may_go(holding: Archive):
    with_one_copy(holding)
    drop = letters_in(holding)
    replica = holding.store("first") / "files/letters/v1/data/originals/page 1.txt"
    replica.chmod(0o644)
    replica.write_text("Deer")

    [found] = cleared(holding, dry_run=True)
    told = near(holding).run("clear", "--json")

    assert isinstance(found, ClearedDrop)
    assert [(one.store, str(one.package)) for one in found.unsound] == [("first", "files/letters/v1")]
    ended = _result([found], dry_run=False)
    assert (ended.name, ended.good) == ("Damaged", False)
    assert "files/letters/v1 in store first" in ended.rows[1]["why"]
    assert told.returncode == 4, told.stderr
    line = json.loads(told.stdout)
    assert line["removed"] is True
    assert line["unsound"][0]["store"] == "first"
    assert line["unsound"][0]["package"] == "files/letters/v1"
    assert not drop.exists()


def test_what_cannot_be_read_is_reported_and_is_not_the_same_as_nothing_due(
    installation: Archive, tmp_path: Path
):
    assert cleared(installation) == [], "its own folder is made when there is something to put into it"
    away = tmp_path / "mnt" / "share"
    with (installation.directory / "muniment.toml").open("a") as file:
        file.write(f'\n[[area]]\npath = "{away}"\n')
    unreadable = installation.directory / "accepted" / "files"
    unreadable.parent.mkdir(exist_ok=True)
    unreadable.write_text("no folder")

    for dry_run in (True, False):
        found = cleared(installation, dry_run=dry_run)
        assert [(type(one), one.path) for one in found] == [
            (RetainedDrop, unreadable),
            (RetainedDrop, away / "accepted"),
        ]
        assert all("see that its disk or share is mounted" in one.sentence for one in found)
    assert not away.exists(), "where a share is to be mounted nothing is made"


@pytest.mark.parametrize("damage", ["", '{"take"', '{"take":"'])
def test_a_damaged_record_is_reported_with_what_to_do(holding: Archive, damage: str):
    drop = letters_in(holding)
    drop.with_name("letters.kept.json").write_text(damage)

    [found] = cleared(holding)

    assert isinstance(found, RetainedDrop)
    assert found.path == drop
    assert "letters.kept.json beside it is damaged" in found.sentence
    assert "inbox" in found.sentence
    shutil.rmtree(drop)
    assert cleared(holding) == [], "it is about no drop that is there"


def test_a_drop_that_has_the_name_of_a_note_is_a_drop(installation: Archive):
    takes = (dropped(installation, "letters.kept.json", "Dear", alone=True), dropped(installation, "letters"))
    named, other = accepted(installation, *takes)
    assert other.name == "letters (2)"
    # As somebody could have put it there by hand.
    other.with_name("letters").mkdir()

    assert {one.path for one in cleared(installation, dry_run=True)} == {named, other}
    assert all(isinstance(one, ClearedDrop) for one in cleared(installation, dry_run=True))
