"""One drop over which something fails that nothing expects: it is interrupted, and stops no other."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import Archive
from support.flow_runs import surroundings
from support.plain_runs import run_plainly

from flows.inboxes import run as conducted
from flows.installation.settings_file import load_settings
from flows.submission import answer, steps
from flows.submission.drop import DropRequest
from flows.submission.stages.order import STAGES
from flows.submission.stages.stage import Stage
from flows.submission.workspace import Workspace
from preservation.model.verdicts import Verdict

FAULTS = {
    "recursion": RecursionError("maximum recursion depth exceeded"),
    "memory": MemoryError(),
    "system": OSError(errno.EILSEQ, "Invalid or incomplete multibyte or wide character"),
    "bug": ZeroDivisionError("division by zero"),
}
SOAKING = ("memory", "bug")
KEPT_ALL_THE_SAME = "bad-discard"
BAD = ("bad-claim", *(f"bad-{stage}" for stage in STAGES), "bad-answer", "bad-end", KEPT_ALL_THE_SAME)
GOOD = ("good-a", "good-z")


def failing(
    wrapped: Callable[..., object], name: Callable[..., str], at: str, error: Exception
) -> Callable[..., object]:
    """Return the function, which raises for the object called ``at``."""

    def work(*arguments: object, **named: object) -> object:
        if name(*arguments) == at:
            raise error
        return wrapped(*arguments, **named)

    return work


def of_workspace(workspace: Workspace, *_: object) -> str:
    return workspace.root.name


def of_ended_workspace(workspace: Workspace) -> str:
    return workspace.root.name if workspace.has_ended else ""


def break_everything(patch: pytest.MonkeyPatch, error: Exception) -> None:
    run = Stage.run

    def of_stage(stage: Stage, workspace: Workspace, *_: object) -> str:
        return "broken" if of_workspace(workspace) in {f"bad-{stage.name}", "bad-end"} else ""

    patch.setattr(Stage, "run", failing(run, of_stage, "broken", error))
    patch.setattr(
        conducted, "claim", failing(conducted.claim, lambda drop, *_: drop.object_name, "bad-claim", error)
    )
    patch.setattr(answer, "_answer", failing(answer._answer, of_workspace, "bad-answer", error))
    for module in (steps, conducted):
        patch.setattr(module, "interrupt", failing(module.interrupt, of_workspace, "bad-end", error))
    discard = failing(Workspace.discard, of_ended_workspace, KEPT_ALL_THE_SAME, error)
    patch.setattr(Workspace, "discard", discard)


def preserved(archive: Archive, drops: list[DropRequest]) -> dict[str, Verdict]:
    with surroundings(archive):
        settings = load_settings(archive.directory)
        results = run_plainly(settings, drops).results
    for result in results:
        if result.ending.verdict is Verdict.INTERRUPTED:
            assert "preserve it again" in result.ending.sentence or "check" in result.ending.sentence, result
    return {result.object.removeprefix("files/"): result.ending.verdict for result in results}


@pytest.mark.parametrize(
    "fault", [pytest.param(one, marks=pytest.mark.soak) if one in SOAKING else one for one in FAULTS]
)
def test_each_ends_by_itself_wherever_it_fails_and_goes_on_afterwards(
    installation: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
):
    drops = []
    for name in (GOOD[0], *BAD, GOOD[1]):
        (tmp_path / name).write_text(f"This is {name}.")
        drops.append(DropRequest(tmp_path / name, "files", name))

    with monkeypatch.context() as patch:
        break_everything(patch, FAULTS[fault])
        first = preserved(installation, drops)

    stored = {*GOOD, KEPT_ALL_THE_SAME}
    assert {name for name, verdict in first.items() if verdict is Verdict.STORED} == stored
    assert {name for name, verdict in first.items() if verdict is Verdict.INTERRUPTED} == {*BAD} - stored
    again = preserved(installation, drops)
    assert set(again.values()) <= {Verdict.STORED, Verdict.ALREADY_KEPT}, again
    assert list((installation.directory / "processing/files").iterdir()) == []
