"""Holds a delivery against its order: one question to the database a drop, one look at each name."""

from collections.abc import Iterator

from flows.submission.stages.ports import HasOrders
from flows.submission.workspace import Workspace
from preservation.model.issues import Issue
from preservation.model.orders import PlacedOrder
from preservation.model.paths import RelativePath
from preservation.orders.delivery import DeliveredFiles, issues_of_order, issues_of_unordered
from preservation.policy.selection import is_descriptive, is_junk
from preservation.survey.supplied import goes_unlisted
from storage.ports.orders import OrderOnArrival


def check_order(workspace: Workspace, ports: HasOrders) -> PlacedOrder | None:
    """Record what the delivery's order, and the policy, say of it; return the order, where there is one.

    In a throwaway installation there is none, and nothing is said.
    """
    if ports.throwaway:
        workspace.order_issues.write(())
        return None
    submission = workspace.submission
    asked = ports.orders.on_arrival(submission.object, submission.identifier)
    workspace.order_issues.write(_issues(workspace, ports, asked))
    return asked.placed


def _issues(workspace: Workspace, ports: HasOrders, asked: OrderOnArrival) -> Iterator[Issue]:
    submission, ordering = workspace.submission, workspace.policy.terms.order
    placed = asked.placed
    if placed is None or placed.withdrawal is not None:
        withdrawal = None if placed is None else placed.withdrawal
        ordered = ports.orders.open_names(submission.object.collection)
        yield from issues_of_unordered(submission.object, ordering, withdrawal, ordered)
        return
    came = submission.received_at.date()
    yield from issues_of_order(placed.order, ordering, came, asked.accepted_at)
    delivered = DeliveredFiles(placed.order, ordering)
    for path in _own_files(workspace):
        delivered.add(path)
    yield from delivered.issues()


def _own_files(workspace: Workspace) -> Iterator[RelativePath]:
    """Yield the files of the object itself: no junk, manifests, metadata and signs that it is complete."""
    policy = workspace.policy
    manifests = {manifest.path for manifest in workspace.supplied.so_far}
    for file in workspace.surveyed():
        path = file.path
        if not (
            path in manifests or goes_unlisted(path) or is_junk(policy, path) or is_descriptive(policy, path)
        ):
            yield path
