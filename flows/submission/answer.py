"""Answering: the receipt, the catalogue's note of how it ended, and the journal sealed into every store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import msgspec

from flows.installation.log import LOG
from flows.installation.scratch import scratch_folder
from flows.installation.wiring import Installation, now
from flows.submission.drop import DropRequest
from flows.submission.stages.stage import ingest_events_of, interrupted_by
from flows.submission.workspace import Ending, Workspace, only
from preservation.errors import IntegrityError, PreservationError, StorageError
from preservation.model.dossiers import Dossiers
from preservation.model.identifiers import PackageId
from preservation.model.issues import Issue
from preservation.model.verdicts import Verdict
from preservation.receipt.as_markdown import receipt_markdown
from preservation.receipt.contents import PlacedReplica, Receipt
from preservation.receipt.rendering import render
from preservation.receipt.summary import formats_table
from storage.journal.keys import public_keys
from storage.journal.segments import AgreeingStore, agreeing, publish, sign_head
from storage.ports.catalogue import Conclusion
from storage.ports.stores import Store


def discard(workspace: Workspace, installation: Installation) -> None:
    """Forget a submission: its number, what it left in stores, its folder.

    Raises ``StorageError`` where a store or the catalogue cannot be reached; then it can be done again.
    """
    for number in workspace.number.so_far:
        if _discarded_everywhere(number.package, installation):
            installation.catalogue.release(workspace.submission.identifier)
    workspace.discard()


def _discarded_everywhere(package: PackageId, installation: Installation) -> bool:
    """Take away what is not committed; say whether nothing stayed, so that the number may be used again."""
    everywhere = True
    for purger in installation.purgers.values():
        try:
            purger.discard_uncommitted(package)
        except IntegrityError:
            LOG.warning(
                "%s: store %s has it whole, so it stays and its number is taken", package, purger.name
            )
            everywhere = False
    return everywhere


_ISSUES_TOLD = 10_000
_FOR_GOOD = frozenset({Verdict.STORED, Verdict.ALREADY_KEPT, Verdict.REJECTED})


class SubmissionResult(msgspec.Struct, frozen=True):
    """What is told of one drop. ``markdown`` and ``formats`` are what the Prefect UI shows of it."""

    object: str
    ending: Ending
    issues: tuple[Issue, ...] = ()
    receipt: Path | None = None
    markdown: str = ""
    formats: tuple[dict[str, str | int], ...] = ()


def not_begun(drop: DropRequest, reason: str) -> SubmissionResult:
    """Tell of a drop that could not be taken in hand."""
    return SubmissionResult(str(drop), Ending(Verdict.INTERRUPTED, reason, now()))


def unwritten(workspace: Workspace, reason: str) -> SubmissionResult:
    """Tell of a submission whose end could not even be written down; its folder stays, as far as it got."""
    return SubmissionResult(
        str(workspace.submission.object), Ending(Verdict.INTERRUPTED, interrupted_by(reason), now())
    )


def unanswered(workspace: Workspace, reason: str) -> SubmissionResult:
    """Tell of a submission that could not be answered; its folder stays, and the next run answers."""
    sentence = (
        f"It could not be answered: {reason.rstrip('.')}. Nothing is lost: preserve it again and it goes on."
    )
    return SubmissionResult(str(workspace.submission.object), Ending(Verdict.INTERRUPTED, sentence, now()))


class RunResult(msgspec.Struct, frozen=True):
    """What a run tells: of each drop, and of a fault that is no drop's, with the exit code it asks for."""

    told: list[SubmissionResult]
    fault: str = ""
    exit_code: int = 0


def answer(workspaces: Iterable[Workspace], installation: Installation) -> list[SubmissionResult]:
    """Answer every submission that has ended.

    Raises ``StorageError`` where the catalogue cannot be reached; then nothing is forgotten, and
    answering again answers the same.
    """
    ended = list(workspaces)
    told = [_answer(workspace, installation) for workspace in ended]
    for workspace in ended:
        _forget(workspace, installation)
    return told


def _answer(workspace: Workspace, installation: Installation) -> SubmissionResult:
    ending = only(workspace.ending)
    submission = workspace.submission
    LOG.info("%s: answer", submission.object)
    receipt = _receipt(workspace, ending, installation)
    page = render(receipt, _target(workspace, installation))
    events = (ingest_events_of(workspace).ended(ending.verdict, ending.sentence, ending.at),)
    installation.catalogue.conclude(
        Conclusion(submission, ending.verdict, ending.at, ending.sentence, page), events
    )
    return SubmissionResult(
        str(submission.object),
        ending,
        tuple(islice(chain(ending.issues, _issues_of_files(workspace)), _ISSUES_TOLD)),
        page,
        receipt_markdown(receipt),
        tuple(formats_table(receipt.files)),
    )


def _receipt(workspace: Workspace, ending: Ending, installation: Installation) -> Receipt:
    submission = workspace.submission
    sites = {store.name: store.place.site for store in installation.stores}
    return Receipt(
        submission=submission,
        verdict=ending.verdict,
        sentence=ending.sentence,
        files=Dossiers(
            workspace.survey.so_far,
            workspace.screened.so_far,
            workspace.decisions.so_far,
            workspace.derivatives.so_far,
        ),
        workspace=workspace.root,
        started=submission.received_at,
        ended=ending.at,
        package=ending.package,
        issues=ending.issues,
        replicas=tuple(PlacedReplica(replica, sites.get(replica.store, "")) for replica in ending.replicas),
        policy=workspace.policy.reference,
        engines=tuple(workspace.engines.so_far),
    )


def _target(workspace: Workspace, installation: Installation) -> Path:
    """Return where the receipt goes, without its ending: the same for every try of one submission."""
    submission = workspace.submission
    folder = installation.settings.receipts / submission.object.collection / submission.object.name
    return folder / f"{submission.received_at:%Y%m%dT%H%M%SZ}-{submission.identifier[:8]}"


def _issues_of_files(workspace: Workspace) -> Iterator[Issue]:
    for screened in workspace.screened.so_far:
        yield from screened.issues


def _forget(workspace: Workspace, installation: Installation) -> None:
    """Remove the folder of a submission that ended for good; what cannot be removed now is next time."""
    try:
        verdict = only(workspace.ending).verdict
        if verdict is Verdict.REJECTED:
            discard(workspace, installation)
        elif verdict in _FOR_GOOD:
            workspace.discard()
    except PreservationError as error:
        LOG.warning("%s: left in processing/ for now: %s", workspace.root.name, error)


def seal(installation: Installation) -> None:
    """Sign the journal's head and give every store what it lacks of the journal.

    A store that is away gets the segments it lacks when it is back; where all are away, nothing is
    signed. Raises ``IntegrityError`` where the journal does not hold, or a store holds another one: then
    nothing is signed either. ``ConfigurationError`` where the key is missing.
    """
    journal, settings = installation.journal, installation.settings
    targets = list(_agreeing_stores(installation))
    if not targets:
        return
    sign_head(journal, installation.signing_key, now())
    for target in targets:
        with (
            _absence_told(target.store),
            scratch_folder(settings.state, "sealing") as scratch,
        ):
            publish(journal, public_keys(settings.keys), target, scratch)


def _agreeing_stores(installation: Installation) -> Iterator[AgreeingStore]:
    for store in installation.stores:
        with _absence_told(store):
            yield agreeing(installation.journal, store)


@contextmanager
def _absence_told(store: Store) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        LOG.warning("store %s: the journal was not sealed into it: %s", store.name, error)
