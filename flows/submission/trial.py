"""A trial: what the service would answer to a drop, with the receipt, before it is dropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from flows.installation.wiring import Installation, now
from flows.submission.answer import receipt_of
from flows.submission.drop import DropRequest, name_of, name_tried
from flows.submission.dry_run import WOULD_BE_KEPT, DryRunResult, dry_run_in
from flows.submission.stages.plan import issues_of_the_whole
from flows.submission.workspace import Ending, Workspace
from preservation.model.identifiers import CollectionName, object_name
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import Receipt

UNTAKABLE_NAME: Final = IssueCode("INT-013")
"""The drop has a name that no object can have: it would stay in its inbox."""

_STAND_IN: Final = "drop"


@dataclass(frozen=True, slots=True)
class Trial:
    """What the service would answer. ``workspace`` has what was found of each file."""

    result: DryRunResult
    workspace: Workspace
    receipt: Receipt


@contextmanager
def tried(place: Path, installation: Installation, scratch: Path, *, is_named: bool) -> Iterator[Trial]:
    """Yield what the service would answer to the drop at ``place``; nothing of it is kept.

    ``is_named`` says that it is to be dropped under its own name, which is then judged too. The workspace is
    removed when the context ends. Raises what the stages raise.
    """
    collection = _collection_of(installation)
    fault = _fault_of(name_of(place)) if is_named else ""
    request = DropRequest(place, collection, name_tried(place))
    with dry_run_in(request, installation, scratch) as (result, workspace):
        trial = Trial(result, workspace, _receipt(workspace, installation))
        yield _not_taken(trial, place, fault) if fault else trial


def _not_taken(trial: Trial, place: Path, fault: str) -> Trial:
    """Return the trial of a drop that would stay in its inbox because of its name."""
    message = f"{printable(place.name)} is not taken out of an inbox: {fault}."
    issue = Issue(UNTAKABLE_NAME, Severity.ERROR, message, None, "Give it another name.")
    result, receipt = trial.result, trial.receipt
    return Trial(
        replace(result, verdict=Verdict.REJECTED.value, sentence=message, issues=(issue, *result.issues)),
        trial.workspace,
        replace(receipt, verdict=Verdict.REJECTED, sentence=message, issues=(issue, *receipt.issues)),
    )


def _collection_of(installation: Installation) -> CollectionName:
    """Return a collection for the drop: here any policy's name is one."""
    policy = installation.policy_of(CollectionName(_STAND_IN))
    return CollectionName(policy.reference.name)


def _fault_of(name: str) -> str:
    try:
        object_name(name)
    except ValueError as error:
        return str(error)
    return ""


def _receipt(workspace: Workspace, installation: Installation) -> Receipt:
    """Return the receipt that the drop would get; it says of nothing that it is kept."""
    fit = Ending(Verdict.STORED, WOULD_BE_KEPT, now(), issues=tuple(issues_of_the_whole(workspace)))
    ending = next(iter(workspace.ending.so_far), fit)
    return replace(receipt_of(workspace, ending, installation), is_trial=True, how_to_answer=())
