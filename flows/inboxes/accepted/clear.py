"""Clears ``accepted/``: removes drops whose time is over, where their replicas were just read back."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarm
from flows.archive.presence import gone_sentence
from flows.inboxes.accepted.remove import Removal, finish_removals, remove
from flows.inboxes.answer import Kept
from flows.inboxes.drop_names import KEPT, RECEIPTS
from flows.inboxes.queue.locks import locked_accepted
from flows.inboxes.shelf import Shelf, is_name
from flows.installation.areas import Area
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, now, open_installation
from flows.submission.drop import tree_of
from preservation.errors import IntegrityError, NotFoundError, PreservationError, fault_of
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    PackageId,
    StoreName,
    collection_name,
    object_name,
)
from preservation.model.paths import path_order, printable
from preservation.policy.schema import Policy
from preservation.records import Records
from storage.ports.stores import Store
from storage.presence import altered_fault, stray_fault
from storage.restore.description import describe
from storage.restore.source import agreed
from storage.tag_digests import NOTHING_RECORDED, recorded_digests


@dataclass(frozen=True, slots=True)
class UnsoundReplica:
    """A replica of ``package`` that does not hold what was promised; ``sentence`` says how that shows."""

    store: StoreName
    package: PackageId
    sentence: str


@dataclass(frozen=True, slots=True)
class ClearedDrop:
    """A drop that was removed, or would be: its package was just read back from ``stores``."""

    path: Path
    kept: Kept
    stores: tuple[StoreName, ...]
    unsound: tuple[UnsoundReplica, ...] = ()

    @property
    def sentence(self) -> str:
        """Why it may be removed."""
        return f"kept as {self.kept.package}, read back just now from {' and '.join(self.stores)}"


@dataclass(frozen=True, slots=True)
class RetainedDrop:
    """A drop that stays although its time is over, and why; or a folder that cannot be read.

    ``doubts`` are about the records of its package, which catalogue and journal have differently.
    """

    path: Path
    sentence: str
    unsound: tuple[UnsoundReplica, ...] = ()
    doubts: tuple[str, ...] = ()


ClearResult: TypeAlias = ClearedDrop | RetainedDrop


def clear_installation(settings: Settings, *, dry_run: bool) -> Iterator[ClearResult]:
    """Clear what is due now: see ``clear_accepted``. Unsound replicas raise alarms.

    Without ``dry_run`` it is recorded as a run of the job. Raises ``StorageError`` where the database does
    not answer, ``ConfigurationError``.
    """
    with ExitStack() as opened:
        if not dry_run:
            opened.enter_context(recorded_run(Job.CLEAR, settings))
        installation = opened.enter_context(open_installation(settings))
        at = now()
        for one in clear_accepted(installation, at, dry_run=dry_run):
            found = (integrity_alarm(f"store {fault.store}", fault.sentence, at) for fault in one.unsound)
            raise_alarms(settings, found)
            if isinstance(one, RetainedDrop):
                doubts = (integrity_alarm("the records of what is kept", doubt, at) for doubt in one.doubts)
                raise_alarms(settings, doubts)
            yield one


def clear_accepted(installation: Installation, at: datetime, *, dry_run: bool) -> Iterator[ClearResult]:
    """Remove the drops accepted for longer than their policy says, where they are proved to be kept.

    A drop is removed where it is unchanged since it was taken, and as many replicas of its package as the
    policy asks for, on as many sites, were just read back and matched. With ``dry_run`` all of that is done
    but the removal. Raises ``StorageError`` where the journal does not accept the event, which is then
    written the next time.
    """
    for area in installation.settings.areas:
        collections = _collections_in(area)
        if isinstance(collections, RetainedDrop):
            # Not locked either: that would make folders where a share is to be mounted.
            yield collections
            continue
        if dry_run:
            yield from _clear_area(area, collections, installation, at, dry_run=True)
            continue
        try:
            with locked_accepted(area) as ours:
                if ours:
                    left = finish_removals(area, installation.journal)
                    yield from (RetainedDrop(path, sentence) for path, sentence in left)
                    yield from _clear_area(area, collections, installation, at, dry_run=False)
                else:
                    yield RetainedDrop(area.accepted, "another muniment clear runs there; try again later")
        except OSError as error:
            reason = error.strerror or error
            yield RetainedDrop(area.accepted, f"it cannot be cleared ({reason}); check its disk")


def _clear_area(
    area: Area,
    collections: Sequence[CollectionName],
    installation: Installation,
    at: datetime,
    *,
    dry_run: bool,
) -> Iterator[ClearResult]:
    for collection in collections:
        try:
            policy = installation.policy_of(collection)
        except PreservationError as error:
            yield RetainedDrop(area.accepted / collection, str(error))
            continue
        for found in _kept_records(Shelf(area.accepted, (collection,)), policy.terms.intake.grouping):
            if isinstance(found, RetainedDrop):
                yield found
                continue
            shelf, record = found
            clearing = _judge(shelf, record, policy, installation, at)
            if isinstance(clearing, ClearedDrop) and not dry_run:
                removal = Removal(shelf.below, clearing.kept, clearing.stores, at)
                sentence = remove(removal, area, installation.journal)
                yield RetainedDrop(clearing.path, sentence, clearing.unsound) if sentence else clearing
            elif clearing is not None:
                yield clearing


def _collections_in(area: Area) -> tuple[CollectionName, ...] | RetainedDrop:
    """Return the collections that have a folder in ``accepted/``, or why it cannot be read."""
    try:
        names = sorted(path.name for path in area.accepted.iterdir())
    except OSError as error:
        if area.own and isinstance(error, FileNotFoundError):
            # It is made when the first drop is accepted.
            return ()
        return _unreadable(area.accepted, error)
    found = []
    for name in names:
        with suppress(ValueError):
            found.append(collection_name(name))
    return tuple(found)


def _unreadable(path: Path, error: OSError) -> RetainedDrop:
    return RetainedDrop(
        path,
        f"it cannot be read ({error.strerror or error}), so it is not known what is due there; see that "
        "its disk or share is mounted, and that the service may read it",
    )


def _kept_records(shelf: Shelf, levels: int) -> Iterator[tuple[Shelf, Path] | RetainedDrop]:
    """Yield the records of packages beside the drops, and the folders that cannot be read.

    Looks into groups, never into drops.
    """
    try:
        found = sorted(shelf.path.iterdir(), key=lambda path: path_order(path.name))
    except OSError as error:
        yield _unreadable(shelf.path, error)
        return
    for path in found:
        if levels and path.is_dir() and not path.is_symlink():
            yield from _kept_records(Shelf(shelf.root, (*shelf.below, path.name)), levels - 1)
        elif not levels and path.name.endswith(KEPT) and path.is_file():
            yield shelf, path


def _judge(
    shelf: Shelf, record: Path, policy: Policy, installation: Installation, at: datetime
) -> ClearResult | None:
    """Return whether a drop is cleared or stays; ``None`` where its time is not over, or it is gone."""
    drop = shelf.path / record.name.removesuffix(KEPT)
    kept = _read_record(record, drop, shelf)
    if not isinstance(kept, Kept):
        return kept
    if at - kept.at < timedelta(days=policy.terms.retention.accepted_days):
        return None
    try:
        if not kept.tree or tree_of(drop) != kept.tree:
            sentence = "it was changed since it was kept; find what was changed, and drop that anew"
            return RetainedDrop(drop, sentence)
        return _verified(drop, kept, policy, installation)
    except Exception as error:  # noqa: BLE001  the drops after it are cleared in any case
        return RetainedDrop(drop, fault_of(error))


def _read_record(record: Path, drop: Path, shelf: Shelf) -> Kept | RetainedDrop | None:
    """Return what the record says of the drop; ``None`` where that drop is not there."""
    try:
        [kept] = Records(record, Kept)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(record, error)
    except (IntegrityError, ValueError):
        if _is_a_drop(record, shelf) or not shelf.has(drop.name):
            return None
        return RetainedDrop(
            drop,
            f"{printable(record.name)} beside it is damaged, so it is not known which package has it; "
            "remove that file, and move the drop back into its inbox: it is then answered anew",
        )
    is_ours = shelf.has(drop.name) and _is_about(kept, drop, CollectionName(shelf.below[0]))
    return kept if is_ours else None


def _is_a_drop(record: Path, shelf: Shelf) -> bool:
    """Return whether the file with a record's name was itself dropped: then it has a receipt or record."""
    return any(shelf.has(f"{record.name}{ending}") for ending in (*RECEIPTS, KEPT))


