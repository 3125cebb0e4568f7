"""Survey: recognise the drop, read every byte once, scan it, compare it with the supplied manifests."""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import chain
from typing import Protocol

from flows.submission.progress.meter import Meter, Track, to_survey
from flows.submission.stages.completion import CompletionPorts, completed, completion_events
from flows.submission.stages.describe import describe
from flows.submission.stages.drop_changes import require_drop, while_there
from flows.submission.stages.format_rulings import format_events, with_formats
from flows.submission.stages.ports import HasCagedWorkers, HasIdentifyingWorkers
from flows.submission.stages.sidecars import check_sidecars, copy_sidecars
from flows.submission.stages.stage import Stage, end, ingest_events_of
from flows.submission.stages.virus_check import VirusCheckPorts, found_by, scanned_beside
from flows.submission.workspace import SURVEYING_STAGE, Workspace, only
from preservation.archives.members import UnpackLimits
from preservation.bagit.algorithms import algorithms_of_bag
from preservation.identification.caged import CagedIdentifier
from preservation.intake.cage import JOB_MODULES
from preservation.intake.former_fixity import (
    former_fixity_by,
    former_fixity_issue,
    former_fixity_of_bag,
)
from preservation.intake.recognise import Unacceptable, recognise
from preservation.intake.submitted_bag import SECOND_READER, check_submitted_bag
from preservation.model.adoption import FormerFixity
from preservation.model.digests import Algorithm
from preservation.model.dossiers import Dossiers
from preservation.model.events import Event
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.issues import Issue, Severity
from preservation.model.submissions import Received
from preservation.model.supplied import comparison
from preservation.model.verdicts import Verdict
from preservation.packaging.fingerprint import fingerprint
from preservation.planning.judgement import judge, manifest_required
from preservation.policy.intake import SuppliedManifests
from preservation.policy.schema import Policy
from preservation.policy.selection import decide, is_sign
from preservation.survey.finding import FoundManifest, algorithms_needed, find_supplied
from preservation.survey.supplied import check_supplied, goes_unlisted
from preservation.survey.survey import survey


class SurveyPorts(VirusCheckPorts, CompletionPorts, HasCagedWorkers, HasIdentifyingWorkers, Protocol):
    """What the survey asks of an installation."""


def _survey(workspace: Workspace, ports: SurveyPorts) -> Iterable[Event]:
    submission = workspace.submission
    settings = ports.settings
    policy = workspace.policy
    ingest = ingest_events_of(workspace)
    received = _received(workspace, ports)
    if isinstance(received, Unacceptable):
        require_drop(workspace)
        yield ingest.started(None)
        sentence = judge(received.issues, approved=False).sentence
        end(workspace, Verdict.REJECTED, sentence, issues=received.issues)
        return
    workspace.received.write([received])
    yield ingest.started(received)
    if received.archive is not None:
        yield ingest.unpacked(received.archive)
    yield ingest.governed(policy.reference, f"governs the collection {submission.object.collection}")

    manifests = _manifests(received, policy)
    sidecars = copy_sidecars(workspace, received)
    algorithms = _algorithms(policy, (*manifests, *sidecars), received)
    identifier = CagedIdentifier(
        ports.identifying_workers,
        second_opinion=policy.terms.identification.second_opinion,
        scratch=workspace.root,
    )
    with Meter(workspace, SURVEYING_STAGE) as meter:
        # The total is computed once for all tracks.
        total = cache(partial(to_survey, workspace))
        reading, identifying = meter.track("reading", total), meter.track("identifying", total)
        found = with_formats(
            survey(
                received,
                algorithms=algorithms,
                identifier=identifier,
                threads=settings.work.threads,
                progress=reading.count,
            ),
            submission.object,
            settings,
        )
        scanning = partial(meter.track, "virus check", total)
        with scanned_beside(workspace, received, ports, scanning) as scanner:
            workspace.survey.write(while_there(workspace, _counted(found, identifying)))
    workspace.engines.write(identifier.releases)
    yield from chain(completion_events(workspace), _surveyed_events(workspace, algorithms))
    yield from format_events(workspace, settings)

    _compare(workspace, received, manifests, sidecars)
    yield from _compared_events(workspace, len(manifests))
    describe(workspace, received)
    about_bag = _about_bag(workspace, received, ports)
    if received.bag_root is not None:
        yield ingest.bag_validated(SECOND_READER, about_bag)
    former = _former_fixity(workspace, received, about_bag)
    yield from map(partial(ingest.adopted, only(workspace.claim).adopted), former)
    issues = chain(
        about_bag,
        map(former_fixity_issue, former),
        _issues(workspace, received, policy, (*manifests, *sidecars)),
    )
    viruses = None if scanner is None else found_by(scanner, workspace)
    if scanner is not None and viruses is not None:
        yield ingest.virus_checked(scanner, viruses.tally)
        issues = chain(viruses.issues, issues)
    workspace.issues.write(issues)
    decisions = (decide(policy, file) for file in workspace.surveyed())
    content = Dossiers(workspace.survey, decisions=decisions)
    workspace.fingerprint.write([fingerprint(content, received.bag_root)])
    require_drop(workspace)
    if viruses is not None and viruses.tally.infected:
        _end_infected(workspace)


