"""One replica, restored from its store alone into a scratch folder, compared, opened, and removed again."""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

import msgspec

from flows.archive.drills.record import DrilledReplica, DrillVerdict, RenderedFiles
from flows.archive.drills.rendering import render_files
from flows.installation.disk_faults import translated_faults
from flows.installation.disk_space import require_room_for_drop
from flows.installation.scratch import scratch_folder
from flows.installation.wiring import Installation, now
from preservation.errors import IntegrityError, NotFoundError, PreservationError, StoreFullError
from preservation.model.amounts import OnProgress, byte_size, count
from preservation.model.damage import Damage, DamageKind
from preservation.model.identifiers import PackageId, VersionNumber
from preservation.model.locators import Locator
from preservation.model.paths import BagPath
from preservation.screening.examiners import JOB_MODULES
from storage.ports.catalogue import CatalogueFile
from storage.ports.stores import Store
from storage.restore.description import Description
from storage.restore.outcomes import (
    REPLICA_DIFFERS,
    REPLICA_LACKS_FILE,
    REPLICA_UNREADABLE,
    Restored,
)
from storage.restore.restore import restore
from storage.restore.source import catalogued_digests, find_source, whole_bag
from storage.restore.target import opened_target
from storage.tag_digests import NOTHING_RECORDED, RecordedDigests

_KINDS = {
    REPLICA_LACKS_FILE: DamageKind.MISSING,
    REPLICA_DIFFERS: DamageKind.MISMATCHED,
    REPLICA_UNREADABLE: DamageKind.UNREADABLE,
}


