from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from archives import Archive
from building_takes import contents, found_complete
from running_flows import preserved

from flows.settings import load_settings
from flows.watching.clearing import Cleared, Clearing, Stays, clear_accepted
from flows.watching.placing import place
from flows.watching.taking import Take, take
from flows.wiring import Installation, now, open_installation
from preservation.model.identifiers import CollectionName
from preservation.model.verdicts import Verdict


@contextmanager
def opened(archive: Archive) -> Iterator[Installation]:
    with open_installation(load_settings(archive.directory)) as installation:
        yield installation


def accepted(archive: Archive, name: str, text: str = "Dear", *, alone: bool = False) -> Path:
    """Drop something, let it be taken, preserved and answered; return where it is then."""
    area = load_settings(archive.directory).areas[0]
    area.make_folders()
    drop = area.inbox / "files" / name
    file = drop if alone else drop / "page 1.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    taken = take(found_complete(area, drop, collection=CollectionName("files")), now())
    assert isinstance(taken, Take)
    told = preserved(archive, taken.path)
    assert told.ending.verdict is Verdict.STORED, told.ending.sentence
    placed = place(told, taken)
    assert placed.path is not None
    return placed.path


def cleared(archive: Archive, days: int = 31, *, dry_run: bool = False) -> list[Clearing]:
    with opened(archive) as installation:
        return list(clear_accepted(installation, now() + timedelta(days=days), dry_run=dry_run))


def test_a_drop_is_removed_when_its_time_is_over_and_its_replicas_were_read_back(installation: Archive):
    drop = accepted(installation, "letters")
    alone = accepted(installation, "letter.txt", alone=True)
    assert cleared(installation, days=29) == []
    would_be = cleared(installation, dry_run=True)
    assert drop.is_dir()

    found = cleared(installation)

    assert found == would_be
    assert [one.path for one in found] == [alone, drop]
    assert all(isinstance(one, Cleared) and one.stores == ("first", "second") for one in found)
    assert contents(installation.directory / "accepted") == {}
    assert not (installation.directory / "processing/.cleared").exists()
    with opened(installation) as opened_:
        told = [entry.detail for entry in opened_.journal.about("files/letters/v1", 99)]
    assert f"the drop {drop} is removed: its time in accepted/ is over" in told
    assert cleared(installation) == []


def test_a_single_file_that_got_a_number_is_known_again(installation: Archive):
    accepted(installation, "letter.txt", "Dear", alone=True)
    second = accepted(installation, "letter.txt", "Dearest", alone=True)
    assert second.name == "letter.txt (2)"

    assert all(isinstance(one, Cleared) for one in cleared(installation))
    assert not second.exists()


def test_a_drop_stays_where_a_replica_is_damaged_or_away_or_the_drop_itself_is_another(
    installation: Archive,
):
    drop = accepted(installation, "letters")
    replica = installation.store("second") / "files/letters/v1/data/originals/page 1.txt"
    replica.chmod(0o644)

    replica.write_text("Deer")
    [damaged] = cleared(installation)
    replica.unlink()
    [lost] = cleared(installation)
    replica.write_text("Dear")
    (drop / "note.txt").write_text("not kept")
    [changed] = cleared(installation)

    for one, reason in (
        (damaged, "1 of the 2 replicas"),
        (lost, "1 of the 2"),
        (changed, "not as it was kept"),
    ):
        assert isinstance(one, Stays)
        assert reason in one.sentence
    assert (drop / "page 1.txt").read_text() == "Dear"


@pytest.mark.parametrize("forged", ["letters.kept.json", "other.kept.json"])
def test_what_only_looks_like_a_note_of_ours_removes_nothing(installation: Archive, forged: str):
    drop = accepted(installation, "letters")
    note = drop.with_name("letters.kept.json")
    text = note.read_text().replace('"name":"letters"', '"name":"elsewhere"')
    note.unlink()
    note.with_name(forged).write_text(text)

    assert cleared(installation) == []
    assert drop.is_dir()
