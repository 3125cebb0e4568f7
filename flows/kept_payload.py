"""The payload of a package as the catalogue lists it, from the records of its submission."""

from __future__ import annotations

from collections.abc import Iterator

from flows.workspace import Workspace
from preservation.model import layout
from preservation.model.derivatives import Derivative, Purpose
from preservation.model.dossiers import Dossiers
from storage.ports.catalogue import CatalogueFile


def payload_files(workspace: Workspace) -> Iterator[CatalogueFile]:
    """List every file of the payload, each original followed by what was made from it."""
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
