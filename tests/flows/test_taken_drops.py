"""Drops that came through an inbox, in the flow: what it makes of what befell them since they were taken."""

from __future__ import annotations

import json

from support.archives import Archive
from support.command_runs import near
from support.flow_runs import surroundings
from support.plain_runs import run_plainly
from support.takes import found_complete

from flows.inboxes.answer import place
from flows.inboxes.folder.take import take
from flows.inboxes.queue.approve import newer_version_warning
from flows.inboxes.queue.attempts import attempts_of, record_end, record_run
from flows.inboxes.queue.takes import Take
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.submission.answer import SubmissionResult
from flows.submission.workspace import locked_workspace
from preservation.model.identifiers import CollectionName
from preservation.model.verdicts import Verdict
from storage.replication.outcomes import SOURCE_CHANGED


def taken_from_inbox(archive: Archive, name: str, text: str = "Dear") -> Take:
    area = load_settings(archive.directory).areas[0]
    area.make_folders()
    drop = area.inbox / "files" / name
    drop.mkdir()
    (drop / "page 1.txt").write_text(text)
    taken = take(found_complete(area, drop, collection=CollectionName("files")), now())
    assert isinstance(taken, Take)
    return taken


def run_of(archive: Archive, taken: Take) -> SubmissionResult:
    with surroundings(archive):
        settings = load_settings(archive.directory)
        outcome = run_plainly(settings, [taken.as_drop])
    assert not outcome.fault
    [told] = outcome.results
    return told


def test_a_drop_that_was_written_to_between_taking_and_the_run_is_sent_back(installation: Archive):
    taken = taken_from_inbox(installation, "letters")
    with (taken.path / "page 1.txt").open("a") as page:
        page.write(" all, and more that came late")

    told = run_of(installation, taken)

    assert told.ending.verdict is Verdict.REJECTED
    assert [issue.code for issue in told.ending.issues] == [SOURCE_CHANGED]
    assert "changed after it was taken" in told.ending.sentence
    assert "drop it again" in told.ending.sentence
    rejected = installation.directory / "rejected/files"
    assert (rejected / "letters/page 1.txt").read_text().endswith("came late")
    assert (rejected / "letters.receipt.html").exists()
    assert list(installation.kept()) == []


def test_a_drop_that_was_not_written_to_is_stored(installation: Archive):
    assert run_of(installation, taken_from_inbox(installation, "letters")).ending.verdict is Verdict.STORED


def test_a_run_that_finds_the_object_in_another_run_says_nothing_of_how_the_take_stands(
    installation: Archive,
):
    taken = taken_from_inbox(installation, "letters")
    record_run(taken, now(), None)
    settings = load_settings(installation.directory)
    with locked_workspace(settings.processing, taken.object_id):
        told = run_of(installation, taken)

    assert told.ending.verdict is Verdict.INTERRUPTED
    assert place(told, taken) == taken.path
    noted = attempts_of(taken)
    assert noted is not None
    assert noted.verdict is None


def test_who_approves_is_warned_of_a_version_that_was_stored_meanwhile(
    installation: Archive,
):
    older = taken_from_inbox(installation, "letters")
    newer = taken_from_inbox(installation, "letters", "Dearest")
    with open_installation(load_settings(installation.directory)) as opened:
        assert newer_version_warning(older, opened.catalogue) == ""
    assert run_of(installation, newer).ending.verdict is Verdict.STORED

    with open_installation(load_settings(installation.directory)) as opened:
        warning = newer_version_warning(older, opened.catalogue)

    assert "files/letters/v1 was stored" in warning
    assert "becomes the latest version" in warning


def test_the_command_has_what_was_given_up_tried_again(installation: Archive):
    installation = near(installation)
    taken = taken_from_inbox(installation, "letters")
    assert installation.run("retry", "files/letters").returncode == 6
    for _ in range(9):
        record_end(taken, Verdict.INTERRUPTED, "The store is away.", now())

    rehearsed = json.loads(installation.run("retry", "files/letters", "--dry-run", "--json").stdout)
    assert (rehearsed["object"], rehearsed["sentence"], rehearsed["dry_run"]) == (
        "files/letters",
        "The store is away.",
        True,
    )
    assert attempts_of(taken) is not None
    assert installation.run("retry", "files/letters").returncode == 0
    assert attempts_of(taken) is None
