"""The watcher sweeps the inboxes, at the cost of no more than a hundredth of a core while all is at rest.

Listing and examining are separate, because their costs differ. *Listing* an inbox shows what came and went,
and by the time of its folder whether something was put into a drop. *Examining* a drop reads the metadata of
all its files: that is done when time alone may have completed it, when it was touched, and now and then in
any case, because a network share does not notify of a change deep in a drop.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from flows.inboxes.folder.inboxes import Inbox, InboxFault
from flows.inboxes.folder.take import CompleteDrop
from flows.inboxes.queue.holds import Hold, InboxPlace, hold_on
from flows.inboxes.report import MOST_NAMED, InboxStatus, PassedOverEntry, WaitingDrop
from flows.installation.areas import StrayInInbox
from flows.submission.drop import object_of
from preservation.errors import UnavailableError, fault_of
from preservation.model.paths import printable
from preservation.settling.drops import Drop, PassedOver, PassedOverFor, drops_in
from preservation.settling.look import judge, reason_of
from preservation.settling.settle import Moment, Seen, Settled
from preservation.settling.terms import LONGEST_QUIET
from preservation.settling.writing import HeldOpen, held_for_writing

_AT_REST: Final = 400
"""The pause after listing, and after examining what is at rest, is so many times what that cost."""

_WHILE_CHANGING: Final = 10
"""A drop that changes is examined again after so many times what examining all drops costs."""

_TOUCHED_SECONDS: Final = 1.0
"""A drop that is touched often is examined no more often than this."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep found. ``again`` is when the next one is due, unless something is touched before."""

    complete: tuple[CompleteDrop, ...]
    waiting: tuple[WaitingDrop, ...]
    passed_over: tuple[PassedOver | StrayInInbox, ...]
    faults: tuple[InboxFault, ...]
    again: Moment

    @property
    def status(self) -> InboxStatus:
        """What is to be reported of it."""
        return InboxStatus(self.waiting, _entries(self.passed_over[:MOST_NAMED]), _entries(self.faults))