def _is_about(kept: Kept, drop: Path, collection: CollectionName) -> bool:
    """Return whether the record can be ours of that drop: users can write to the folder too."""
    try:
        object_id = ObjectId(collection, object_name(kept.object_name))
    except ValueError:
        return False
    sentinels = all(is_name(name) and name.startswith(f"{drop.name}.") for name in kept.sentinels)
    return sentinels and (kept.name, kept.package.object) == (drop.name, object_id)


def _verified(drop: Path, kept: Kept, policy: Policy, installation: Installation) -> ClearResult:
    """Read the package back from one store after the other, until the policy's number is reached.

    A drop may be removed where that many replicas are whole, whatever the other stores do; a look at the
    presence of a version asks them all.
    """
    asked = policy.terms.replication
    threads = installation.settings.work.threads
    catalogue = installation.catalogue
    registered = {replica.store for replica in catalogue.package(kept.package).replicas}
    catalogued = {file.path: file.digests for file in catalogue.files(kept.package)}
    recorded = recorded_digests(catalogue, installation.journal, kept.package)
    if recorded.doubts:
        return RetainedDrop(drop, ". ".join(recorded.doubts), doubts=recorded.doubts)
    whole: dict[StoreName, Store] = {}
    lists = set()
    reasons = []
    unsound = []
    for store in installation.stores_for(policy):
        try:
            description = agreed(describe(store, kept.package, recorded.digests), store, catalogued)
            every = (*description.payload, *description.tags)
            fault = altered_fault(store, description, every, threads) or stray_fault(store, description)
        except PreservationError as error:
            # A replica that is gone as a whole is no less a loss than one with a changed byte.
            gone = isinstance(error, NotFoundError) and store.name in registered
            reasons.append(gone_sentence(store.name, kept.package) if gone else str(error).rstrip("."))
            if gone or isinstance(error, IntegrityError):
                unsound.append(UnsoundReplica(store.name, kept.package, reasons[-1]))
            continue
        if fault:
            reasons.append(fault)
            unsound.append(UnsoundReplica(store.name, kept.package, fault))
            continue
        whole[store.name] = store
        lists.add(description.tag_digests)
        sites = {one.place.site for one in whole.values()}
        if len(lists) == 1 and len(whole) >= asked.copies and len(sites) >= asked.sites:
            return ClearedDrop(drop, kept, tuple(whole), tuple(unsound))
    if len(lists) > 1:
        reasons.append(f"the tag manifests of {' and '.join(whole)} differ, and {NOTHING_RECORDED}")
    sites = {store.place.site for store in whole.values()}
    short = (
        f"{len(whole)} of the {asked.copies} replicas of {kept.package} that its policy asks for could be "
        f"read back, on {len(sites)} of {asked.sites} sites"
    )
    return RetainedDrop(drop, ". ".join((short, *reasons)), tuple(unsound))
