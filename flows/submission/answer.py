"""The answer to a submission: its receipt, and its end in the catalogue."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import msgspec

from flows.alarms.alarm import Alarm, AlarmKind, new_alarm
from flows.installation.disk_faults import machine_fault
from flows.installation.log import LOG
from flows.installation.wiring import Installation, now
from flows.submission.drop import DropRequest
from flows.submission.stages.order import STAGES
from flows.submission.stages.stage import ingest_events_of
from flows.submission.workspace import Ending, Workspace, only
from preservation.errors import IntegrityError, PreservationError, StorageError, fault_of
from preservation.model.descriptions import title_of
from preservation.model.events import Agent, AgentKind
from preservation.model.identifiers import ObjectId, PackageId, StoreName
from preservation.model.issues import Issue
from preservation.model.paths import printable
from preservation.model.supplied import comparison
from preservation.model.verdicts import Verdict
from preservation.receipt.as_markdown import receipt_markdown
from preservation.receipt.contents import PersonsDecision, PlacedReplica, Receipt
from preservation.receipt.placed_issues import answered_issues
from preservation.receipt.rendering import render
from preservation.receipt.summary import formats_table
from preservation.virus.codes import INFECTED
from storage.ports.catalogue import Conclusion
from storage.replication.occupation import Occupation, what_lies_in


def discard(workspace: Workspace, installation: Installation) -> None:
    """Discard a submission: its version number, what it left in stores, its folder.

    Raises ``StorageError`` where a store or the catalogue cannot be reached; it can then be called again.
    """
    for number in workspace.number.so_far:
        if discarded_everywhere(number.package, installation, number.may_purge):
            installation.catalogue.release(workspace.submission.identifier)
    workspace.discard()


def discarded_everywhere(
    package: PackageId, installation: Installation, may_purge: Callable[[StoreName], bool]
) -> bool:
    """Remove what is not committed; return whether nothing stayed, so that the number is free again.

    In stores that ``may_purge`` denies, what lies there may be somebody's, and is not touched.
    """
    everywhere = True
    for store in installation.stores:
        purger = installation.purgers[store.name]
        try:
            if not may_purge(store.name):
                everywhere &= what_lies_in(store, package) is Occupation.EMPTY
                continue
            purger.discard_uncommitted(package)
        except IntegrityError:
            LOG.warning(
                "%s: store %s has all of it, so it stays and its number is used", package, purger.name
            )
            everywhere = False
    return everywhere


_MOST_ISSUES = 10_000
FOR_GOOD = frozenset({Verdict.STORED, Verdict.ALREADY_KEPT, Verdict.REJECTED})


class SubmissionResult(msgspec.Struct, frozen=True):
    """The result of one drop. ``markdown`` and ``formats`` are what the Prefect UI shows of it.

    ``digest`` is that of the package's tag manifest, which stands for all of it, where there is one.
    """

    object: str
    ending: Ending
    issues: tuple[Issue, ...] = ()
    receipt: Path | None = None
    markdown: str = ""
    formats: tuple[dict[str, str | int], ...] = ()
    digest: str = ""

    @property
    def is_infected(self) -> bool:
        """Whether malware was found in the drop."""
        return any(issue.code == INFECTED for issue in (*self.ending.issues, *self.issues))


def infected_among(results: Iterable[SubmissionResult]) -> Iterator[Alarm]:
    """Yield an alarm for each drop in which malware was found."""
    for result in results:
        if result.is_infected:
            yield new_alarm(
                AlarmKind.INFECTED,
                result.object,
                result.ending.at,
                happened=result.ending.sentence,
                next_step="Do not open it; notify the administrators of the computers that it came from.",
                receipt=str(result.receipt or ""),
                # Each try of one submission has the same receipt; a new drop raises a new alarm.
                key=str(result.receipt or f"{result.object} {result.ending.at.isoformat()}"),
            )


def interrupted(about: DropRequest | ObjectId | str, sentence: str) -> SubmissionResult:
    """Return the result of a drop that the system stopped where no workspace has its end."""
    return SubmissionResult(str(about), Ending(Verdict.INTERRUPTED, sentence, now()))


_GRAVEST_LAST = (Verdict.ALREADY_KEPT, Verdict.STORED, Verdict.WAITING, Verdict.REJECTED, Verdict.INTERRUPTED)


class RunResult(msgspec.Struct, frozen=True):
    """The result of a run: of each drop, and a fault that is not of a drop, with its exit code."""

    results: list[SubmissionResult]
    fault: str = ""
    exit_code: int = 0

    @property
    def gravest(self) -> Verdict:
        """The verdict that asks most of people."""
        return max((result.ending.verdict for result in self.results), key=_GRAVEST_LAST.index)

    @property
    def sentence(self) -> str:
        """How the drops ended: of one its own sentence, of several how many ended how."""
        if len(self.results) == 1:
            return self.results[0].ending.sentence
        verdicts = [result.ending.verdict for result in self.results]
        return ", ".join(
            f"{verdicts.count(verdict)} {verdict.value}"
            for verdict in reversed(_GRAVEST_LAST)
            if verdict in verdicts
        )


def answer(workspaces: Iterable[Workspace], installation: Installation) -> list[SubmissionResult]:
    """Answer every submission that has ended. One that cannot be answered is interrupted, and stops no other.

    Raises ``StorageError`` where none can be answered now, as when the catalogue cannot be reached or a disk
    is full; nothing is then removed, and answering again answers the same.
    """
    results: list[SubmissionResult] = []
    answered: list[Workspace] = []
    faults: list[StorageError] = []
    for workspace in workspaces:
        try:
            results.append(_answer(workspace, installation))
            answered.append(workspace)
        except Exception as failure:
            error = failure
            if isinstance(error, OSError):
                faults.append(error := machine_fault(error, installation.settings))
            elif isinstance(error, PreservationError) and error.retryable:
                raise
            about = printable(f"{workspace.root.parent.name}/{workspace.root.name}")
            LOG.exception("%s: it could not be answered", about)
            results.append(interrupted(about, unanswered_sentence(fault_of(error))))
    if faults and not answered:
        raise faults[0]
    for workspace in answered:
        _remove_folder(workspace, installation)
    return results


def unanswered_sentence(reason: str) -> str:
    """Return the sentence of a submission that ended, and could not be answered."""
    return (
        f"It could not be answered: {reason.rstrip('.')}. Nothing is lost: preserve it again and it goes on."
    )


def _answer(workspace: Workspace, installation: Installation) -> SubmissionResult:
    ending = only(workspace.ending)
    submission = workspace.submission
    LOG.info("%s: answer", submission.object)
    receipt = receipt_of(workspace, ending, installation)
    page = render(receipt, _target(workspace, installation))
    # A stage whose events could not be appended, since the database was away, may have ended the submission.
    done = chain.from_iterable(workspace.events(stage).so_far for stage in STAGES)
    ingest = ingest_events_of(workspace)
    refused = (
        ingest.refused(Agent(AgentKind.PERSON, one.by), one.because, one.at)
        for one in workspace.refusal.so_far
    )
    ended = ingest.ended(ending.verdict, ending.sentence, ending.at)
    installation.catalogue.conclude(
        Conclusion(submission, ending.verdict, ending.at, ending.sentence, page), (*done, *refused, ended)
    )
    of_files = chain.from_iterable(screened.issues for screened in workspace.screened)
    return SubmissionResult(
        str(submission.object),
        ending,
        answered_issues(tuple(islice(chain(ending.issues, of_files), _MOST_ISSUES)), receipt),
        page,
        receipt_markdown(receipt),
        tuple(formats_table(receipt.files)),
        _digest_of(ending, installation),
    )


def _digest_of(ending: Ending, installation: Installation) -> str:
    if ending.package is None:
        return ""
    kept = installation.catalogue.package(ending.package).tag_digests
    return next((f"{one.algorithm.value} {one.digest}" for one in kept), "")


def receipt_of(workspace: Workspace, ending: Ending, installation: Installation) -> Receipt:
    """Return what the receipt of a submission is written from, where it ends so."""
    claimed = only(workspace.claim)
    submission = claimed.submission
    waits = ending.verdict is Verdict.WAITING
    sites = {store.name: store.place.site for store in installation.stores}
    return Receipt(
        submission=submission,
        verdict=ending.verdict,
        sentence=ending.sentence,
        files=workspace.dossiers,
        workspace=workspace.root,
        started=submission.received_at,
        ended=ending.at,
        package=ending.package,
        issues=ending.issues,
        replicas=tuple(PlacedReplica(replica, sites.get(replica.store, "")) for replica in ending.replicas),
        policy=workspace.policy.reference,
        engines=tuple(workspace.engines.so_far),
        lacking=ending.lacking,
        comparison=comparison(workspace.supplied.so_far),
        title=next((title_of(one.statements) for one in workspace.description.so_far), ""),
        difference=next(iter(workspace.difference.so_far), None),
        changes=workspace.changes.so_far,
        decision=None if waits else _decision(workspace),
        dropped_as=claimed.dropped_as,
        how_to_answer=tuple(answering_commands(submission.object)) if waits else (),
        contact=installation.settings.alarms.contact,
    )


def _decision(workspace: Workspace) -> PersonsDecision | None:
    for refusal in workspace.refusal.so_far:
        return PersonsDecision(refusal.by, refusal.because, refusal.at, approves=False)
    for approval in workspace.approval.so_far:
        return PersonsDecision(approval.by, approval.because, approval.at, approves=True)
    return None


def answering_commands(object_id: ObjectId) -> Iterator[str]:
    """Yield the commands that answer a drop that waits, as they are typed into a shell."""
    for verb in ("approve", "refuse"):
        yield f'muniment {verb} {shlex.quote(str(object_id))} --because "…" --by "…"'


def _target(workspace: Workspace, installation: Installation) -> Path:
    """Return where the receipt goes, without its ending: the same for every try of one submission."""
    submission = workspace.submission
    folder = installation.settings.receipts / submission.object.collection / submission.object.name
    return folder / f"{submission.received_at:%Y%m%dT%H%M%SZ}-{submission.identifier[:8]}"


def _remove_folder(workspace: Workspace, installation: Installation) -> None:
    """Remove the folder of a submission that ended for good; a failure leaves it to the next run."""
    try:
        verdict = only(workspace.ending).verdict
        if verdict is Verdict.REJECTED:
            discard(workspace, installation)
        elif verdict in FOR_GOOD:
            workspace.discard()
    except Exception as error:  # noqa: BLE001  it is answered, and what is left delays no drop
        LOG.warning("%s: left in processing/ for now: %s", workspace.root.name, fault_of(error))
