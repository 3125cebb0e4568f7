"""Normalize: the derivatives that the policy asks for, each proved or refused."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol

from flows.submission.progress.meter import Meter, Track, to_normalize
from flows.submission.stages.drop_changes import while_there
from flows.submission.stages.ports import HasCagedWorkers, HasIdentifyingWorkers
from flows.submission.stages.stage import Stage, ingest_events_of
from flows.submission.workspace import Workspace, only
from preservation.identification.caged import CagedIdentifier
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.paths import RelativePath
from preservation.normalization.identified import identified
from preservation.normalization.normalize import PRELOAD, normalize
from preservation.screening.codes import DAMAGED_IMAGE


class NormalizationPorts(HasCagedWorkers, HasIdentifyingWorkers, Protocol):
    """What normalization asks of an installation."""


def _normalize(workspace: Workspace, ports: NormalizationPorts) -> Iterable[Event]:
    packaging = workspace.policy.terms.packaging
    algorithms = {Algorithm.SHA256, packaging.algorithm, *packaging.additional_algorithms}
    derivatives = normalize(
        zip(workspace.surveyed(), workspace.decisions, strict=True),
        root=only(workspace.received).payload_root,
        workspace=workspace.root,
        workers=ports.caged_workers(PRELOAD),
        algorithms=tuple(sorted(algorithms)),
        damaged=frozenset(_damaged(workspace)),
    )
    with Meter(workspace, NORMALIZE.name) as meter:
        made = meter.track("normalizing", lambda: to_normalize(workspace))
        identifier = CagedIdentifier(
            ports.identifying_workers,
            second_opinion=workspace.policy.terms.identification.second_opinion,
            scratch=workspace.root,
        )
        outcomes = identified(_counted(derivatives, made), workspace.root, identifier)
        workspace.derivatives.write(while_there(workspace, outcomes))
    tally = Counter((one.purpose, isinstance(one, Derivative)) for one in workspace.derivatives)
    ingest = ingest_events_of(workspace)
    recorded = {Purpose.PRESERVATION: ingest.normalized, Purpose.ACCESS: ingest.access_copies_made}
    return tuple(
        record(tally[purpose, True], tally[purpose, False])
        for purpose, record in recorded.items()
        if tally[purpose, True] + tally[purpose, False]
    )


NORMALIZE = Stage("normalize", _normalize)


def _damaged(workspace: Workspace) -> Iterator[RelativePath]:
    """Yield the images that screening found damaged, and the policy lets pass."""
    for screened in workspace.screened:
        if any(issue.code == DAMAGED_IMAGE for issue in screened.issues):
            yield screened.path


def _counted(
    outcomes: Iterable[Derivative | RefusedDerivative], track: Track
) -> Iterator[Derivative | RefusedDerivative]:
    for outcome in outcomes:
        track.count(1, 0)
        yield outcome
