"""A run of answered drops, started again, changes nothing; what a drop that is gone left can be ended."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from uuid import UUID

import pytest
from prefect.flow_engine import run_flow
from prefect.settings import temporary_settings
from prefect.states import Pending
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import prefect_client, surroundings
from support.plain_runs import run_plainly
from support.takes import found_complete, takes_in

from flows.inboxes.folder.take import take
from flows.inboxes.queue.takes import Take
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.orchestration.client import client_settings
from flows.orchestration.environment import PrefectApi
from flows.orchestration.parameters import parameters_of
from flows.orchestration.preserve import delivered, preserve, recorded_results
from flows.submission.abandon import abandon
from flows.submission.answer import SubmissionResult
from flows.submission.claim import claim
from flows.submission.drop import DropRequest
from flows.submission.stages.stage import end
from preservation.errors import UnavailableError
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.model.verdicts import Verdict


def taken(archive: Archive, name: str) -> Take:
    area = load_settings(archive.directory).areas[0]
    area.make_folders()
    drop = area.inbox / "files" / name
    drop.mkdir()
    (drop / "page 1.txt").write_text(f"Dear {name}")
    if name == "broken":
        (drop / "link").symlink_to("page 1.txt")
    found = take(found_complete(area, drop, collection=CollectionName("files")), now())
    assert isinstance(found, Take)
    return found


def run(archive: Archive, *drops: DropRequest) -> list[SubmissionResult]:
    with surroundings(archive):
        outcome = run_plainly(load_settings(archive.directory), list(drops))
    assert not outcome.fault
    return outcome.results


def records(archive: Archive) -> tuple[list[str], list[str], list[str]]:
    """What the journal and the catalogue have of drops, and what lies in processing/."""
    with surroundings(archive), open_installation(load_settings(archive.directory)) as opened:
        events = [entry.identifier for entry in opened.journal.about() if entry.object.startswith("files/")]
        ends = [f"{end.submission.object} {end.verdict}" for end in opened.catalogue.conclusions()]
    left = [path.name for path in (archive.directory / "processing").glob("[!.]*/[!.]*")]
    assert not list(takes_in(load_settings(archive.directory).areas[0]))
    return events, sorted(ends), left


def test_a_run_of_answered_drops_ends_as_it_did_and_leaves_nothing_behind(installation: Archive):
    drops = [taken(installation, name).as_drop for name in ("letters", "broken")]
    first = run(installation, *drops)
    assert [one.ending.verdict for one in first] == [Verdict.STORED, Verdict.REJECTED]
    before = records(installation)
    assert before[2] == []

    again = run(installation, *drops)
    assert [(one.object, one.ending.verdict, one.ending.sentence) for one in again] == [
        (one.object, one.ending.verdict, one.ending.sentence) for one in first
    ]
    assert again[0].ending.package == first[0].ending.package
    assert records(installation) == before


def test_what_is_not_there_ends_with_a_clear_sentence_and_leaves_nothing_behind(
    installation: Archive, tmp_path: Path
):
    nothing = DropRequest(tmp_path / "no such folder", "files", "nothing")
    moved = taken(installation, "moved")
    shutil.rmtree(moved.path)
    mistyped = DropRequest(tmp_path, "filse", "mistyped")
    told = run(installation, nothing, moved.as_drop, mistyped)
    assert {one.ending.verdict for one in told} == {Verdict.INTERRUPTED}
    assert "the drop cannot be read (No such file or directory)" in told[0].ending.sentence
    assert "moved away by hand" in told[1].ending.sentence
    assert "did you mean files?" in told[2].ending.sentence
    assert records(installation) == ([], [], [])
    assert not (installation.directory / "inbox" / "filse").exists()


def begun(archive: Archive, drop: DropRequest) -> UUID:
    """A run for the drop, as Prefect has it before a worker takes it."""
    asked = parameters_of(archive.directory, [drop])
    return prefect_client(archive.api_url).create_flow_run(preserve, parameters=asked, state=Pending()).id


def attempt(archive: Archive, run: UUID) -> SubmissionResult:
    """Have Prefect start the run, as it does for whoever asks for it again, and return how its drop ended."""
    client = prefect_client(archive.api_url)
    settings = client_settings(PrefectApi(archive.api_url, os.environ["PREFECT_API_AUTH_STRING"]))
    with surroundings(archive), temporary_settings(settings), delivered(), recorded_results() as results:
        client.set_flow_run_state(run, Pending(), force=True)
        run_flow(preserve, flow_run=client.read_flow_run(run), return_type="state")
    [result] = results[0].results
    return result


@pytest.mark.in_prefect
def test_a_run_that_prefect_starts_again_ends_as_it_did_where_its_drop_was_moved_away(
    installation: Archive, tmp_path: Path
):
    folder = tmp_path / "sheet"
    folder.mkdir()
    (folder / "page.txt").write_text("A page")
    drop = DropRequest(folder, "files", "sheet")
    kept = begun(installation, drop)
    first = attempt(installation, kept)
    shutil.rmtree(folder)
    before = records(installation)
    [anew] = run(installation, drop)
    assert anew.ending.verdict is Verdict.INTERRUPTED  # a new run looks now
    again = attempt(installation, kept)
    assert (again.ending.verdict, again.ending.sentence) == (Verdict.STORED, first.ending.sentence)
    assert records(installation) == before

    # Another drop at the same place, whose run was stopped, and which is not there any more.
    folder.mkdir()
    (folder / "page.txt").write_text("Another page")
    with (
        surroundings(installation),
        open_installation(load_settings(installation.directory)) as opened,
        claim(drop, opened),
    ):
        pass
    shutil.rmtree(folder)
    assert attempt(installation, kept).ending.verdict is Verdict.INTERRUPTED


@pytest.mark.in_prefect
def test_a_run_that_never_began_its_drop_does_not_end_as_another_drop_that_lay_there(
    installation: Archive, tmp_path: Path
):
    folder = tmp_path / "sheet"
    folder.mkdir()
    (folder / "page.txt").write_text("A page")
    drop = DropRequest(folder, "files", "sheet")
    assert attempt(installation, begun(installation, drop)).ending.verdict is Verdict.STORED

    (folder / "page.txt").write_text("Another page")
    policy = installation.directory / "policies" / "bit-level.toml"
    sound = policy.read_text()
    policy.write_text("unsound")
    failed = begun(installation, drop)
    assert attempt(installation, failed).ending.verdict is Verdict.INTERRUPTED
    policy.write_text(sound)
    shutil.rmtree(folder)
    assert attempt(installation, failed).ending.verdict is Verdict.INTERRUPTED

    # Nor as one that came after it.
    folder.mkdir()
    (folder / "page.txt").write_text("A third page")
    assert attempt(installation, begun(installation, drop)).ending.verdict is Verdict.STORED
    shutil.rmtree(folder)
    last = attempt(installation, failed)
    assert last.ending.verdict is Verdict.INTERRUPTED
    assert "the drop cannot be read (No such file or directory)" in last.ending.sentence


def test_what_ended_is_answered_so_and_not_abandoned(installation: Archive, tmp_path: Path):
    folder = tmp_path / "way" / "ghost"
    folder.mkdir(parents=True)
    (folder / "page.txt").write_text("A page")
    object_id = ObjectId(CollectionName("files"), ObjectName("ghost"))
    with surroundings(installation), open_installation(load_settings(installation.directory)) as opened:
        with claim(DropRequest(folder, "files", "ghost"), opened) as workspace:
            # As it is left where the database was away when it was to be answered.
            end(workspace, Verdict.REJECTED, "It is empty.")
        shutil.rmtree(folder.parent)
        folder.parent.symlink_to(folder.parent)
        with pytest.raises(UnavailableError, match="the drop may be there"):
            abandon(object_id, opened, because="a typing error", by="A. Turner")
        folder.parent.unlink()

        sentence = abandon(object_id, opened, because="a typing error", by="A. Turner")

        assert sentence == "files/ghost had ended as rejected; only its answer was missing."
        [concluded] = opened.catalogue.history(object_id).conclusions
        assert (concluded.verdict, concluded.summary) == (Verdict.REJECTED, "It is empty.")
    assert records(installation)[2] == []


def test_what_was_left_of_a_drop_that_is_gone_can_be_ended_and_the_journal_says_by_whom(
    installation: Archive, tmp_path: Path
):
    archive = near(installation)
    folder = tmp_path / "ghost"
    folder.mkdir()
    (folder / "page.txt").write_text("A page")
    with (
        surroundings(archive),
        open_installation(load_settings(archive.directory)) as opened,
        claim(DropRequest(folder, "files", "ghost"), opened),
    ):
        pass
    words = ("abandon", "files/ghost", "--because", "a typing error", "--by", "A. Turner")
    there = archive.run(*words)
    assert there.returncode == 6
    assert f"its drop is at {folder}" in there.stderr
    shutil.rmtree(folder)

    def under_way() -> list[str]:
        status = json.loads(archive.run("status", "--json").stdout)
        return [one["object"] for one in (*status["processing"], *status["latest"])]

    assert "muniment abandon files/ghost" in archive.run("retry", "files/ghost").stderr
    assert archive.run(*words, "--dry-run").returncode == 0
    assert under_way() == ["files/ghost"]
    assert archive.run(*words).returncode == 0
    assert under_way() == []
    [end] = [
        line
        for line in archive.run("journal", "show", "files/ghost").stdout.splitlines()
        if "Abandoned" in line
    ]
    assert "Abandoned by A. Turner: a typing error" in end
    again = archive.run(*words)
    assert again.returncode == 6
    assert "no submission of it is on its way" in again.stderr
