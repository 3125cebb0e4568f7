"""Removing drops from ``accepted/`` when their time is over, and only where their replicas are there now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity
from flows.inboxes.accepted.remove import Removal, finish_removals, remove
from flows.inboxes.answer import KEPT, RECEIPTS, Kept
from flows.inboxes.queue.locks import locked_accepted
from flows.inboxes.shelf import Shelf, is_name
from flows.installation.areas import Area
from flows.installation.job_records import job_noted
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, now, open_installation
from flows.submission.drop import tree_of
from preservation.errors import IntegrityError, PreservationError
from preservation.fixity.checking import Confirmed
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
from storage.readback import PromisedFile, read_back
from storage.restore.source import find_source


@dataclass(frozen=True, slots=True)
class Unsound:
    """A replica of ``package`` that does not hold what was promised, and how that shows."""

    store: StoreName
    package: PackageId
    sentence: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """A drop that was removed, or would be: its package was read back just now from ``stores``."""

    path: Path
    kept: Kept
    stores: tuple[StoreName, ...]
    unsound: tuple[Unsound, ...] = ()

    @property
    def sentence(self) -> str:
        """Why it may go."""
        return f"kept as {self.kept.package}, read back just now from {' and '.join(self.stores)}"


@dataclass(frozen=True, slots=True)
class Stays:
    """A drop whose time is over, and that stays all the same, and why; or a place nobody could look into."""

    path: Path
    sentence: str
    unsound: tuple[Unsound, ...] = ()


Clearing: TypeAlias = Cleared | Stays


def clear_installation(settings: Settings, *, dry_run: bool) -> Iterator[Clearing]:
    """Clear what is due now: see ``clear_accepted``. Replicas that are unsound are alarms.

    Without ``dry_run`` it is noted as a run of the job. Raises ``StorageError`` where the database does not
    answer, ``ConfigurationError``.
    """
    with ExitStack() as opened:
        if not dry_run:
            opened.enter_context(job_noted(Job.CLEAR, settings))
        installation = opened.enter_context(open_installation(settings))
        at = now()
        for one in clear_accepted(installation, at, dry_run=dry_run):
            found = (integrity(f"store {fault.store}", fault.sentence, at) for fault in one.unsound)
            raise_alarms(settings, found)
            yield one


def clear_accepted(installation: Installation, at: datetime, *, dry_run: bool) -> Iterator[Clearing]:
    """Go through what is accepted for longer than its policy says; remove what is proved to be kept.

    A drop is removed where it is unchanged since it was taken, and as many replicas of its package as the
    policy asks for, on as many sites, were read back and matched at this moment. With ``dry_run`` all of that
    is done but the removal. Raises ``StorageError`` where the journal does not take the event: that is done
    the next time.
    """
    for area in installation.settings.areas:
        collections = _collections_in(area)
        if isinstance(collections, Stays):
            # Not to be locked either: that would make folders where a share is to be mounted.
            yield collections
            continue
        if dry_run:
            yield from _clear_area(area, collections, installation, at, dry_run=True)
            continue
        try:
            with locked_accepted(area) as ours:
                if ours:
                    left = finish_removals(area, installation.journal)
                    yield from (Stays(path, sentence) for path, sentence in left)
                    yield from _clear_area(area, collections, installation, at, dry_run=False)
                else:
                    yield Stays(area.accepted, "another muniment clear is at work there; try again later")
        except OSError as error:
            yield Stays(area.accepted, f"it cannot be cleared ({error.strerror or error}); see to its disk")


def _clear_area(
    area: Area,
    collections: Sequence[CollectionName],
    installation: Installation,
    at: datetime,
    *,
    dry_run: bool,
) -> Iterator[Clearing]:
    for collection in collections:
        try:
            policy = installation.policy_of(collection)
        except PreservationError as error:
            yield Stays(area.accepted / collection, str(error))
            continue
        for found in _notes(Shelf(area.accepted, (collection,)), policy.terms.intake.grouping):
            if isinstance(found, Stays):
                yield found
                continue
            shelf, note = found
            clearing = _judge(shelf, note, policy, installation, at)
            if isinstance(clearing, Cleared) and not dry_run:
                removal = Removal(shelf.below, clearing.kept, clearing.stores, at)
                sentence = remove(removal, area, installation.journal)
                yield Stays(clearing.path, sentence, clearing.unsound) if sentence else clearing
            elif clearing is not None:
                yield clearing


def _collections_in(area: Area) -> tuple[CollectionName, ...] | Stays:
    """Return the collections that have a folder in ``accepted/``, or why nobody could look."""
    try:
        names = sorted(path.name for path in area.accepted.iterdir())
    except OSError as error:
        if area.own and isinstance(error, FileNotFoundError):
            # It is made when the first drop is accepted.
            return ()
        return _unseen(area.accepted, error)
    found = []
    for name in names:
        with suppress(ValueError):
            found.append(collection_name(name))
    return tuple(found)


def _unseen(path: Path, error: OSError) -> Stays:
    return Stays(
        path,
        f"it cannot be read ({error.strerror or error}), so nobody knows what is due there; see that "
        "its disk or share is mounted, and that the service may read it",
    )


def _notes(shelf: Shelf, levels: int) -> Iterator[tuple[Shelf, Path] | Stays]:
    """Give what says which package a drop is in, or what nobody could look into.

    Looks into groups, never into drops.
    """
    try:
        found = sorted(shelf.path.iterdir(), key=lambda path: path_order(path.name))
    except OSError as error:
        yield _unseen(shelf.path, error)
        return
    for path in found:
        if levels and path.is_dir() and not path.is_symlink():
            yield from _notes(Shelf(shelf.root, (*shelf.below, path.name)), levels - 1)
        elif not levels and path.name.endswith(KEPT) and path.is_file():
            yield shelf, path


def _judge(
    shelf: Shelf, note: Path, policy: Policy, installation: Installation, at: datetime
) -> Clearing | None:
    """Say what is to become of a drop; ``None`` where its time is not over, or it is there no more."""
    drop = shelf.path / note.name.removesuffix(KEPT)
    kept = _read_note(note, drop, shelf)
    if not isinstance(kept, Kept):
        return kept
    if at - kept.at < timedelta(days=policy.terms.retention.accepted_days):
        return None
    try:
        if not kept.tree or tree_of(drop) != kept.tree:
            return Stays(drop, "it is not as it was kept any more; see what was changed, and drop that anew")
        return _verified(drop, kept, policy, installation)
    except PreservationError as error:
        return Stays(drop, str(error))


def _read_note(note: Path, drop: Path, shelf: Shelf) -> Kept | Stays | None:
    """Return what the note says of the drop; ``None`` where it is about none that is there."""
    try:
        [kept] = Records(note, Kept)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unseen(note, error)
    except (IntegrityError, ValueError):
        return None if _is_a_drop(note, shelf) or not shelf.has(drop.name) else Stays(drop, _damaged(note))
    is_ours = shelf.has(drop.name) and _is_about(kept, drop, CollectionName(shelf.below[0]))
    return kept if is_ours else None


def _is_a_drop(note: Path, shelf: Shelf) -> bool:
    """Say whether what has a note's name was itself dropped: then that is told beside it."""
    return any(shelf.has(f"{note.name}{ending}") for ending in (*RECEIPTS, KEPT))


