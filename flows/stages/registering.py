"""Register: catalogue and journal in one transaction; from then on it is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator

from flows.stages.planning import issues_of_the_whole
from flows.stages.stage import Stage, chronicle_of, end
from flows.wiring import Installation, now
from flows.workspace import Workspace, only
from preservation.model import layout
from preservation.model.derivatives import Derivative, Purpose
from preservation.model.dossiers import Dossiers
from preservation.model.events import Event
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import CatalogueFile, Registration


def _register(workspace: Workspace, installation: Installation) -> Iterable[Event]:
    submission = workspace.submission
    package = only(workspace.number).package
    replicas = tuple(workspace.replicas)
    event = chronicle_of(workspace).registered(str(package))
    files = size = 0
    for file in workspace.surveyed():
        files += 1
        size += file.size
    installation.catalogue.register(
        Registration(
            package=package,
            submission=submission.identifier,
            fingerprint=only(workspace.fingerprint),
            policy=installation.policy_of(submission.object.collection).reference,
            registered_at=now(),
            files=files,
            bytes=size,
            replicas=replicas,
        ),
        _payload(workspace),
        (event,),
    )
    _hand_over_access(workspace, installation)
    stores = " and ".join(f"{replica.store}" for replica in replicas)
    end(
        workspace,
        Verdict.STORED,
        f"Kept as {package}: {files} files, read back from {stores} and matched.",
        issues=issues_of_the_whole(workspace),
        package=package,
        replicas=replicas,
    )
    return (event,)


REGISTER = Stage("register", _register)


def _payload(workspace: Workspace) -> Iterator[CatalogueFile]:
    for dossier in Dossiers(workspace.survey, workspace.screened, workspace.decisions, workspace.derivatives):
        file = dossier.kept
        if file is None:
            continue
        yield CatalogueFile(layout.original(file.path), file.size, file.digests, file.identification.decided)
        for derivative in dossier.derivatives:
            if isinstance(derivative, Derivative) and derivative.purpose is Purpose.PRESERVATION:
                yield CatalogueFile(
                    layout.preserved(derivative.path), derivative.size, derivative.digests, None
                )


def _hand_over_access(workspace: Workspace, installation: Installation) -> None:
    """Move the access derivatives to where they are used; made to be remade, they may be replaced."""
    made = workspace.root / Purpose.ACCESS
    if not made.exists():
        return
    target = installation.settings.access / only(workspace.number).package.prefix
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, target)
