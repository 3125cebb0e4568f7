"""Runs of drops that were taken from an inbox: in whose hands they are, and as what they are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.archives import Archive
from support.flow_runs import surroundings
from support.plain_runs import run_plainly
from support.takes import NOON, found_complete

from flows.inboxes import answer
from flows.inboxes.answer import place
from flows.inboxes.folder.take import take
from flows.inboxes.queue.takes import Take
from flows.installation.areas import Area
from flows.installation.settings_file import load_settings
from flows.submission.answer import SubmissionResult
from flows.submission.drop import DropRequest
from flows.submission.workspace import locked_workspace
from preservation.errors import UnavailableError
from preservation.model.identifiers import CollectionName
from preservation.model.verdicts import Verdict

FILES = CollectionName("files")


def taken(archive: Archive) -> Take:
    """A letter that was dropped into the archive's inbox, and taken."""
    area = Area(archive.directory, own=True)
    letter = area.inbox / FILES / "letter"
    letter.mkdir(parents=True)
    (letter / "page.txt").write_text("Dear all")
    found = take(found_complete(area, letter, collection=FILES), NOON)
    assert isinstance(found, Take)
    return found


def run(archive: Archive, drop: DropRequest) -> SubmissionResult:
    with surroundings(archive):
        settings = load_settings(archive.directory)
        [told] = run_plainly(settings, [drop]).results
    return told


def test_a_drop_is_placed_while_its_object_is_in_hand(installation: Archive, monkeypatch: pytest.MonkeyPatch):
    letter = taken(installation)
    refused: list[Path] = []

    def noted(told: SubmissionResult, one: Take) -> Path | None:
        with (
            pytest.raises(UnavailableError, match="works on this object"),
            locked_workspace(installation.directory / "processing", one.object_id),
        ):
            pass
        refused.append(one.path)
        return place(told, one)

    monkeypatch.setattr(answer, "place", noted)
    assert run(installation, letter.as_drop).ending.verdict is Verdict.STORED
    assert refused == [letter.path]
    assert (installation.directory / "accepted" / "files" / "letter" / "page.txt").exists()


def test_a_drop_that_was_taken_as_another_object_is_not_kept(installation: Archive):
    letter = taken(installation)
    told = run(installation, replace(letter.as_drop, object_name="epistle"))
    assert told.ending.verdict is Verdict.INTERRUPTED
    assert "taken from its inbox as files/letter" in told.ending.sentence
    assert letter.has_drop
    assert not installation.kept()