def _damaged(note: Path) -> str:
    return (
        f"{printable(note.name)} beside it is damaged, so nobody knows which package has it; remove that "
        "file, and move the drop back into its inbox: it is answered anew"
    )


def _is_about(kept: Kept, drop: Path, collection: CollectionName) -> bool:
    """Say whether a note is one that we could have written of that drop: others can write there too."""
    try:
        object_id = ObjectId(collection, object_name(kept.object_name))
    except ValueError:
        return False
    sentinels = all(is_name(name) and name.startswith(f"{drop.name}.") for name in kept.sentinels)
    return sentinels and (kept.name, kept.package.object) == (drop.name, object_id)


def _verified(drop: Path, kept: Kept, policy: Policy, installation: Installation) -> Clearing:
    """Read the package back from one store after the other, until the policy has its number."""
    asked = policy.terms.replication
    catalogued = {file.path: file.digests for file in installation.catalogue.files(kept.package)}
    whole: list[Store] = []
    reasons = []
    unsound = []
    for store in installation.stores_for(policy):
        try:
            description = find_source(kept.package, (store,), catalogued).description
            promised = (
                PromisedFile(description.key(path), None, digests)
                for path in (*description.payload, *description.tags)
                if (digests := description.digests(path)) is not None
            )
            threads = installation.settings.work.reading_threads
            faults = sum(
                not isinstance(reading.verdict, Confirmed)
                for reading in read_back(store, promised, threads=threads)
            )
        except PreservationError as error:
            reasons.append(str(error).rstrip("."))
            if isinstance(error, IntegrityError):
                unsound.append(Unsound(store.name, kept.package, reasons[-1]))
            continue
        if faults:
            reasons.append(
                f"store {store.name}: {faults:,} files of {kept.package} are not as they were kept"
            )
            unsound.append(Unsound(store.name, kept.package, reasons[-1]))
            continue
        whole.append(store)
        if len(whole) >= asked.copies and len({one.place.site for one in whole}) >= asked.sites:
            return Cleared(drop, kept, tuple(one.name for one in whole), tuple(unsound))
    sites = len({store.place.site for store in whole})
    short = (
        f"{len(whole)} of the {asked.copies} replicas of {kept.package} that its policy asks for could be "
        f"read back, on {sites} of {asked.sites} sites"
    )
    return Stays(drop, ". ".join((short, *reasons)), tuple(unsound))