def _received(workspace: Workspace, ports: SurveyPorts) -> Received | Unacceptable:
    """Return what the drop is, completed where the policy asks for that."""
    limits = ports.settings.limits
    received = recognise(
        workspace.submission.drop,
        workspace.root,
        UnpackLimits(bytes=int(limits.unpacked_size), files=limits.unpacked_files),
        ports.caged_workers(JOB_MODULES),
        workspace.policy.terms.intake.unpack,
    )
    return received if isinstance(received, Unacceptable) else completed(workspace, received, ports)


SURVEY = Stage(SURVEYING_STAGE, _survey)


def _end_infected(workspace: Workspace) -> None:
    """End it at once: no further program may open it."""
    infected = judge(workspace.issues, approved=False)
    end(workspace, Verdict.REJECTED, infected.sentence, issues=workspace.issues)


def _counted(
    entries: Iterable[SurveyedFile | IrregularEntry], track: Track
) -> Iterator[SurveyedFile | IrregularEntry]:
    for entry in entries:
        if isinstance(entry, SurveyedFile):
            track.count(1, entry.size)
        yield entry


def _manifests(received: Received, policy: Policy) -> tuple[FoundManifest, ...]:
    if policy.terms.intake.supplied_manifests is SuppliedManifests.IGNORE:
        return ()
    return find_supplied(received.payload_root, received.only)


def _compare(
    workspace: Workspace,
    received: Received,
    manifests: tuple[FoundManifest, ...],
    sidecars: tuple[FoundManifest, ...],
) -> None:
    """Compare what was surveyed with what the manifests promise, and record that."""
    policy = workspace.policy
    unchecked = Severity.ERROR if _requires_manifests(policy) else Severity.QUESTION
    compared = check_supplied(
        manifests,
        received.payload_root,
        workspace.survey,
        uncounted=lambda path: goes_unlisted(path) or is_sign(policy, path),
        unchecked=unchecked,
    )
    workspace.supplied.write(chain(compared, check_sidecars(workspace, received, sidecars, unchecked)))


def _requires_manifests(policy: Policy) -> bool:
    return policy.terms.intake.supplied_manifests is SuppliedManifests.REQUIRE


def _algorithms(
    policy: Policy, manifests: tuple[FoundManifest, ...], received: Received
) -> tuple[Algorithm, ...]:
    """Return every algorithm that a later stage needs, so that no byte is read again for a digest."""
    packaging = policy.terms.packaging
    wanted = {Algorithm.SHA256, packaging.algorithm, *packaging.additional_algorithms}
    wanted |= algorithms_needed(manifests)
    if received.bag_root is not None:
        wanted |= algorithms_of_bag(received.bag_root)
    return tuple(sorted(wanted))


def _surveyed_events(workspace: Workspace, algorithms: tuple[Algorithm, ...]) -> Iterator[Event]:
    files = size = decided = 0
    for file in workspace.surveyed():
        files += 1
        size += file.size
        decided += file.identification.decided is not None
    ingest = ingest_events_of(workspace)
    yield ingest.surveyed(files, size, algorithms)
    yield ingest.identified(workspace.engines, decided, files - decided)


def _compared_events(workspace: Workspace, within: int) -> Iterator[Event]:
    """Yield how the drop compares with each manifest: so many came ``within`` it, the others beside it."""
    ingest = ingest_events_of(workspace)
    for number, manifest in enumerate(workspace.supplied):
        yield ingest.compared(manifest, beside=number >= within)


def _about_bag(workspace: Workspace, received: Received, ports: SurveyPorts) -> tuple[Issue, ...]:
    if received.bag_root is None:
        return ()
    is_unpacked = received.archive is not None
    workers = ports.identifying_workers
    return check_submitted_bag(received.bag_root, workspace.survey, workers, unpacked=is_unpacked)


def _former_fixity(
    workspace: Workspace, received: Received, about_bag: tuple[Issue, ...]
) -> tuple[FormerFixity, ...]:
    """Return what an old holding was held against just now; nothing of any other drop."""
    if not only(workspace.claim).adopted:
        return ()
    if received.bag_root is not None:
        return (former_fixity_of_bag(received.bag_root, about_bag),)
    return (former_fixity_by(comparison(workspace.supplied)),)


def _issues(
    workspace: Workspace, received: Received, policy: Policy, manifests: tuple[FoundManifest, ...]
) -> Iterator[Issue]:
    yield from received.remarks
    if received.bag_root is None and _requires_manifests(policy) and not manifests:
        yield manifest_required(policy.reference)
    yield from only(workspace.description).issues
