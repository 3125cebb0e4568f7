"""Restore: what is kept, back out of the stores. Needs no Prefect, and no database where that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from flows.installation.settings import FolderStoreSettings, Settings
from flows.installation.wiring import SOFTWARE, Installation, now, open_installation, open_stores
from preservation.errors import ConfigurationError, NotFoundError, PreservationError
from preservation.model.amounts import byte_size
from preservation.model.digests import Digests
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import ObjectId, PackageId, StoreName, SubmissionId, VersionNumber
from preservation.model.issues import Issue
from preservation.model.paths import BagPath, printable
from storage.ports.stores import Store
from storage.restore.outcomes import Restored, WantedFile, silent_issue, untold_issue
from storage.restore.restore import restore
from storage.restore.source import Source, find_source, latest_in, wanted_files
from storage.restore.target import opened_target, require_free


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What is to be restored, and where to. ``store`` is asked first; the others are asked after it.

    ``version`` is ``None`` for the latest; ``files`` empty for all originals.
    """

    object_id: ObjectId
    target: Path
    version: VersionNumber | None = None
    files: tuple[str, ...] = ()
    store: StoreName | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """What the catalogue knows of a version: its files, and nothing where it does not know the version."""

    package: PackageId
    files: dict[BagPath, Digests] | None


def restore_object(order: RestoreRequest, settings: Settings, *, dry_run: bool = False) -> Restored:
    """Restore what is ordered into ``order.target``, and tell the journal; or only say what it would be.

    The catalogue is asked where it answers: for the latest version, and whether it knows the files as the
    replicas do. Where it does not answer, the stores alone are believed, and an issue says so. Raises
    ``NotFoundError`` where there is no such version or file, ``AlreadyExistsError`` where something
    is in the way, ``IntegrityError`` where no replica's lists can be relied on, and
    ``ConfigurationError`` where the target is in a place of Muniment's own, or there is no such store.
    """
    _require_place_of_its_own(order.target, settings)
    stores = _in_order(open_stores(settings), order.store)
    issues: list[Issue] = []
    with _asked(settings, issues) as installation:
        known = _known(order, installation, stores, issues)
        source = find_source(known.package, stores, known.files)
        wanted = wanted_files(source.description, order.files, whole=order.whole)
        require_free(order.target, (file.place for file in wanted))
        restored = _would_be(source, wanted) if dry_run else _restored(order, source, wanted, settings)
        restored.issues[:0] = (*issues, *source.issues)
        if installation is not None and known.files is not None and not dry_run:
            _tell_journal(restored, order, installation)
    return restored


def summary_of(restored: Restored, *, dry_run: bool) -> str:
    """Return what was restored in half a sentence."""
    counted = f"{restored.files:,} file{'s' * (restored.files != 1)}"
    if dry_run:
        return f"{restored.package}: {counted}"
    if restored.lost:
        return f"{restored.package}: {len(restored.lost):,} could be had from no store"
    return f"{restored.package}: {counted}, {byte_size(restored.bytes)}, all as they were kept"


def _require_place_of_its_own(target: Path, settings: Settings) -> None:
    """Raise ``ConfigurationError`` where the target is among what only Muniment writes."""
    stores = (settings.store_root(one) for one in settings.store if isinstance(one, FolderStoreSettings))
    for taken in (settings.state, settings.processing, *stores):
        if target.resolve().is_relative_to(taken.resolve()):
            raise ConfigurationError(
                f"{printable(str(target))} is in {printable(str(taken))}, where only Muniment writes; "
                "name a folder elsewhere"
            )


def _restored(
    order: RestoreRequest, source: Source, wanted: list[WantedFile], settings: Settings
) -> Restored:
    with opened_target(order.target) as target:
        return restore(
            source.description.package,
            wanted,
            source.stores,
            target,
            threads=settings.work.reading_threads,
        )


def _would_be(source: Source, wanted: list[WantedFile]) -> Restored:
    return Restored(source.description.package, None, files=len(wanted))


def _in_order(stores: tuple[Store, ...], first: StoreName | None) -> tuple[Store, ...]:
    names = [store.name for store in stores]
    if first is not None and first not in names:
        raise ConfigurationError(
            f"there is no store {first!r}; configured in muniment.toml: {', '.join(names)}"
        )
    return tuple(sorted(stores, key=lambda store: store.name != first)) if first else stores


@contextmanager
def _asked(settings: Settings, issues: list[Issue]) -> Iterator[Installation | None]:
    """Open the installation, or give nothing where its database cannot be opened."""
    with ExitStack() as opened:
        try:
            installation = opened.enter_context(open_installation(settings))
        except PreservationError as error:
            issues.append(silent_issue(str(error)))
            yield None
            return
        yield installation


def _known(
    order: RestoreRequest, installation: Installation | None, stores: tuple[Store, ...], issues: list[Issue]
) -> _Known:
    """Ask the catalogue for the version and its files; ask the stores where it does not know."""
    if installation is not None:
        try:
            return _catalogued(order, installation)
        except PreservationError as error:
            issues.append(silent_issue(str(error)))
    version = order.version or latest_in(order.object_id, stores)
    return _Known(PackageId(order.object_id, version), None)


def _catalogued(order: RestoreRequest, installation: Installation) -> _Known:
    if order.version is None:
        latest = installation.catalogue.latest(order.object_id)
        if latest is None:
            raise NotFoundError(f"{order.object_id}: the catalogue does not know it")
        package = latest.package
    else:
        package = PackageId(order.object_id, order.version)
    return _Known(package, {file.path: file.digests for file in installation.catalogue.files(package)})


def _tell_journal(restored: Restored, order: RestoreRequest, installation: Installation) -> None:
    """Tell the journal what left the archive; where it cannot be told, the restore stands all the same."""
    try:
        installation.journal.append([_event(restored, order)])
    except PreservationError as error:
        restored.issues.append(untold_issue(str(error)))


def _event(restored: Restored, order: RestoreRequest) -> Event:
    """Tell the journal what left the archive, and whether all of it did."""
    outcome = EventOutcome.SUCCESS
    if restored.lost:
        outcome = EventOutcome.FAIL
    elif restored.issues:
        outcome = EventOutcome.WARNING
    sources = " and ".join(sorted(restored.sources)) or "no store"
    lost = f"; {len(restored.lost)} files could be had from no store" if restored.lost else ""
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.DISSEMINATION),
        EventType.DISSEMINATION,
        now(),
        str(restored.package),
        outcome,
        f"restored to {printable(str(order.target))}, every byte compared as it landed",
        f"{restored.files} files, {restored.bytes} bytes from {sources}{lost}",
        SOFTWARE,
    )
