"""Damage, by the journal: what was seen, what was read again as it was kept, what a person let be."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from preservation.model.damage import Damage, DamageKind, digests_from
from preservation.model.digests import Digests
from preservation.model.events import EventOutcome, EventType
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.paths import BagPath
from storage.audits.events import HEALED_BY, begun_in, store_read_in
from storage.ports.audits import Audits, DamageState, RecordedDamage
from storage.ports.journal import Entry
from storage.rebuild.statements import package_of

_ABOUT: Final = re.compile(r"([^/]+/[^/]+/v[1-9][0-9]{0,8})(?:/(.+))?", re.DOTALL)
_SEEN: Final = re.compile(rf" in store (\S+): ({'|'.join(DamageKind)})")
_CLOSED: Final = re.compile(r"damage [0-9]+ was closed: store (\S+?): .*", re.DOTALL)
_REPAIRED: Final = re.compile(r"damage [0-9]+: store (\S+?): .*", re.DOTALL)
_BYTES: Final = re.compile(r".*?(?:: ([0-9,]+) instead of ([0-9,]+))?; kept (\S*), found (\S*)", re.DOTALL)
_UNREADABLE: Final = " cannot be read: "
_AS_KEPT: Final = "it was read again, and is as it was kept"

STATING_DAMAGE: Final = tuple(
    f'"event_type":"{kind.value}"'.encode() for kind in (*HEALED_BY, EventType.POLICY_ASSIGNMENT)
)


@dataclass(frozen=True)
class Damages:
    """Records in ``audits`` the damage that entries of a journal state, in its order.

    What is recorded of a file as of that time or later stays as it is. The digests that a file was to have
    are known where other bytes were found; of one that is missing, the journal does not have them.
    ``is_known`` says whether the catalogue has a version.
    """

    audits: Audits
    is_known: Callable[[PackageId], bool]

    def by_entry(self, entry: Entry) -> None:
        """Record what an entry states of damage, if anything. Raises ``StorageError``."""
        about = _ABOUT.fullmatch(entry.object)
        try:
            package = None if about is None else package_of(about[1])
            if about is not None and package is not None and self.is_known(package):
                self._record(entry, package, BagPath(about[2] or ""))
        except ValueError:
            # It is about no version, or names digests that are none: it states no damage.
            return

    def _record(self, entry: Entry, package: PackageId, path: BagPath) -> None:
        if entry.event_type == EventType.POLICY_ASSIGNMENT:
            if closed := _CLOSED.fullmatch(entry.detail):
                found = self._open(package, StoreName(closed[1]), entry.at, path)
                self._end(found, DamageState.CLOSED, entry.at, entry.agent_name, entry.note)
        elif repaired := _REPAIRED.fullmatch(entry.detail):
            if entry.outcome == EventOutcome.SUCCESS and entry.event_type in HEALED_BY:
                found = self._open(package, StoreName(repaired[1]), entry.at, path)
                because = HEALED_BY[EventType(entry.event_type)]
                self._end(found, DamageState.HEALED, entry.at, "", because)
        elif seen := _SEEN.fullmatch(
            entry.detail.removeprefix(f"{path or 'the whole replica'} of {package}")
        ):
            self._see(_damage(entry, package, StoreName(seen[1]), path, DamageKind(seen[2])))
        elif (store := store_read_in(entry)) is not None:
            # What was seen again stands before it in the journal.
            healed = self._open(package, store, begun_in(entry))
            self._end(healed, DamageState.HEALED, entry.at, "", _AS_KEPT)

    def _see(self, damage: Damage) -> None:
        known = self.audits.damages(None, damage.package)
        if not any(_is_of(one, damage) and one.damage.at >= damage.at for one in known):
            self.audits.record_damage([damage], ())

    def _open(
        self, package: PackageId, store: StoreName, before: datetime, path: BagPath | None = None
    ) -> Iterator[int]:
        """Yield the numbers of open damage of a replica, or of one file, that was seen before then."""
        for one in self.audits.damages(DamageState.OPEN, package):
            of = one.damage
            if of.store == store and of.at < before and path in {None, of.path}:
                yield one.number

    def _end(self, numbers: Iterator[int], state: DamageState, at: datetime, by: str, because: str) -> None:
        ended = tuple(numbers)
        if ended:
            self.audits.end_damage(ended, state, at=at, by=by, because=because, events=())


def damaged_store(entry: Entry) -> StoreName | None:
    """Return the store in which an entry states damage; ``None``: it states none."""
    if entry.event_type != EventType.FIXITY_CHECK:
        return None
    # A path may have any letters: the store is in the last place that fits.
    found = list(_SEEN.finditer(entry.detail))
    return StoreName(found[-1][1]) if found else None


def _is_of(known: RecordedDamage, damage: Damage) -> bool:
    return (known.damage.store, known.damage.path) == (damage.store, damage.path)


def _damage(entry: Entry, package: PackageId, store: StoreName, path: BagPath, kind: DamageKind) -> Damage:
    promised: Digests = {}
    found: Digests | None = None
    sizes: tuple[int | None, int | None] = (None, None)
    if kind is DamageKind.MISMATCHED and (stated := _BYTES.fullmatch(entry.note)):
        promised, found = digests_from(stated[3]), digests_from(stated[4])
        if stated[1]:
            sizes = (int(stated[1].replace(",", "")), int(stated[2].replace(",", "")))
    reason = entry.note.partition(_UNREADABLE)[2] if kind is DamageKind.UNREADABLE else ""
    return Damage(package, store, path, kind, entry.at, promised, sizes[1], found, sizes[0], reason)