def _entries(found: Iterable[PassedOver | StrayInInbox | InboxFault]) -> tuple[PassedOverEntry, ...]:
    return tuple(PassedOverEntry(printable(str(one.path)), one.sentence) for one in found)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a drop. ``due`` is when to examine it again; ``None``: when it changed."""

    inbox: Inbox
    drop: Drop
    mark: tuple[int, ...]
    seen: Seen | None = None
    waiting: WaitingDrop | None = None
    due: Moment | None = None
    cost: float = 0.0


@dataclass
class Watcher:
    """Remembers what lies in the inboxes from one sweep to the next.

    ``listing`` is the number of seconds from one listing of the inboxes to the next where nothing is
    touched. ``clock`` is the monotonic clock of moments, ``cpu`` the clock of the CPU time that is used.
    ``holds`` returns what is held, which is neither examined nor taken.
    """

    listing: float = 5.0
    held: Callable[[Collection[int]], HeldOpen] = held_for_writing
    clock: Callable[[], float] = time.monotonic
    cpu: Callable[[], float] = time.thread_time
    holds: Callable[[], tuple[Hold, ...]] = tuple

    def __post_init__(self) -> None:
        self._holds: tuple[Hold, ...] = ()
        self._known: dict[Path, _Known] = {}
        self._passed_over: dict[Path, PassedOver | StrayInInbox] = {}
        self._faults: dict[Path, InboxFault] = {}
        self._unreadable: dict[Path, InboxFault] = {}
        self._touched: set[Path] = set()
        self._list_at = Moment(float("-inf"))
        self._list_not_before = Moment(float("-inf"))
        self._rest_at = Moment(float("-inf"))

    def touched(self, paths: Iterable[Path]) -> None:
        """Record that something changed at these paths, so that the next sweep examines them."""
        self._touched.update(paths)

    def sweep(
        self, inboxes: Callable[[], Iterable[Inbox | StrayInInbox | InboxFault]], moment: Moment
    ) -> SweepResult:
        """List and examine what is due by ``moment``. Raises nothing; faults of inboxes are in the result.

        A complete drop is forgotten: either it is taken, or it counts as new. ``inboxes`` is called when the
        inboxes are listed.
        """
        touched, self._touched = self._touched, set()
        if any(self._is_new(path) for path in touched):
            self._list_at = min(self._list_at, self._list_not_before)
        if moment >= self._list_at:
            self._list(inboxes(), moment)
        for path in touched:
            self._schedule_touched(path, moment)
        if moment >= self._rest_at:
            self._schedule_all(moment)
        complete = tuple(self._examine_due(moment))
        dues = [known.due for known in self._known.values() if known.due is not None]
        return SweepResult(
            complete,
            tuple(known.waiting for known in self._known.values() if known.waiting is not None),
            tuple(self._passed_over.values()),
            (*self._faults.values(), *self._unreadable.values()),
            min([self._list_at, self._rest_at, *dues]),
        )

    def _is_new(self, path: Path) -> bool:
        """Return whether the path is neither of a listed entry nor in one."""
        return not any(one in self._known or one in self._passed_over for one in (path, *path.parents))

    def _list(self, inboxes: Iterable[Inbox | StrayInInbox | InboxFault], moment: Moment) -> None:
        began = self.cpu()
        before, self._known = self._known, {}
        self._passed_over, passed_over = {}, self._passed_over
        self._faults = {}
        self._holds = self.holds()
        self._unreadable = {path: one for path, one in self._unreadable.items() if os.path.lexists(path)}
        for inbox in inboxes:
            match inbox:
                case InboxFault():
                    self._faults[inbox.path] = inbox
                    # The drops of an inbox that is away are not forgotten.
                    self._known |= {path: one for path, one in before.items() if inbox.path in path.parents}
                case StrayInInbox():
                    self._passed_over[inbox.path] = inbox
                case Inbox():
                    self._list_one(inbox, before, moment)
        for path, one in self._passed_over.items():
            if (
                isinstance(one, PassedOver)
                and one.reason in {PassedOverFor.SENTINEL, PassedOverFor.SIDECAR}
                and path not in passed_over
            ):
                self._schedule_sentinels_drop(path, moment)
        cost = self.cpu() - began
        self._list_at = Moment(moment + max(self.listing, _AT_REST * cost))
        self._list_not_before = Moment(moment + _WHILE_CHANGING * cost)

    def _list_one(self, inbox: Inbox, before: dict[Path, _Known], moment: Moment) -> None:
        try:
            for entry in drops_in(inbox.path, inbox.terms):
                if isinstance(entry, PassedOver):
                    self._passed_over[entry.path] = entry
                else:
                    self._list_drop(inbox, entry, before.get(entry.path), moment)
        except UnavailableError as error:
            self._faults[inbox.path] = InboxFault(inbox.path, str(error))
            self._known |= {path: one for path, one in before.items() if inbox.path in path.parents}

    def _list_drop(self, inbox: Inbox, drop: Drop, known: _Known | None, moment: Moment) -> None:
        place = InboxPlace(inbox.collection, drop.groups, str(inbox.area.root))
        hold = hold_on(place, self._holds)
        if hold is not None:
            # It is not even examined: released, it counts as new.
            self._passed_over[drop.path] = PassedOver(drop.path, PassedOverFor.HELD, hold.sentence)
            return
        try:
            object_of(drop)
        except ValueError as error:
            sentence = f"{error}; give it another name"
            self._passed_over[drop.path] = PassedOver(drop.path, PassedOverFor.UNNAMEABLE, sentence)
            return
        mark = _mark(drop.path)
        if mark is None:
            return
        if known is None or known.inbox.terms is not inbox.terms:
            self._known[drop.path] = _Known(inbox, drop, mark, known.seen if known else None, due=moment)
        elif known.due is None and known.mark != mark:
            self._known[drop.path] = replace(known, due=moment)
        else:
            self._known[drop.path] = known

    def _schedule_sentinels_drop(self, sentinel: Path, moment: Moment) -> None:
        """Have the drop examined to which a new sentinel belongs."""
        for path, known in self._known.items():
            if path.parent == sentinel.parent and sentinel.name.startswith(f"{path.name}."):
                self._known[path] = replace(known, due=moment)

    def _schedule_touched(self, path: Path, moment: Moment) -> None:
        """Have a touched drop examined soon, so that its pauses and figures become known."""
        for place in (path, *path.parents):
            known = self._known.get(place)
            if known is not None:
                if known.seen is not None:
                    pause = max(_TOUCHED_SECONDS, _WHILE_CHANGING * self._cost())
                    due = Moment(max(moment, known.seen.looked + pause))
                    if known.due is None or due < known.due:
                        self._known[place] = replace(known, due=due)
                return

    def _schedule_all(self, moment: Moment) -> None:
        """Have every drop examined: a share does not notify of a change deep in one."""
        for path, known in self._known.items():
            if known.due is None:
                self._known[path] = replace(known, due=moment)
        self._rest_at = Moment(moment + max(self.listing, _AT_REST * self._cost()))

    def _cost(self) -> float:
        """Return how many seconds examining all drops takes."""
        return sum(known.cost for known in self._known.values())

    def _examine_due(self, moment: Moment) -> Iterator[CompleteDrop]:
        held: HeldOpen | None = None

        def held_open() -> HeldOpen:
            nonlocal held
            if held is None:
                held = self.held({known.mark[0] for known in self._known.values()})
            return held

        pace = self._cost()
        due = [path for path, known in self._known.items() if known.due is not None and known.due <= moment]
        for path in due:
            try:
                complete = self._examine(path, self._known[path], held_open, pace)
            except Exception as error:  # noqa: BLE001  the drops after it are examined in any case
                reason = reason_of(error) if isinstance(error, OSError) else fault_of(error)
                sentence = f"it cannot be examined ({reason}); let the service read it"
                self._unreadable[path] = InboxFault(path, sentence)
                # It is examined again with the next listing.
                self._known[path] = replace(self._known[path], due=Moment(moment + self.listing))
                continue
            self._unreadable.pop(path, None)
            if complete is not None:
                yield complete

    def _examine(
        self, path: Path, known: _Known, held: Callable[[], HeldOpen], pace: float
    ) -> CompleteDrop | None:
        began = self.cpu()
        mark = _mark(path)
        # A sweep may be long; the examination counts from its own beginning.
        looked = Moment(self.clock())
        found = judge(path, known.seen, known.inbox.terms, looked, held) if mark is not None else None
        if mark is None or found is None:
            del self._known[path]
            return None
        if isinstance(found, Settled):
            del self._known[path]
            return _complete(known, mark, found)
        cost = self.cpu() - began
        seen = found.seen
        # A drop unchanged for long waits for a person, not for time to pass.
        at_rest = seen.quiet > LONGEST_QUIET * known.inbox.terms.quiet
        pause = (_AT_REST if at_rest else _WHILE_CHANGING) * max(pace, cost)
        self._known[path] = replace(
            known,
            mark=mark,
            seen=seen,
            waiting=WaitingDrop(
                known.inbox.collection,
                printable(str(path)),
                seen.files,
                seen.bytes,
                found.reason.value,
                found.sentence,
            ),
            due=None if found.look_again is None else Moment(looked + max(found.look_again, pause)),
            cost=cost,
        )
        return None


def _complete(known: _Known, mark: tuple[int, ...], found: Settled) -> CompleteDrop:
    drop = known.drop
    return CompleteDrop(
        area=known.inbox.area,
        collection=known.inbox.collection,
        groups=drop.groups,
        name=drop.path.name,
        object_name=object_of(drop),
        identity=(mark[0], mark[1]),
        files=found.seen.files,
        bytes=found.seen.bytes,
        sentinels=tuple(sentinel.name for sentinel in found.sentinels),
    )


def _mark(path: Path) -> tuple[int, ...] | None:
    """Return values that change when an entry of the drop's own folder does; ``None``: it is gone."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
