"""A drop that only adds to its object: what the version before has besides is brought from the stores.

Images come first, say, and their description later. The drop is copied, for it is never written to; from then
on it and what was brought are one folder, and every stage looks at all of it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarm
from flows.installation.wiring import now
from flows.submission.stages.ports import HasCatalogue, HasJournal, HasSettings, HasStores
from flows.submission.stages.stage import ingest_events_of
from flows.submission.workspace import Workspace, only
from preservation.errors import IntegrityError
from preservation.files.beneath import open_plain_file
from preservation.files.tree import remove_tree
from preservation.intake.recognise import Unacceptable
from preservation.model.amounts import byte_size, count
from preservation.model.events import Event
from preservation.model.files import EntryKind, IrregularEntry
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath, printable
from preservation.model.submissions import DropKind, Received
from preservation.planning.codes import COMPLETED, NOT_COMPLETED
from preservation.policy.versions import RemovedAction
from preservation.survey.walk import walk
from storage.restore.outcomes import Restored
from storage.restore.restore import restore
from storage.restore.source import catalogued_digests, find_source, wanted_files
from storage.restore.target import opened_target
from storage.restore.times import with_times
from storage.tag_digests import recorded_digests

_WHOLE: Final = "whole"
_COMPLETED_KINDS: Final = frozenset({DropKind.FOLDER, DropKind.ARCHIVE})


class CompletionPorts(HasSettings, HasCatalogue, HasJournal, HasStores, Protocol):
    """What completing a drop asks of an installation."""


def completed(workspace: Workspace, received: Received, ports: CompletionPorts) -> Received | Unacceptable:
    """Return the drop with all that the version before has and it has not, where the policy asks for that.

    A file of the drop takes the place of one that is kept under its path. A bag, a single file, and a drop
    with links or devices in it stay as they are: of these the policy is told as of any other drop. Raises
    ``IntegrityError`` where no store has a file as it was kept, ``StorageError``, ``OSError``.
    """
    if workspace.policy.terms.versions.removed is not RemovedAction.COMPLETE:
        return received
    latest = ports.catalogue.latest(workspace.submission.object)
    if latest is None or received.kind not in _COMPLETED_KINDS or _has_irregular(received.payload_root):
        return received
    whole = workspace.root / _WHOLE
    if whole.exists():
        remove_tree(whole)
    brought = _brought(latest.package, whole, workspace, ports)
    clash = next(_clashes(received.payload_root, whole), None)
    if clash is not None:
        return Unacceptable((_not_completed(clash, latest.package),))
    replaced = [size for size in _copied_over(received.payload_root, whole) if size is not None]
    if len(replaced) == brought.files:
        # The drop has each path of the version: it is whole by itself.
        remove_tree(whole)
        return received
    return _with(received, whole, _remark(latest.package, replaced, brought))


def completion_events(workspace: Workspace) -> Iterator[Event]:
    """Yield what is to be recorded of a drop that was completed; nothing of any other."""
    for remark in only(workspace.received).remarks:
        if remark.code == COMPLETED:
            yield ingest_events_of(workspace).completed(remark.message)


def _with(received: Received, whole: Path, remark: Issue) -> Received:
    remarks = (*received.remarks, remark)
    return Received(received.kind, whole, archive=received.archive, remarks=remarks)


def _has_irregular(root: Path) -> bool:
    return any(
        isinstance(one, IrregularEntry) and one.kind is not EntryKind.EMPTY_FOLDER for one in walk(root)
    )


def _brought(package: PackageId, whole: Path, workspace: Workspace, ports: CompletionPorts) -> Restored:
    """Bring the originals of a version, each from the first store that has it as it was kept."""
    damaged: list[str] = []

    def seen(_: StoreName, sentence: str) -> None:
        damaged.append(sentence.rstrip("."))

    catalogued = catalogued_digests(ports.catalogue.files(package), workspace.root)
    recorded = recorded_digests(ports.catalogue, ports.journal, package).digests
    stores = ports.stores_for(workspace.policy)
    source = find_source(package, stores, catalogued, recorded, damaged=seen, scratch=workspace.root)
    wanted = wanted_files(source.description, (), whole=False)
    with opened_target(whole) as target:
        timed = with_times(wanted, source.description, source.stores)
        threads = ports.settings.work.threads
        restored = restore(
            package, wanted if timed is None else timed, source.stores, target, threads=threads, damaged=seen
        )
    if damaged:
        more = f" And {count(len(damaged) - 1, 'finding')} more." if len(damaged) > 1 else ""
        raise_alarms(ports.settings, [integrity_alarm(str(package), f"{damaged[0]}.{more}", now())])
    if restored.lost:
        raise IntegrityError(
            f"{package}: {count(len(restored.lost), 'file')} could be brought from no store as it was kept, "
            f"so the drop is not completed: first {printable(restored.lost[0])}; repair it (muniment damage)"
        )
    return restored


def _clashes(drop: Path, whole: Path) -> Iterator[RelativePath]:
    """Yield what of the drop is a file where the version has a folder, or a folder where it has a file."""
    for entry in walk(drop):
        place = whole / entry.path
        # Empty folders are all that is irregular in it.
        is_folder = isinstance(entry, IrregularEntry)
        above = next((one for one in place.parents if one.exists()), whole)
        if not above.is_dir() or (place.exists() and place.is_dir() != is_folder):
            yield entry.path


def _copied_over(drop: Path, whole: Path) -> Iterator[int | None]:
    """Copy the drop into the folder; yield for each file the size of the one whose place it took, if any."""
    for entry in walk(drop):
        place = whole / entry.path
        if isinstance(entry, IrregularEntry):
            place.mkdir(parents=True, exist_ok=True)
            continue
        replaced = place.stat().st_size if place.exists() else None
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(open_plain_file(drop / entry.path), "rb") as source, place.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        os.utime(place, ns=(entry.modified, entry.modified))
        yield replaced


def _remark(package: PackageId, replaced: list[int], brought: Restored) -> Issue:
    added, size = brought.files - len(replaced), brought.bytes - sum(replaced)
    stores = " and ".join(sorted(brought.sources))
    took = f"; {count(len(replaced), 'file')} of the drop took the place of what is there" if replaced else ""
    return Issue(
        COMPLETED,
        Severity.INFO,
        f"The drop adds to {package}: {count(added, 'file')} that it does not have, of "
        f"{byte_size(size)} in all, were read from {stores}, and are as they were kept{took}.",
    )


def _not_completed(path: RelativePath, package: PackageId) -> Issue:
    return Issue(
        NOT_COMPLETED,
        Severity.ERROR,
        f"{printable(path)} cannot be added to {package}, which has a folder where the drop has a file, or a "
        "file where it has a folder.",
        path,
        "Give it another name, then drop it again.",
    )
