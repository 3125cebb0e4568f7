"""Plan: the policy's decision on every file, and the judgement on the whole submission."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from flows.submission.rulings import waivers_for
from flows.submission.stages.already_kept import PresencePorts, end_if_there
from flows.submission.stages.compare import compare, is_approved, issues_of_comparison
from flows.submission.stages.order_check import check_order
from flows.submission.stages.ports import HasOrders, HasSettings
from flows.submission.stages.stage import Stage, end, ingest_events_of
from flows.submission.workspace import JUDGING_STAGE, Workspace, only
from preservation.model.events import Agent, AgentKind, Event
from preservation.model.issues import Issue
from preservation.model.rulings import waived
from preservation.model.verdicts import Verdict
from preservation.planning.judgement import issue_of, judge
from preservation.policy.selection import decide
from preservation.screening.report_issues import not_examined


class PlanPorts(PresencePorts, HasOrders, HasSettings, Protocol):
    """What planning asks of an installation."""


def _plan(workspace: Workspace, ports: PlanPorts) -> Iterable[Event]:
    policy = workspace.policy
    workspace.decisions.write(decide(policy, file) for file in workspace.surveyed())
    compare(workspace, ports.catalogue)
    placed = check_order(workspace, ports)
    batch = "" if placed is None else placed.order.batch
    holding = waivers_for(workspace.submission, batch, ports.settings)
    used = tuple(one for one in holding if any(map(one.takes, _as_found(workspace))))
    workspace.waivers.write(used)
    approval = only(workspace.approval) if workspace.approval.exist else None
    judgement = judge(every_issue(workspace), approved=is_approved(workspace, ports.catalogue))
    ingest = ingest_events_of(workspace)
    unexamined = not_examined(workspace.unexamined.so_far)
    note = "" if unexamined is None else unexamined.message
    examined = workspace.examined.so_far
    yield ingest.screened(judgement.verdict, judgement.sentence, examined, note, remarks=judgement.remarks)
    yield from (ingest.ruled(one.sentence, one.because, one.by, one.at) for one in used)
    if judgement.verdict is None and approval is not None:
        yield ingest.approved(Agent(AgentKind.PERSON, approval.by), approval.because, approval.at)
    # What is kept is not asked about again: a run that was killed after its answer took the approval with it.
    if judgement.verdict is not Verdict.REJECTED and _ended_as_kept(workspace, ports):
        return
    if judgement.verdict is not None:
        end(workspace, judgement.verdict, judgement.sentence, issues=issues_of_the_whole(workspace))


PLAN = Stage(JUDGING_STAGE, _plan)


def _ended_as_kept(workspace: Workspace, ports: PresencePorts) -> bool:
    """End the submission where the latest version has the same content, and is there; return whether so.

    Only what was judged fit, or in question, is recognised: a drop with a fault is never accepted this way.
    What only an older version has becomes a new one: the drop is what the object is to be from now on.
    """
    if workspace.number.exist:
        # An earlier try began to keep it anew, and goes on.
        return False
    latest = ports.catalogue.latest(workspace.submission.object)
    is_kept = latest is not None and latest.fingerprint == only(workspace.fingerprint)
    doubted = end_if_there(workspace, ports, latest.package) if latest is not None and is_kept else None
    if doubted is not None or workspace.doubted.exist:
        workspace.doubted.write([] if doubted is None else [doubted])
    return is_kept and doubted is None


def issues_of_the_whole(workspace: Workspace) -> Iterator[Issue]:
    """Yield the issues of the bag, all files together, order, version before, manifests, and rules.

    What persons have waived is waived.
    """
    yield from waived(_whole_as_found(workspace), tuple(workspace.waivers.so_far))


def _as_found(workspace: Workspace) -> Iterator[Issue]:
    yield from _whole_as_found(workspace)
    for screened in workspace.screening.so_far:
        yield from screened.issues


def _whole_as_found(workspace: Workspace) -> Iterator[Issue]:
    yield from workspace.issues.so_far
    yield from workspace.screening_issues.so_far
    yield from workspace.order_issues.so_far
    yield from issues_of_comparison(workspace)
    for manifest in workspace.supplied.so_far:
        yield from manifest.issues
    unexamined = not_examined(workspace.unexamined.so_far)
    if unexamined is not None:
        yield unexamined
    for decision in workspace.decisions.so_far:
        issue = issue_of(decision)
        if issue is not None:
            yield issue


def every_issue(workspace: Workspace) -> Iterator[Issue]:
    """Yield every issue of the submission: those of the whole, then those of its files."""
    yield from issues_of_the_whole(workspace)
    for screened in workspace.screened:
        yield from screened.issues
