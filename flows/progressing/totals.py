"""How much a stage has to do. Asked of stages that take long, and only then: some of it has to be counted."""

from __future__ import annotations

from flows.workspace import Tally, Workspace, only
from preservation.packaging.planned import PlanSummary
from preservation.survey.walk import outline_of_tree


def to_survey(workspace: Workspace) -> Tally | None:
    """Return what there is to be read. What lies in a bag was not counted by itself when it was dropped."""
    received = only(workspace.received)
    if received.bag_root is None:
        return only(workspace.claim).found
    payload = outline_of_tree(received.payload_root, received.only)
    return Tally(payload.files, payload.bytes)


def to_screen(workspace: Workspace) -> Tally:
    """Return the number of files to be looked at; how much of each is read is the examiner's affair."""
    return Tally(workspace.tally().files, 0)


def to_normalize(workspace: Workspace) -> Tally:
    """Return the number of derivatives that the decisions ask for; how large they become shows then."""
    asked = (bool(decision.normalize) + bool(decision.access) for decision in workspace.decisions)
    return Tally(sum(asked), 0)


def to_replicate(planned: PlanSummary) -> Tally:
    """Return what one store has to do: write everything and read it back."""
    return Tally(2 * planned.files, 2 * planned.bytes)
