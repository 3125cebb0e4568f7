"""Normalize: the derivatives that the policy asks for, each proved or refused."""

from __future__ import annotations

from collections.abc import Iterable

from flows.progress import watched
from flows.stages.changes import while_there
from flows.stages.stage import Stage, chronicle_of
from flows.wiring import Installation
from flows.workspace import Workspace, only
from preservation.model.derivatives import Derivative, Purpose
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.normalization.normalize import PRELOAD, normalize


def _normalize(workspace: Workspace, installation: Installation) -> Iterable[Event]:
    submission = workspace.submission
    packaging = workspace.policy.terms.packaging
    algorithms = {Algorithm.SHA256, packaging.algorithm, *packaging.additional_algorithms}
    derivatives = normalize(
        zip(workspace.surveyed(), workspace.decisions, strict=True),
        root=only(workspace.received).payload_root,
        workspace=workspace.root,
        workers=installation.caged_workers(PRELOAD),
        algorithms=tuple(sorted(algorithms)),
    )
    workspace.derivatives.write(
        while_there(
            workspace,
            watched(
                derivatives,
                f"{submission.object}: normalize",
                lambda outcome: outcome.size if isinstance(outcome, Derivative) else 0,
            ),
        )
    )
    proved = access = refused = 0
    for outcome in workspace.derivatives:
        if not isinstance(outcome, Derivative):
            refused += 1
        elif outcome.purpose is Purpose.PRESERVATION:
            proved += 1
        else:
            access += 1
    if not proved + access + refused:
        return ()
    return (chronicle_of(workspace).normalized(proved, access, refused),)


NORMALIZE = Stage("normalize", _normalize)
