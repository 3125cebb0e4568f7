"""Rebuilding a catalogue: first what the journal states, entry by entry, then what only stores show."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from preservation.errors import IntegrityError
from preservation.fixity.digesting import digest_bytes
from preservation.model.identifiers import PackageId, StoreName, VersionNumber, parse_object_id
from preservation.model.orders import Withdrawal
from preservation.model.tag_digests import TagDigest, stated
from storage.journal.accessions import packages_among
from storage.journal.entries import read_entry
from storage.ports.audits import Audits
from storage.ports.catalogue import Registration
from storage.ports.journal import Entry
from storage.ports.orders import Orders
from storage.ports.stores import Store
from storage.rebuild.damages import STATING_DAMAGE, Damages, damaged_store
from storage.rebuild.ends import Ends
from storage.rebuild.outcomes import RebuildFault, Rebuilt
from storage.rebuild.statements import (
    STATING,
    DigestsRecorded,
    Ended,
    EnteredVersion,
    Ordered,
    OrderWithdrawn,
    ReadWhole,
    Replicated,
    Started,
    statement_in,
)
from storage.rebuild.versions import VersionAdder
from storage.tag_digests import tag_manifest

_NONE_STRUCK: Mapping[StoreName, int] = MappingProxyType({})


@dataclass(frozen=True)
class Rebuilding:
    """Adds to catalogue, orders and the state of audits what they lack, and changes nothing that they have.

    Each version is added in a transaction of its own; what is there is passed over, so a rebuild that was
    stopped goes on where it was. Nothing grows with the files of a version, nor with the number of versions
    but for those that were written to stores and never entered.
    """

    versions: VersionAdder
    ends: Ends
    audits: Audits
    damages: Damages
    orders: Orders
    _written: dict[PackageId, dict[StoreName, Replicated]] = field(default_factory=dict)

    def by_journal(
        self, lines: Iterable[bytes], struck: Mapping[StoreName, int] = _NONE_STRUCK
    ) -> Iterator[Rebuilt]:
        """Add what a journal states, whose ``lines`` were verified. Raises ``StorageError``.

        Of the replicas in stores that were ``struck``, only what came after that entry counts. Their damage
        comes again with the end that it had.
        """
        for entry in _stating(lines):
            if not struck or entry.seq >= struck.get(_store_of(entry), 0):
                yield from self._by_entry(entry)
            if not self.versions.dry_run:
                yield from self.damages.by_entry(entry)

    def _by_entry(self, entry: Entry) -> Iterator[Rebuilt]:
        match statement_in(entry):
            case EnteredVersion() as kept:
                yield from self._kept(kept)
            case DigestsRecorded(package, digests):
                self._record_digests(self.versions.known(package), digests)
            case Replicated() as replicated:
                yield from self._replicated(replicated)
            case ReadWhole(package, store, at):
                if not self.versions.dry_run:
                    self.audits.restore_reading(package, store, at)
            case (Ordered() | OrderWithdrawn()) as ordered:
                self._ordered(ordered)
            case Started() as started:
                self.ends.began(started)
            case Ended() as ended:
                yield from self.ends.ended(ended)
            case None:
                pass

    def _ordered(self, stated: Ordered | OrderWithdrawn) -> None:
        if self.versions.dry_run:
            return
        match stated:
            case Ordered(order, at, is_new):
                self.orders.restore(order, at, is_new=is_new)
            case OrderWithdrawn(owner, at, because):
                self.orders.restore_withdrawal(owner, Withdrawal(at, because))

    def by_store(self, store: Store) -> Iterator[Rebuilt]:
        """Add the versions in ``store`` that the journal does not have; compare those that are there.

        Raises ``StorageError`` where the store or the database does not answer.
        """
        for package in _committed(store):
            kept = self.versions.known(package)
            if kept is not None:
                yield from self._compared(kept, store)
            elif package not in self.versions.added:
                yield from self.versions.add(package, None, {}, store)

    def _kept(self, kept: EnteredVersion) -> Iterator[Rebuilt]:
        replicated = self._written.pop(kept.package, {})
        known = self.versions.known(kept.package)
        if known is None:
            yield from self.versions.add(kept.package, kept, replicated)
        elif known.tag_digests and kept.tag_digests and known.tag_digests != kept.tag_digests:
            yield RebuildFault(
                str(kept.package),
                f"{kept.package}: the journal has {stated(kept.tag_digests)}, and the catalogue "
                f"{stated(known.tag_digests)}: one of the two was altered; nothing of it was changed",
                damage=True,
            )
        else:
            self._record_digests(known, kept.tag_digests)

    def _record_digests(self, known: Registration | None, digests: Sequence[TagDigest]) -> None:
        if known is not None and digests and not known.tag_digests and not self.versions.dry_run:
            self.versions.catalogue.record_tag_digests(known.package, digests, ())

    def _replicated(self, replicated: Replicated) -> Iterator[Rebuilt]:
        known = self.versions.known(replicated.package)
        if known is None:
            self._written.setdefault(replicated.package, {})[replicated.store] = replicated
        elif all(replica.store != replicated.store for replica in known.replicas):
            yield from self.versions.add_stated_replica(replicated)

    def _compared(self, kept: Registration, store: Store) -> Iterator[Rebuilt]:
        for one in kept.tag_digests:
            try:
                content = tag_manifest(store, kept.package, one.path)
                same = content is not None and digest_bytes(content, (one.algorithm,)) == one.digests
            except IntegrityError:
                same = False
            if not same:
                yield RebuildFault(
                    str(kept.package),
                    f"store {store.name}: the {one.path} of {kept.package} is not the one that was kept; "
                    "the catalogue stays as it is: find out what happened to that store",
                    damage=True,
                )
                return
        if any(replica.store == store.name for replica in kept.replicas):
            return
        if kept.tag_digests:
            yield from self.versions.add_replica(kept, store)
        else:
            yield RebuildFault(
                str(kept.package),
                f"store {store.name}: its copy of {kept.package} counts as no replica, for nothing recorded "
                "shows whether it is as it was kept; run: muniment upgrade, then this again",
                damage=False,
            )


def _store_of(entry: Entry) -> StoreName:
    """Return the store whose replica an entry is about; empty where it is about none."""
    match statement_in(entry):
        case Replicated(_, store) | ReadWhole(_, store):
            return store
        case _:
            return damaged_store(entry) or StoreName("")


def _stating(lines: Iterable[bytes]) -> Iterator[Entry]:
    """Yield the entries that may state what a catalogue has; one that cannot be read states nothing."""
    for line in lines:
        if any(kind in line for kind in (*STATING, *STATING_DAMAGE)):
            try:
                yield read_entry(line)
            except ValueError:
                continue


def _committed(store: Store) -> Iterator[PackageId]:
    """Yield every version that exists in ``store``, once."""
    last = None
    for name in packages_among(kept.key for kept in store.list()):
        owner, _, number = name.rpartition("/v")
        try:
            package = PackageId(parse_object_id(owner), VersionNumber(int(number)))
        except ValueError:
            continue
        if package != last and str(package) == name:
            yield package
        last = package
