"""Sidecars: manifests that lie beside a drop of one file, copied so that they stay as they were read."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from flows.installation.disk_space import require_room_for_drop
from flows.submission.drop import sidecars_of
from flows.submission.workspace import Workspace
from preservation.files.beneath import read_plain_file
from preservation.files.tree import remove_tree
from preservation.fixity.digesting import digest_file
from preservation.model.digests import Algorithm
from preservation.model.files import SurveyedFile
from preservation.model.formats import Identification, MimeType
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.model.submissions import DropKind, Received
from preservation.model.supplied import ManifestLayout, SuppliedManifest
from preservation.policy.intake import SuppliedManifests
from preservation.survey.finding import FoundManifest, algorithms_needed, find_supplied
from preservation.survey.supplied import check_supplied

_BLOCK_BYTES = 1 << 20
_OF_ONE_FILE = (DropKind.FILE, DropKind.SERIALIZED_BAG, DropKind.ARCHIVE)


def copy_sidecars(workspace: Workspace, received: Received) -> tuple[FoundManifest, ...]:
    """Copy the sidecars of a drop of one file into the workspace, and return what was found in them.

    They come with the drop, so they are kept; where the policy ignores manifests, nothing is read in them.
    Raises ``OSError`` where they cannot be written, and ``StoreFullError`` where there is no room for them:
    that is no fault of theirs.
    """
    folder = workspace.sidecars
    if folder.exists():
        remove_tree(folder)
    drop = workspace.submission.drop
    places = sidecars_of(drop) if received.kind in _OF_ONE_FILE else []
    if not places:
        return ()
    folder.mkdir()
    unreadable = []
    for place in places:
        try:
            _copy(place, folder / place.name)
        except _UnreadableError as error:
            # A part of it is no copy.
            (folder / place.name).unlink(missing_ok=True)
            fault = f"it cannot be read ({error})"
            unreadable.append(
                FoundManifest(RelativePath(place.name), ManifestLayout.MD5SUM, (), 0, fault=fault)
            )
    if workspace.policy.terms.intake.supplied_manifests is SuppliedManifests.IGNORE:
        return tuple(unreadable)
    found = find_supplied(folder)
    # What a manifest lists is looked for beside it: this stands for the drop.
    (folder / drop.name).touch()
    return (*found, *unreadable)


def check_sidecars(
    workspace: Workspace, received: Received, sidecars: tuple[FoundManifest, ...], unchecked: Severity
) -> Iterator[SuppliedManifest]:
    """Compare the drop with its sidecars. An archive was not surveyed itself: it is read once more."""
    if not sidecars:
        return
    files: Iterable[SurveyedFile] = workspace.surveyed()
    if received.kind is not DropKind.FILE:
        files = [_archive(workspace.submission.drop, algorithms_needed(sidecars) or {Algorithm.SHA256})]
    yield from check_supplied(sidecars, workspace.sidecars, files, unchecked=unchecked)


def copied_sidecars(workspace: Workspace) -> tuple[Path, ...]:
    """Return the copies, in the order of their names."""
    placeholder = workspace.submission.drop.name
    if not workspace.sidecars.exists():
        return ()
    return tuple(sorted(copy for copy in workspace.sidecars.iterdir() if copy.name != placeholder))


class _UnreadableError(Exception):
    """A sidecar cannot be read; the message is the system's reason."""


def _copy(sidecar: Path, copy: Path) -> None:
    with copy.open("wb") as target:
        for block in _blocks(sidecar, copy.parent):
            target.write(block)


def _blocks(sidecar: Path, folder: Path) -> Iterator[bytes]:
    try:
        with read_plain_file(sidecar) as source:
            # One that grows is not followed.
            left = os.fstat(source.fileno()).st_size
            require_room_for_drop(left, folder)
            while left and (block := source.read(min(_BLOCK_BYTES, left))):
                left -= len(block)
                yield block
    except OSError as error:
        raise _UnreadableError(error.strerror) from error


def _archive(drop: Path, algorithms: Iterable[Algorithm]) -> SurveyedFile:
    size, digests = digest_file(drop, tuple(algorithms))
    unidentified = Identification((), None, MimeType("application/octet-stream"))
    return SurveyedFile(RelativePath(drop.name), size, 0, digests, unidentified)
