"""Restore: copies what is kept out of the stores. Needs no Prefect, and no database where that is lost."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from flows.alarms.alarms import raise_alarm
from flows.alarms.occasions import integrity_alarm
from flows.archive.history import removed_since
from flows.installation.settings import Settings
from flows.installation.store_settings import FolderStoreSettings
from flows.installation.wiring import SOFTWARE, Installation, now, open_installation, open_stores
from preservation.errors import ConfigurationError, NotFoundError, PreservationError
from preservation.model.amounts import byte_size, count
from preservation.model.digests import Digests
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import ObjectId, PackageId, StoreName, SubmissionId, VersionNumber
from preservation.model.issues import Issue
from preservation.model.paths import BagPath, printable
from storage.ports.stores import Store
from storage.restore.outcomes import (
    Restored,
    catalogue_issue,
    earlier_has_more_issue,
    journal_issue,
    not_vouched_issue,
    records_issue,
    times_not_given_issue,
)
from storage.restore.restore import restore
from storage.restore.source import find_source, latest_in, wanted_files
from storage.restore.target import look_into, opened_target
from storage.restore.times import with_times
from storage.tag_digests import NOTHING_RECORDED, RecordedDigests, recorded_digests


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """A request to restore an object to ``target``. ``store`` is read first, then the others.

    ``version`` is ``None`` for the latest; ``files`` empty for all originals.
    """

    object_id: ObjectId
    target: Path
    version: VersionNumber | None = None
    files: tuple[str, ...] = ()
    store: StoreName | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _CataloguedFiles:
    """A version and its files in the catalogue; ``files`` is ``None`` where the catalogue does not answer.

    ``stores`` are to have it by the catalogue. ``recorded`` is what catalogue and journal have of
    its tag manifests; ``None`` where neither answers.
    """

    package: PackageId
    files: dict[BagPath, Digests] | None
    recorded: RecordedDigests | None
    stores: frozenset[StoreName] = frozenset()


class _Damage:
    """What was seen of stores that do not hold the version as it was kept, also where another one gave it."""

    def __init__(self, catalogued: _CataloguedFiles, settings: Settings) -> None:
        self._catalogued = catalogued
        self._settings = settings
        self._seen: list[str] = []

    def add(self, store: StoreName, sentence: str) -> None:
        """Keep what was seen of a store that is to have the version."""
        if store in self._catalogued.stores:
            self._seen.append(sentence.rstrip("."))

    def raise_alarm(self) -> None:
        """Raise one alarm, where anything was seen."""
        if self._seen:
            more = f" And {count(len(self._seen) - 1, 'finding')} more." if len(self._seen) > 1 else ""
            sentence = f"{self._seen[0]}.{more}"
            raise_alarm(self._settings, integrity_alarm(str(self._catalogued.package), sentence, now()))


def restore_object(request: RestoreRequest, settings: Settings, *, dry_run: bool = False) -> Restored:
    """Restore what is requested into ``request.target`` and write that to the journal.

    Where the catalogue answers, it gives the latest version, and its list of files is compared with the
    replicas'. Where it does not answer, the stores alone are used, and an issue reports that. A replica whose
    tag manifests are not those that journal and catalogue recorded is passed over.

    Args:
        request: What to restore, and where to.
        settings: The installation's settings.
        dry_run: Only return what would be restored; write nothing.

    Raises:
        NotFoundError: There is no such version or file.
        AlreadyExistsError: A file or folder is in the way.
        IntegrityError: No replica's lists can be relied on, or they differ, nothing recorded says which
            are as they were kept, and no store was chosen.
        ConfigurationError: The target is in a folder of Muniment's own, or there is no such store.
    """
    _require_place_of_its_own(request.target, settings)
    stores = _in_order(open_stores(settings), request.store)
    issues: list[Issue] = []
    with ExitStack() as until:
        installation = _opened(settings, until, issues)
        catalogued = _files_of(request, installation, stores, issues)
        recorded = catalogued.recorded or RecordedDigests()
        damage = _Damage(catalogued, settings)
        if not dry_run:
            # Also where it ends here, since no store has it as it was kept.
            until.callback(damage.raise_alarm)
        source = find_source(
            catalogued.package,
            stores,
            catalogued.files,
            recorded.digests,
            first_counts=request.store is not None,
            damaged=damage.add,
        )
        wanted = wanted_files(source.description, request.files, whole=request.whole)
        if dry_run:
            look_into(request.target, wanted)
            restored = Restored(catalogued.package, None, files=len(wanted))
        else:
            with opened_target(request.target) as target:
                # After what a killed restore left there was finished.
                there = look_into(request.target, wanted)
                timed = with_times(there.missing, source.description, source.stores)
                if timed is None:
                    issues.append(times_not_given_issue("no store has premis.xml as it was kept"))
                threads = settings.work.threads
                restored = restore(
                    catalogued.package,
                    there.missing if timed is None else timed,
                    source.stores,
                    target,
                    threads=threads,
                    damaged=damage.add,
                )
            if not restored.lost:
                restored.there = there.files
                restored.files += there.files
                restored.bytes += there.bytes
        restored.issues[:0] = (*issues, *source.issues)
        if installation is not None and catalogued.files is not None and not dry_run:
            _write_to_journal(restored, request, installation)
        # After the journal: it is no fault of this restore.
        if installation is not None and catalogued.files is not None and not request.files:
            restored.issues += _issues_of_version_before(catalogued.package, installation)
    return restored


def summary_of(restored: Restored, *, dry_run: bool) -> str:
    """Return the result of a restore, in a clause."""
    files = count(restored.files, "file")
    if dry_run:
        return f"{restored.package}: {files}"
    if restored.lost:
        return f"{restored.package}: {count(len(restored.lost), 'file')} could be restored from no store"
    return f"{restored.package}: {files}, {byte_size(restored.bytes)}, all as they were kept"


def _require_place_of_its_own(target: Path, settings: Settings) -> None:
    """Raise ``ConfigurationError`` where the target is in a folder that only Muniment writes to."""
    stores = (settings.store_root(one) for one in settings.store if isinstance(one, FolderStoreSettings))
    for taken in (settings.state, settings.processing, *stores):
        if target.resolve().is_relative_to(taken.resolve()):
            raise ConfigurationError(
                f"{printable(str(target))} is in {printable(str(taken))}, where only Muniment writes; "
                "name a folder elsewhere"
            )


def _in_order(stores: tuple[Store, ...], first: StoreName | None) -> tuple[Store, ...]:
    names = [store.name for store in stores]
    if first is not None and first not in names:
        raise ConfigurationError(
            f"there is no store {first!r}; configured in muniment.toml: {', '.join(names)}"
        )
    return tuple(sorted(stores, key=lambda store: store.name != first)) if first else stores


def _opened(settings: Settings, until: ExitStack, issues: list[Issue]) -> Installation | None:
    """Open the installation; return ``None`` where its database cannot be opened."""
    try:
        return until.enter_context(open_installation(settings))
    except PreservationError as error:
        issues.append(catalogue_issue(str(error)))
        return None


def _files_of(
    request: RestoreRequest, installation: Installation | None, stores: tuple[Store, ...], issues: list[Issue]
) -> _CataloguedFiles:
    """Return the version and its files by the catalogue; where it fails, the version by the stores."""
    found: _CataloguedFiles | None = None
    if installation is not None:
        try:
            found = _from_catalogue(request, installation)
        except PreservationError as error:
            issues.append(catalogue_issue(str(error)))
    if found is None:
        package = PackageId(request.object_id, request.version or latest_in(request.object_id, stores))
        found = _CataloguedFiles(package, None, _recorded(package, installation))
    issues += _issues_of_records(found)
    return found


def _from_catalogue(request: RestoreRequest, installation: Installation) -> _CataloguedFiles:
    version = request.version
    if version is None:
        latest = installation.catalogue.latest(request.object_id)
        if latest is None:
            raise NotFoundError(f"{request.object_id}: the catalogue does not know it")
        version = latest.package.version
    package = PackageId(request.object_id, version)
    files = {file.path: file.digests for file in installation.catalogue.files(package)}
    recorded = recorded_digests(installation.catalogue, installation.journal, package)
    stores = frozenset(replica.store for replica in installation.catalogue.package(package).replicas)
    return _CataloguedFiles(package, files, recorded, stores)


def _recorded(package: PackageId, installation: Installation | None) -> RecordedDigests | None:
    """Return what the journal has of a version that the catalogue does not know, if it answers."""
    if installation is None:
        return None
    try:
        return recorded_digests(installation.catalogue, installation.journal, package)
    except PreservationError:
        return None


def _issues_of_records(found: _CataloguedFiles) -> list[Issue]:
    if found.recorded is None:
        return [not_vouched_issue(found.package, "the catalogue and the journal do not answer")]
    issues = [records_issue(doubt) for doubt in found.recorded.doubts]
    if not found.recorded.digests:
        issues.append(not_vouched_issue(found.package, NOTHING_RECORDED))
    return issues


def _issues_of_version_before(package: PackageId, installation: Installation) -> list[Issue]:
    """Return whether the version before has more: who restores the latest one may look for a page of it."""
    before, removed = removed_since(installation.catalogue, package)
    return [] if before is None or not removed else [earlier_has_more_issue(package, before, removed)]


def _write_to_journal(restored: Restored, request: RestoreRequest, installation: Installation) -> None:
    """Write to the journal what left the archive; a failure becomes an issue of the restore."""
    try:
        installation.journal.append([_event(restored, request)])
    except PreservationError as error:
        restored.issues.append(journal_issue(str(error)))


def _event(restored: Restored, request: RestoreRequest) -> Event:
    """Return the event: what left the archive, and whether all of it did."""
    outcome = EventOutcome.SUCCESS
    if restored.lost:
        outcome = EventOutcome.FAIL
    elif restored.issues:
        outcome = EventOutcome.WARNING
    sources = " and ".join(sorted(restored.sources)) or "no store"
    lost = f"; {count(len(restored.lost), 'file')} could be restored from no store" if restored.lost else ""
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.DISSEMINATION),
        EventType.DISSEMINATION,
        now(),
        str(restored.package),
        outcome,
        f"restored to {printable(str(request.target))}, every byte compared once it was written",
        f"{count(restored.files, 'file')}, {count(restored.bytes, 'byte')} from {sources}{lost}",
        SOFTWARE,
    )
