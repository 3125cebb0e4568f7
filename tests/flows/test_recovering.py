"""Takes that need the operator: reported in a sentence, and none of them stops another."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.takes import MAPS, a_drop, a_take, an_area, found_complete, told_of

from flows.inboxes import answer
from flows.inboxes.answer import place
from flows.inboxes.folder.take import take
from flows.inboxes.queue.approve import retry, stopped_take
from flows.inboxes.queue.attempts import attempts_of, record_end
from flows.inboxes.queue.backlog import Backlog
from flows.inboxes.queue.takes import Take
from flows.inboxes.recover import recover
from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now
from preservation.errors import NotFoundError
from preservation.model.identifiers import ObjectId
from preservation.model.verdicts import Verdict


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_installation(tmp_path)
    an_area(tmp_path)
    return load_settings(tmp_path)


def answered(settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch) -> Take:
    """A take whose answer was recorded by a process that was killed then."""
    found = a_take(settings.areas[0], name)
    with monkeypatch.context() as patched:
        patched.setattr(answer, "finish", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            place(told_of(found, Verdict.STORED), found)
    return found


@pytest.mark.parametrize("content", ["", "nonsense\n", '{"place":"accepted"}\n', None])
def test_an_answer_that_cannot_be_read_is_reported_and_stops_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, content: str | None
):
    damaged = answered(settings, "damaged", monkeypatch)
    sound = answered(settings, "sound", monkeypatch)
    note = damaged.folder / "answer.json"
    note.write_text(
        note.read_text().replace('"name":"damaged"', '"name":"../damaged"') if content is None else content
    )

    [fault] = recover(settings.areas[0])

    assert fault.path == damaged.folder
    assert "muniment retry" in fault.sentence
    assert damaged.has_drop
    assert not sound.folder.exists()

    retry(stopped_take(damaged.object_id, settings))
    assert recover(settings.areas[0]) == ()
    assert [one.take for one in Backlog(settings.areas).pending()] == [damaged]


def test_a_run_that_comes_to_a_damaged_answer_answers_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    damaged = answered(settings, "damaged", monkeypatch)
    (damaged.folder / "answer.json").write_text("nonsense")

    placed = place(told_of(damaged, Verdict.STORED), damaged)

    assert placed == settings.areas[0].accepted / MAPS / "damaged"


def test_a_take_that_does_not_say_what_it_is_of_is_reported_and_keeps_its_drop(settings: Settings):
    found = a_take(settings.areas[0])
    (found.folder / "take.json").write_text("nonsense")
    assert recover(settings.areas[0]) == ()
    os.utime(found.folder, (0, 0))

    [fault] = recover(settings.areas[0])

    assert "back into its inbox" in fault.sentence
    assert found.has_drop


def test_an_answer_that_cannot_be_carried_out_is_reported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    stuck = answered(settings, "stuck", monkeypatch)
    (settings.areas[0].accepted / MAPS).symlink_to("/tmp")  # noqa: S108  nothing is written there

    [fault] = recover(settings.areas[0])

    assert "cannot be moved to its place" in fault.sentence
    assert stuck.has_drop


def test_the_sentinels_of_a_drop_that_a_user_removed_go_back(settings: Settings):
    area = settings.areas[0]
    drop = a_drop(area)
    (drop.parent / "sheet-012.done").touch()
    found = take(found_complete(area, drop, "sheet-012.done"), now())
    assert isinstance(found, Take)
    found.path.rename(area.root / "fetched away")
    os.utime(found.folder, (0, 0))

    assert recover(area) == ()

    assert (drop.parent / "sheet-012.done").exists()
    assert not found.folder.exists()


def test_a_take_that_was_given_up_is_tried_again_when_the_operator_retries_it(settings: Settings):
    found = a_take(settings.areas[0])
    for _ in range(9):
        record_end(found, Verdict.INTERRUPTED, "The store is away.", now())

    stopped = stopped_take(found.object_id, settings)
    assert (stopped.take, stopped.sentence) == (found, "The store is away.")
    retry(stopped)

    assert attempts_of(found) is None
    with pytest.raises(NotFoundError):
        stopped_take(found.object_id, settings)
    with pytest.raises(NotFoundError):
        stopped_take(ObjectId(found.collection, a_take(settings.areas[0], "untried").object_name), settings)


def test_a_stored_drop_that_was_changed_is_reported_beside_it(settings: Settings):
    found = a_take(settings.areas[0])
    (found.path / "late.txt").write_text("later")

    place(told_of(found, Verdict.STORED), found)

    kept = json.loads((settings.areas[0].accepted / MAPS / "sheet-012.kept.json").read_text())
    assert kept["tree"] == ""
    assert "changed after it was taken" in kept["sentence"]
