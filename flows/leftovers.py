"""Letting go of a submission that will not become a package: its folder, and what it left in stores."""

from __future__ import annotations

from flows.log import LOG
from flows.wiring import Installation
from flows.workspace import Workspace
from preservation.errors import IntegrityError
from preservation.model.identifiers import PackageId


def let_go(workspace: Workspace, installation: Installation) -> None:
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
