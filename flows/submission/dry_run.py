"""A dry run: survey, screen and plan in a temporary folder; nothing is kept, and no event is recorded."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from flows.installation.wiring import Installation, now
from flows.submission.drop import DropRequest, outline_of
from flows.submission.stages.plan import PLAN, every_issue
from flows.submission.stages.screen import SCREEN
from flows.submission.stages.survey import SURVEY
from flows.submission.workspace import Workspace, only
from preservation.files.beneath import without_links_above
from preservation.model.difference import VersionDifference
from preservation.model.issues import Issue

WOULD_BE_KEPT: Final = "It would be kept."


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """The verdict that a drop would get: ``stored`` where nothing is against it.

    ``compared`` is the difference from the version that is kept, ``None`` where it has the same content.
    """

    object: str
    verdict: str
    sentence: str
    files: int
    bytes: int
    actions: dict[str, int]
    issues: tuple[Issue, ...]
    compared: VersionDifference | None = None


def dry_run(drop: DropRequest, installation: Installation, scratch: Path) -> DryRunResult:
    """Return the verdict that ``drop`` would get. Raises what the stages raise."""
    with dry_run_in(drop, installation, scratch) as (result, _):
        return result


@contextmanager
def dry_run_in(
    drop: DropRequest, installation: Installation, scratch: Path
) -> Iterator[tuple[DryRunResult, Workspace]]:
    """Yield the verdict that ``drop`` would get, and the workspace, which has what was found of each file.

    The workspace is removed when the context ends. Raises what the stages raise.
    """
    workspace = dry_run_workspace(scratch)
    drop = replace(drop, path=without_links_above(drop.path))
    policy = installation.policy_of(drop.object_id.collection)
    workspace.start(drop.object_id, drop.path, outline_of(drop.path), policy, now())
    try:
        for stage in (SURVEY, SCREEN, PLAN):
            stage.run(workspace, installation)
        yield _result(drop, workspace), workspace
    finally:
        workspace.discard()


def dry_run_workspace(scratch: Path) -> Workspace:
    """Return the workspace of the dry run in ``scratch``, which has its progress while it runs."""
    return Workspace(scratch / "rehearsal")


def _result(drop: DropRequest, workspace: Workspace) -> DryRunResult:
    verdict, sentence = "stored", WOULD_BE_KEPT
    for ending in workspace.ending.so_far:
        verdict, sentence = ending.verdict.value, ending.sentence
    actions = Counter(decision.action.value for decision in workspace.decisions.so_far)
    sizes = [file.size for file in workspace.surveyed()]
    found = every_issue(workspace) if workspace.survey.exist else only(workspace.ending).issues
    issues = (*found, *chain.from_iterable(one.issues for one in workspace.doubted.so_far))
    compared = next(iter(workspace.difference.so_far), None)
    return DryRunResult(str(drop), verdict, sentence, len(sizes), sum(sizes), dict(actions), issues, compared)
