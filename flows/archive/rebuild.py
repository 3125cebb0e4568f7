"""Rebuilds catalogue, journal and the state of audits from what lies in the stores."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from flows.archive.receipts import receipts_of
from flows.installation.disk_faults import translated_faults
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.store_kinds import STORE_KINDS, identity_of
from flows.installation.wiring import SOFTWARE, Installation, now, open_installation
from preservation.errors import (
    AlreadyExistsError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    PreservationError,
    UnavailableError,
)
from preservation.files.lock import locked
from preservation.model.amounts import OnProgress
from preservation.model.identifiers import StoreIdentity, StoreName
from storage.journal.entries import read_kept
from storage.journal.exported import ExportedJournal, exported_in_stores
from storage.journal.exported import restore as put_back
from storage.journal.keys import public_keys
from storage.journal.verification import Broken
from storage.ports.journal import GENESIS, Head, Journal
from storage.ports.stores import Store
from storage.rebuild.damages import Damages
from storage.rebuild.ends import Ends
from storage.rebuild.outcomes import RebuildFault, Rebuilt
from storage.rebuild.rebuild import Rebuilding
from storage.rebuild.struck import struck_in
from storage.rebuild.versions import VersionAdder

_MARK = "rebuilding"
"""The file in ``state`` that lies there while a database is being rebuilt, so that it is gone on with."""


@dataclass(frozen=True, slots=True)
class AddedEntries:
    """So many entries of the journal were put back, or would be, from what lies at ``place``."""

    place: str
    entries: int


@dataclass(frozen=True, slots=True)
class AwayStore:
    """A store that does not answer: what it alone has is not known."""

    store: StoreName
    sentence: str


RebuiltInstallation: TypeAlias = Rebuilt | AddedEntries | AwayStore


def rebuild_installation(
    settings: Settings,
    source: StoreName | None = None,
    *,
    missing: bool,
    dry_run: bool,
    progress: OnProgress,
) -> Iterator[RebuiltInstallation]:
    """Rebuild the database from the stores, ``source`` first, or from that which answers first.

    Only into an empty database, or one whose rebuild was stopped; with ``missing`` into any, of which nothing
    is changed. ``progress`` is called with files that are listed or read back. With ``dry_run`` nothing is
    written.

    Raises:
        AlreadyExistsError: The database is not empty.
        ConfigurationError: There is no such store, or a setting is wrong.
        IntegrityError: Database and stores have journals that went different ways.
        UnavailableError: No store answers, or another process rebuilds.
        StorageError: The database does not answer.
    """
    if source is not None and source not in settings.store_names:
        raise ConfigurationError(
            f"there is no store {source}; name one of: {', '.join(settings.store_names)}"
        )
    mark = settings.state / _MARK
    with ExitStack() as opened:
        if not opened.enter_context(locked(settings.state / "rebuild.lock", wait=False)):
            raise UnavailableError(
                "another process rebuilds the database; it is done when that one has ended"
            )
        installation = opened.enter_context(open_installation(settings))
        if not missing and not mark.exists():
            _require_empty(installation)
        if not dry_run and not missing:
            mark.touch()
        scratch = opened.enter_context(scratch_folder(settings.state, "rebuilding"))
        with translated_faults(settings):
            yield from _rebuilt(installation, source, scratch, dry_run=dry_run, progress=progress)
        if not dry_run:
            mark.unlink(missing_ok=True)


def _require_empty(installation: Installation) -> None:
    catalogue = installation.catalogue
    something = (
        next(iter(catalogue.packages()), None)
        or next(iter(catalogue.conclusions()), None)
        or next(iter(catalogue.reserved()), None)
    )
    if something is not None or installation.journal.head() != GENESIS:
        raise AlreadyExistsError(
            f"database {installation.database.address}: it is not empty, and nothing of it is replaced; to "
            "add what it lacks: muniment rebuild --missing"
        )


def _rebuilt(
    installation: Installation,
    source: StoreName | None,
    scratch: Path,
    *,
    dry_run: bool,
    progress: OnProgress,
) -> Iterator[RebuiltInstallation]:
    settings = installation.settings
    answering: list[Store] = []
    configured = {}
    for store, identity in _stores(installation):
        configured[store.name] = store
        try:
            if identity is None:
                # As 0.1.0 left it: it can be read, and is given an identity once it is known again.
                next(iter(store.list()), None)
            else:
                store.check()
        except PreservationError as error:
            yield AwayStore(store.name, str(error))
            continue
        answering.append(store)
        if identity is not None and not dry_run:
            installation.catalogue.keep_store_identity(store.name, identity)
    if source is not None:
        answering.sort(key=lambda store: store.name != source)
    if not answering or source not in {None, answering[0].name}:
        raise UnavailableError(
            f"store {source}: it does not answer; mount it, or name another one: --from STORE"
            if answering
            else "no store answers, so there is nothing to rebuild from; mount one, then run it again"
        )
    versions = VersionAdder(
        installation.catalogue,
        answering,
        configured,
        scratch,
        settings.work.threads,
        now,
        SOFTWARE,
        chosen=source is not None,
        dry_run=dry_run,
        progress=progress,
    )
    rebuilding = Rebuilding(
        versions,
        Ends(installation.catalogue, lambda owner: receipts_of(owner, settings.receipts), dry_run=dry_run),
        installation.audits,
        Damages(installation.audits, versions.is_known),
        installation.orders,
    )
    exported = yield from _restored(installation, answering, chosen=source is not None, dry_run=dry_run)
    # A dry run has put nothing back.
    given = exported if dry_run else None
    struck = struck_in(_lines(installation, given))
    yield from rebuilding.by_journal(_lines(installation, given), struck)
    for store in answering:
        try:
            yield from rebuilding.by_store(store)
        except UnavailableError as error:
            # A store that went away in the midst; a database that did is found away by whatever comes next.
            yield AwayStore(store.name, str(error))


def _stores(installation: Installation) -> Iterator[tuple[Store, StoreIdentity | None]]:
    """Yield every configured store, and its identity: what lies there, where nothing else has it."""
    settings, recorded = installation.settings, installation.catalogue.store_identities()
    for one in settings.store:
        kind = STORE_KINDS[one.kind]
        identity = identity_of(one, recorded)
        if identity is None:
            try:
                identity = kind.maker(one, settings).identity()
            except PreservationError:
                # Opening it says what is wrong.
                identity = None
        yield kind.store(one, settings, identity), identity


def _lines(installation: Installation, exported: ExportedJournal | None) -> Iterator[bytes]:
    """Return the lines of a copy of the journal where there is one, else of the journal itself."""
    if exported is not None:
        return exported.lines(public_keys(installation.settings.keys))
    return installation.journal.lines()


def _restored(
    installation: Installation, answering: Sequence[Store], *, chosen: bool, dry_run: bool
) -> Generator[AddedEntries | RebuildFault, None, ExportedJournal | None]:
    """Put back what the database lacks of the journal; return that of the stores where it had more.

    Where no store has one that holds, that is a fault, and what the database has stays. Raises
    ``IntegrityError`` where the two went different ways.
    """
    journal, keys = installation.journal, public_keys(installation.settings.keys)
    reasons = []
    each = [[store] for store in answering]
    for stores in (*each[:1], list(answering)) if chosen else (list(answering), *each):
        try:
            exported = exported_in_stores(stores)
            verdict = exported.verify(keys)
        except (NotFoundError, IntegrityError, ConfigurationError) as error:
            reasons.append(str(error))
            continue
        if isinstance(verdict, Broken) or verdict.signed is None:
            why = (
                verdict.faults[0].message if isinstance(verdict, Broken) else "no signed head vouches for it"
            )
            reasons.append(f"{exported.place}: {why}")
            continue
        own = journal.head()
        if own.seq < verdict.head.seq:
            if not dry_run:
                put_back(journal, exported, keys)
            yield AddedEntries(exported.place, verdict.head.seq - own.seq)
            return exported
        _require_same(journal, verdict.head, exported.place)
        return None
    yield RebuildFault(
        "journal",
        f"no store has a journal that holds by the keys in {installation.settings.keys}, so none was put "
        f"back, and versions are rebuilt by their bags alone: {'. '.join(dict.fromkeys(reasons))}",
        damage=True,
    )
    return None


def _require_same(journal: Journal, head: Head, place: str) -> None:
    """Raise ``IntegrityError`` where the journal, which is as long, does not come by ``head``."""
    line = next(iter(journal.lines(after=head.seq - 1)), b"") if head.seq else b""
    if head.seq and read_kept(head.seq, line).head != head:
        raise IntegrityError(
            f"{place}: its journal went another way than that of the database before entry {head.seq}, and "
            'nothing is rebuilt: see docs/journal.md, "When the stores know more"'
        )
