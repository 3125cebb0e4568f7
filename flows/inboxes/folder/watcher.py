"""Looking through the inboxes, again and again, for no more than a hundredth of a core while all is at rest.

Three things are apart, for they cost differently. *Listing* an inbox shows what came and went, and by the
time of its folder whether something was put into a drop. *Looking* at a drop goes through all of its files:
that is done when time alone may have completed it, when it was touched, and now and then in any case, because
a network share tells nobody that something changed deep in a drop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from flows.inboxes.folder.inboxes import Inbox, InboxFault
from flows.inboxes.folder.take import CompleteDrop
from flows.installation.areas import StrayInInbox
from flows.submission.drop import object_of
from preservation.errors import UnavailableError
from preservation.model.identifiers import CollectionName
from preservation.settling.drops import Drop, PassedOver, PassedOverFor, drops_in
from preservation.settling.look import judge
from preservation.settling.settle import Moment, Seen, Settled, WaitingFor
from preservation.settling.terms import LONGEST_QUIET
from preservation.settling.writing import HeldOpen, held_for_writing

_AT_REST: Final = 400
"""Listing, and looking at what is at rest, are each left for so many times the time that they took."""

_WHILE_CHANGING: Final = 10
"""What is being written is looked at again after so many times what looking at everything takes."""

_TOUCHED_SECONDS: Final = 1.0
"""However often a drop is touched, it is looked at no more often."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A drop that is not complete: how much of it is there, and what it waits for."""

    path: Path
    collection: CollectionName
    files: int
    bytes: int
    reason: WaitingFor
    sentence: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found. ``again`` is when the next one is worth while, unless something is touched."""

    complete: tuple[CompleteDrop, ...]
    waiting: tuple[Waiting, ...]
    passed_over: tuple[PassedOver | StrayInInbox, ...]
    faults: tuple[InboxFault, ...]
    again: Moment


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a drop. ``due`` is when to look again; ``None``: when it changed."""

    inbox: Inbox
    drop: Drop
    mark: tuple[int, ...]
    seen: Seen | None = None
    waiting: Waiting | None = None
    due: Moment | None = None
    cost: float = 0.0


