"""Damage, by the journal: what was seen, what was healed or let be, and which repair a person approved."""

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
from storage.audits.events import HEALED_BY, begun_in, names_all_damage, store_read_in
from storage.ports.audits import Audits, DamageState, RecordedDamage, RepairApproval
from storage.ports.journal import Entry
from storage.rebuild.outcomes import LostRecord
from storage.rebuild.statements import package_of
from storage.rebuild.struck import struck_store

_ABOUT: Final = re.compile(r"([^/]+/[^/]+/v[1-9][0-9]{0,8})(?:/(.+))?", re.DOTALL)
_SEEN: Final = re.compile(rf" in store (\S+): ({'|'.join(DamageKind)})")
_CLOSED: Final = re.compile(r"damage [0-9]+ was closed: store (\S+?): .*", re.DOTALL)
_REPAIRED: Final = re.compile(r"damage [0-9]+: store (\S+?): .*", re.DOTALL)
_BYTES: Final = re.compile(
    r".*?(?:: ([0-9,]+) instead of ([0-9,]+))?; kept ([^\s,]*(?:,[^\s,]+)*)"
    r"(?:, found (\S*)(?: of ([0-9,]+) bytes?)?)?",
    re.DOTALL,
)
_KEPT: Final = re.compile(r"(.*?)(?:; kept ((?:[a-z0-9]+:[0-9a-f]+,?)+))?", re.DOTALL)
_UNREADABLE: Final = " cannot be read: "
_APPROVED: Final = re.compile(r"the repair of damage ([0-9]+) was approved: (.*)", re.DOTALL)
_AS_KEPT: Final = "it was read again, and is as it was kept"

STATING_DAMAGE: Final = tuple(
    f'"event_type":"{kind.value}"'.encode()
    for kind in (*HEALED_BY, EventType.POLICY_ASSIGNMENT, EventType.DELETION)
)


@dataclass(frozen=True)
class Damages:
    """Records in ``audits`` the damage that entries of a journal state, in its order.

    What is recorded of a file as of that time or later stays as it is. ``is_known`` says whether the
    catalogue has a version.
    """

    audits: Audits
    is_known: Callable[[PackageId], bool]

    def by_entry(self, entry: Entry) -> Iterator[LostRecord]:
        """Record what an entry states of damage, if anything; yield what it states of none that is known.

        Raises ``StorageError``.
        """
        about = _ABOUT.fullmatch(entry.object)
        try:
            package = None if about is None else package_of(about[1])
            if about is not None and package is not None and self.is_known(package):
                yield from self._record(entry, package, BagPath(about[2] or ""))
        except ValueError:
            # It is about no version, or names digests that are none: it states no damage.
            return

    def _record(self, entry: Entry, package: PackageId, path: BagPath) -> Iterator[LostRecord]:
        if entry.event_type == EventType.POLICY_ASSIGNMENT:
            if closed := _CLOSED.fullmatch(entry.detail):
                found = self._open(package, StoreName(closed[1]), entry.at, path)
                self._end(found, DamageState.CLOSED, entry.at, entry.agent_name, entry.note)
            elif approved := _APPROVED.fullmatch(entry.detail):
                yield from self._approve(entry, package, int(approved[1]), approved[2])
        elif entry.event_type == EventType.DELETION:
            if (struck := struck_store(entry)) is not None:
                found = self._open(package, struck, entry.at)
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
        elif (store := store_read_in(entry)) is not None and names_all_damage(entry):
            # What was seen again stands before it in the journal.
            healed = self._open(package, store, begun_in(entry))
            self._end(healed, DamageState.HEALED, entry.at, "", _AS_KEPT)

    def _approve(self, entry: Entry, package: PackageId, number: int, sentence: str) -> Iterator[LostRecord]:
        """Record the approval of a damage; its number then may be that of another one now."""
        approval = RepairApproval(entry.agent_name, entry.note, entry.at)
        known = [one for one in self.audits.damages(None, package) if one.found_at <= entry.at]
        meant = [one for one in known if one.damage.sentence == sentence]
        chosen = [one.number for one in meant if one.state is DamageState.OPEN]
        if chosen:
            self.audits.approve_repairs(chosen[-1:], approval, ())
        elif not meant and all(one.approval != approval for one in known):
            yield LostRecord(
                str(package),
                f"the damage {number} of which {entry.agent_name} approved the repair: {sentence}",
            )

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
    promised_size = found_size = None
    if kind is DamageKind.MISMATCHED and (stated := _BYTES.fullmatch(entry.note)):
        # An entry may name no digest of what was found: then none was taken.
        promised, found = digests_from(stated[3]), digests_from(stated[4] or "") or None
        promised_size, found_size = _amount(stated[2]), _amount(stated[5] or stated[1])
    note = entry.note
    if kind is not DamageKind.MISMATCHED and (stated := _KEPT.fullmatch(note)):
        note, promised = stated[1], digests_from(stated[2] or "")
    reason = note.partition(_UNREADABLE)[2] if kind is DamageKind.UNREADABLE else ""
    return Damage(package, store, path, kind, entry.at, promised, promised_size, found, found_size, reason)


def _amount(text: str | None) -> int | None:
    return None if text is None else int(text.replace(",", ""))
