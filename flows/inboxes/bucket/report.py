"""What is to be told of a bucket inbox now: what waits, is on its way, was refused, or fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from flows.inboxes.bucket.download import DownloadProgress
from flows.inboxes.bucket.fetch import NotFetched
from flows.inboxes.bucket.keys import DropPlace
from flows.inboxes.bucket.listing import ListedDrop
from flows.inboxes.bucket.watcher import Looked
from flows.inboxes.queue.takes import Take
from flows.inboxes.report import BucketNews, PassedOverEntry, WaitingDrop
from flows.installation.log import LOG
from preservation.model.amounts import byte_size
from preservation.model.paths import StoreKey, printable
from preservation.settling.tally import TreeSignature
from storage.ports.drop_buckets import DropBucket

_FETCHING = "fetching"


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    """A drop to be fetched, or being fetched: how much it is, and how much of it is here."""

    files: int
    bytes: int
    progress: DownloadProgress


class BucketReport:
    """Kept by the threads of one bucket inbox. ``changed`` is called when there is something new in it."""

    def __init__(self, bucket: DropBucket, changed: Callable[[], None]) -> None:
        self._bucket = bucket
        self._changed = changed
        self._turn = threading.Lock()
        self._found = BucketNews()
        self._in_hand: dict[DropPlace, _OnItsWay] = {}
        self._refused: dict[DropPlace, tuple[TreeSignature, NotFetched]] = {}
        self._faults: dict[str, str] = {}

    @property
    def news(self) -> BucketNews:
        """All of it."""
        with self._turn:
            fetched = tuple(self._told(place, coming) for place, coming in self._in_hand.items())
            refused = tuple(
                PassedOverEntry(self.where(place.key), reason.sentence)
                for place, (_, reason) in self._refused.items()
            )
            faults = tuple(PassedOverEntry(where, sentence) for where, sentence in self._faults.items())
            return replace(self._found, waiting=(*self._found.waiting, *fetched), faults=(*faults, *refused))

    def where(self, key: StoreKey) -> str:
        """Return where in the bucket that is, for people."""
        return printable(self._bucket.location(key))

    def places_in_hand(self) -> set[DropPlace]:
        """Return which drops are to be fetched, or being fetched."""
        with self._turn:
            return set(self._in_hand)

    def note_look(self, looked: Looked) -> list[tuple[ListedDrop, DownloadProgress]]:
        """Note what a look found; return what is to be fetched now, which is in hand from then on."""
        with self._turn:
            self._found = looked.news
            self._refused = {place: one for place, one in self._refused.items() if place in looked.there}
            wanted = [
                (listed, DownloadProgress()) for listed in looked.complete if not self._is_hopeless(listed)
            ]
            for listed, progress in wanted:
                self._refused.pop(listed.place, None)
                self._in_hand[listed.place] = _OnItsWay(listed.look.files, listed.look.bytes, progress)
        self._changed()
        return wanted

    def note_resumed(self, take: Take) -> DownloadProgress | None:
        """Note that the fetching of a take is gone on with; ``None`` where its drop is in hand already."""
        place = DropPlace.of(take)
        with self._turn:
            if place in self._in_hand:
                return None
            progress = DownloadProgress()
            self._in_hand[place] = _OnItsWay(take.files, take.bytes, progress)
        self._changed()
        return progress

    def note_interrupted(self, take: Take) -> None:
        """Note that a take is not gone on with any more, for now."""
        with self._turn:
            self._in_hand.pop(DropPlace.of(take), None)
        self._changed()

    def note_brought(self, place: DropPlace) -> None:
        """Note that a drop is here."""
        with self._turn:
            self._in_hand.pop(place, None)
            self._refused.pop(place, None)
        self._changed()

    def note_refused(self, listed: ListedDrop, reason: NotFetched) -> None:
        """Note that a drop stays in the bucket."""
        with self._turn:
            self._in_hand.pop(listed.place, None)
            if reason.sentence:
                LOG.warning("%s: %s", self.where(listed.place.key), reason.sentence)
                self._refused[listed.place] = listed.look.signature, reason
        self._changed()

    def tell(self, where: str, sentence: str) -> None:
        """Tell what fails there until it is told again: with an empty ``sentence`` it fails no more."""
        with self._turn:
            before = self._faults.get(where, "")
            if sentence:
                self._faults[where] = sentence
            else:
                self._faults.pop(where, None)
        if sentence != before:
            LOG.warning("%s: %s", where, sentence or "it is well again")
            self._changed()

    def _is_hopeless(self, listed: ListedDrop) -> bool:
        """Say whether it was refused for good as it is."""
        signature, reason = self._refused.get(listed.place, (None, NotFetched()))
        return reason.for_good and signature == listed.look.signature

    def _told(self, place: DropPlace, coming: _OnItsWay) -> WaitingDrop:
        progress = coming.progress
        sentence = (
            f"being fetched: {progress.files:,} of {coming.files:,} files, {byte_size(progress.bytes)} of "
            f"{byte_size(coming.bytes)} are here"
        )
        return WaitingDrop(
            place.collection, self.where(place.key), coming.files, coming.bytes, _FETCHING, sentence
        )