@dataclass(slots=True)
class ReplicaDrill:
    """What a drill of one replica showed, with the damage to be recorded."""

    replica: DrilledReplica
    damages: list[Damage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """A version as it is recorded: the bytes of its payload, and the digests of its tag manifests.

    ``files`` gives its files by the catalogue, which may be too many to be held.
    """

    package: PackageId
    size: int
    files: Callable[[], Iterable[CatalogueFile]]
    recorded: RecordedDigests


def drill_replica(
    kept: KeptVersion, store: Store, installation: Installation, progress: Callable[[str], OnProgress]
) -> ReplicaDrill:
    """Restore every file of the version from ``store`` alone, compare each, and open the images and PDFs.

    What was restored is removed at the end; what a kill leaves, the next drill removes. ``progress`` is
    asked for a counter at the beginning of the restore, and of the rendering.
    """
    verdict, sentence = DrillVerdict.NOT_RESTORED, ""
    try:
        with translated_faults(installation.settings):
            return _restored_alone(kept, store, installation, progress)
    except StoreFullError:
        room = f"{byte_size(kept.size)} in {installation.settings.processing}"
        sentence = f"there is no room for {room}, where a drill restores to; free some, then drill it again"
    except IntegrityError as error:
        verdict, sentence = DrillVerdict.DAMAGED, str(error)
    except PreservationError as error:
        sentence = str(error)
    return ReplicaDrill(DrilledReplica(store.name, store.place.site, verdict, sentence))


def _restored_alone(
    kept: KeptVersion, store: Store, installation: Installation, progress: Callable[[str], OnProgress]
) -> ReplicaDrill:
    settings = installation.settings
    require_room_for_drop(kept.size, settings.processing)
    with ExitStack() as until:
        scratch = until.enter_context(scratch_folder(settings.processing, ".drilling"))
        began = time.monotonic()
        try:
            source = find_source(
                kept.package,
                [store],
                catalogued_digests(kept.files(), scratch),
                kept.recorded.digests,
                scratch=scratch,
            )
        except NotFoundError as error:
            found = DrilledReplica(store.name, store.place.site, DrillVerdict.DAMAGED, str(error))
            return ReplicaDrill(found, _without_tag_manifest(kept, store))
        target = until.enter_context(opened_target(scratch / "restored"))
        threads = settings.work.threads
        restored = restore(
            kept.package,
            whole_bag(source.description),
            source.stores,
            target,
            threads=threads,
            progress=progress("restoring"),
        )
        seconds = round(time.monotonic() - began, 3)
        remarks = list(kept.recorded.doubts)
        if not kept.recorded.digests:
            remarks.append(f"its lists were compared with the catalogue only: {NOTHING_RECORDED}")
        found = DrilledReplica(
            store.name,
            store.place.site,
            DrillVerdict.RESTORED,
            "",
            restored.files,
            restored.bytes,
            seconds,
            remarks=tuple(remarks),
        )
        if restored.lost:
            return _not_whole(kept, found, restored, source.description, store)
        rendered = render_files(
            kept.files(),
            scratch / "restored",
            installation.caged_workers(JOB_MODULES),
            scratch / "pictures",
            progress("opening"),
        )
    return ReplicaDrill(_with_rendered(found, rendered))


def _with_rendered(found: DrilledReplica, rendered: RenderedFiles) -> DrilledReplica:
    whole = (
        f"{count(found.files, 'file')}, {byte_size(found.bytes)}: every byte came out of store {found.store} "
        "as it is recorded"
    )
    opened = rendered.images + rendered.documents
    if rendered.failures:
        verdict = DrillVerdict.NOT_RENDERED
        sentence = (
            f"{whole}; {count(rendered.failures, 'file does', 'files do')} not open, though the bytes are "
            f"those that were kept: {rendered.failed[0]}"
        )
    elif opened:
        verdict = DrillVerdict.RESTORED
        sentence = f"{whole}; {count(opened, 'image or PDF', 'images and PDFs')} in it opened to the end"
    else:
        verdict, sentence = DrillVerdict.RESTORED, f"{whole}; nothing in it is opened here"
    return msgspec.structs.replace(found, verdict=verdict, sentence=sentence, rendered=rendered)


def _not_whole(
    kept: KeptVersion,
    found: DrilledReplica,
    restored: Restored,
    description: Description,
    store: Store,
) -> ReplicaDrill:
    """Return what is known where files did not come: damage, unless the store was away by then."""
    issues = [issue for issue in restored.issues if issue.code in _KINDS and issue.path is not None]
    if any(issue.code == REPLICA_UNREADABLE for issue in issues):
        try:
            store.check()
        except PreservationError as error:
            sentence = f"the store went away while it was read: {error}"
            return ReplicaDrill(
                msgspec.structs.replace(found, verdict=DrillVerdict.NOT_RESTORED, sentence=sentence)
            )
    paths = {BagPath(str(issue.path)) for issue in issues}
    sizes = {file.path: file.size for file in kept.files() if file.path in paths}
    damages = []
    for issue in issues:
        path = BagPath(str(issue.path))
        owner = _owner(kept.package, path, description)
        damages.append(
            Damage(
                owner.package,
                store.name,
                owner.path,
                _KINDS[issue.code],
                now(),
                description.digests(path) or {},
                sizes.get(path),
                reason=issue.message if issue.code == REPLICA_UNREADABLE else "",
            )
        )
    more = f" And {len(restored.lost) - 1:,} more." if len(restored.lost) > 1 else ""
    lost = count(len(restored.lost), "file is", "files are")
    sentence = f"{lost} not there as kept, {found.files:,} are: {issues[0].message}{more}"
    return ReplicaDrill(
        msgspec.structs.replace(found, verdict=DrillVerdict.DAMAGED, sentence=sentence), damages
    )


def _owner(package: PackageId, path: BagPath, description: Description) -> Locator:
    """Return where the bytes of a file lie: in the version itself, or in an earlier one of the object."""
    key = description.key(path)
    number, _, rest = key.removeprefix(f"{package.object}/v").partition("/")
    return Locator(PackageId(package.object, VersionNumber(int(number))), BagPath(rest))


def _without_tag_manifest(kept: KeptVersion, store: Store) -> list[Damage]:
    """Return the damage of a replica without a tag manifest: of the whole, where there is no other file."""
    if next(iter(store.list(kept.package.prefix)), None) is None:
        return [Damage(kept.package, store.name, BagPath(""), DamageKind.MISSING, now(), {})]
    return [
        Damage(kept.package, store.name, one.path, DamageKind.MISSING, now(), one.digests)
        for one in kept.recorded.digests
    ]