class Watcher:
    """Remembers what lies in the inboxes from one sweep to the next.

    ``listing`` is the number of seconds from one listing of the inboxes to the next where nothing is
    touched. ``clock`` is the monotonic one that moments are of, ``cpu`` the one of the time that we take.
    """

    def __init__(
        self,
        listing: float = 5.0,
        held: Callable[[Collection[int]], HeldOpen] = held_for_writing,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._listing_seconds = listing
        self._held = held
        self._clock = clock
        self._cpu = cpu
        self._known: dict[Path, _Known] = {}
        self._passed_over: dict[Path, PassedOver | StrayInInbox] = {}
        self._faults: dict[Path, InboxFault] = {}
        self._troubled: dict[Path, InboxFault] = {}
        self._touched: set[Path] = set()
        self._list_at = Moment(float("-inf"))
        self._list_not_before = Moment(float("-inf"))
        self._rest_at = Moment(float("-inf"))

    def touched(self, paths: Iterable[Path]) -> None:
        """Note that something changed at these paths, so that the next sweep looks there."""
        self._touched.update(paths)

    def sweep(
        self, inboxes: Callable[[], Iterable[Inbox | StrayInInbox | InboxFault]], moment: Moment
    ) -> Swept:
        """Look at what is to be looked at by ``moment``. Raises nothing; what ails an inbox is told.

        What is given as complete is forgotten: taken, it is gone, and else it is a new drop. ``inboxes`` is
        asked where the inboxes are listed.
        """
        touched, self._touched = self._touched, set()
        if any(self._is_new(path) for path in touched):
            self._list_at = min(self._list_at, self._list_not_before)
        if moment >= self._list_at:
            self._list(inboxes(), moment)
        for path in touched:
            self._note_touch(path, moment)
        if moment >= self._rest_at:
            self._look_at_all(moment)
        complete = tuple(self._look(moment))
        return Swept(
            complete,
            tuple(known.waiting for known in self._known.values() if known.waiting is not None),
            tuple(self._passed_over.values()),
            (*self._faults.values(), *self._troubled.values()),
            self._again(),
        )

    def _again(self) -> Moment:
        dues = [known.due for known in self._known.values() if known.due is not None]
        return min([self._list_at, self._rest_at, *dues])

    def _is_new(self, path: Path) -> bool:
        """Say whether the path is of nothing that was listed, nor in it."""
        return not any(one in self._known or one in self._passed_over for one in (path, *path.parents))

    def _list(self, inboxes: Iterable[Inbox | StrayInInbox | InboxFault], moment: Moment) -> None:
        began = self._cpu()
        before, self._known = self._known, {}
        self._passed_over, passed_over = {}, self._passed_over
        self._faults = {}
        self._troubled = {path: one for path, one in self._troubled.items() if os.path.lexists(path)}
        for inbox in inboxes:
            match inbox:
                case InboxFault():
                    self._faults[inbox.path] = inbox
                    # What is away for a while is not forgotten.
                    self._known |= {path: one for path, one in before.items() if inbox.path in path.parents}
                case StrayInInbox():
                    self._passed_over[inbox.path] = inbox
                case Inbox():
                    self._list_one(inbox, before, moment)
        for path, one in self._passed_over.items():
            if (
                isinstance(one, PassedOver)
                and one.reason is PassedOverFor.SENTINEL
                and path not in passed_over
            ):
                self._announce(path, moment)
        cost = self._cpu() - began
        self._list_at = Moment(moment + max(self._listing_seconds, _AT_REST * cost))
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

    def _announce(self, sentinel: Path, moment: Moment) -> None:
        """Have the drop looked at that a new sentinel beside it is about."""
        for path, known in self._known.items():
            if path.parent == sentinel.parent and sentinel.name.startswith(f"{path.name}."):
                self._known[path] = replace(known, due=moment)

    def _note_touch(self, path: Path, moment: Moment) -> None:
        """Have the drop looked at soon that was touched: its pauses become known, and its figures."""
        for place in (path, *path.parents):
            known = self._known.get(place)
            if known is not None:
                if known.seen is not None:
                    pause = max(_TOUCHED_SECONDS, _WHILE_CHANGING * self._cost())
                    due = Moment(max(moment, known.seen.looked + pause))
                    if known.due is None or due < known.due:
                        self._known[place] = replace(known, due=due)
                return

    def _look_at_all(self, moment: Moment) -> None:
        """Have every drop looked at: of a change deep in one on a share nobody tells."""
        for path, known in self._known.items():
            if known.due is None:
                self._known[path] = replace(known, due=moment)
        self._rest_at = Moment(moment + max(self._listing_seconds, _AT_REST * self._cost()))

    def _cost(self) -> float:
        """Return how many seconds looking at everything takes."""
        return sum(known.cost for known in self._known.values())

    def _look(self, moment: Moment) -> Iterator[CompleteDrop]:
        held: HeldOpen | None = None

        def asked() -> HeldOpen:
            nonlocal held
            if held is None:
                held = self._held({known.mark[0] for known in self._known.values()})
            return held

        pace = self._cost()
        due = [path for path, known in self._known.items() if known.due is not None and known.due <= moment]
        for path in due:
            try:
                complete = self._look_at(path, self._known[path], asked, pace)
            except OSError as error:
                self._note_trouble(path, error, moment)
                continue
            self._troubled.pop(path, None)
            if complete is not None:
                yield complete

    def _note_trouble(self, path: Path, error: OSError, moment: Moment) -> None:
        """Tell what ails one drop, and look at it again with the next listing."""
        sentence = f"it cannot be looked at ({error.strerror or error}); see that it can be read"
        self._troubled[path] = InboxFault(path, sentence)
        self._known[path] = replace(self._known[path], due=Moment(moment + self._listing_seconds))

    def _look_at(
        self, path: Path, known: _Known, held: Callable[[], HeldOpen], pace: float
    ) -> CompleteDrop | None:
        began = self._cpu()
        mark = _mark(path)
        # Sweeps may be long, and a look counts from when it was begun.
        looked = Moment(self._clock())
        found = judge(path, known.seen, known.inbox.terms, looked, held) if mark is not None else None
        if mark is None or found is None:
            del self._known[path]
            return None
        if isinstance(found, Settled):
            del self._known[path]
            return _complete(known, mark, found)
        cost = self._cpu() - began
        seen = found.seen
        # What has kept still for long is waiting for somebody, not for its time to come.
        at_rest = seen.quiet > LONGEST_QUIET * known.inbox.terms.quiet
        pause = (_AT_REST if at_rest else _WHILE_CHANGING) * max(pace, cost)
        self._known[path] = replace(
            known,
            mark=mark,
            seen=seen,
            waiting=Waiting(
                path, known.inbox.collection, seen.files, seen.bytes, found.reason, found.sentence
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
    """Return what changes when an entry comes to the drop's own folder or goes; ``None`` where it is gone."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
