"""The status of a bucket inbox: what waits, is being fetched, was refused, or fails."""

import threading
from collections.abc import Callable
from dataclasses import replace

from flows.inboxes.bucket.download import DownloadProgress
from flows.inboxes.bucket.fetch import NotFetched
from flows.inboxes.bucket.keys import DropPlace
from flows.inboxes.bucket.listing import ListedDrop
from flows.inboxes.bucket.watcher import ListingResult
from flows.inboxes.queue.takes import Take
from flows.inboxes.report import InboxStatus, PassedOverEntry, WaitingDrop
from flows.installation.log import LOG
from preservation.model.amounts import byte_size
from preservation.model.paths import StoreKey, printable
from preservation.settling.tally import TreeSignature
from storage.ports.drop_buckets import DropBucket

_FETCHING = "fetching"


class BucketReport:
    """Kept by the threads of one bucket inbox. ``changed`` is called when the status has changed."""

    def __init__(self, bucket: DropBucket, changed: Callable[[], None]) -> None:
        self._bucket = bucket
        self._changed = changed
        self._lock = threading.Lock()
        self._found = InboxStatus()
        self._downloads: dict[DropPlace, DownloadProgress] = {}
        self._refused: dict[DropPlace, tuple[TreeSignature, NotFetched]] = {}
        self._faults: dict[str, str] = {}

    @property
    def status(self) -> InboxStatus:
        """What is to be reported now."""
        with self._lock:
            fetched = tuple(self._waiting_entry(place, coming) for place, coming in self._downloads.items())
            refused = tuple(
                PassedOverEntry(self.where(place.key), reason.sentence)
                for place, (_, reason) in self._refused.items()
            )
            faults = tuple(PassedOverEntry(where, sentence) for where, sentence in self._faults.items())
            return replace(self._found, waiting=(*self._found.waiting, *fetched), faults=(*faults, *refused))

    def where(self, key: StoreKey) -> str:
        """Return the printable location of a key."""
        return printable(self._bucket.location(key))

    def places_being_fetched(self) -> set[DropPlace]:
        """Return the places of the drops that are to be fetched or being fetched."""
        with self._lock:
            return set(self._downloads)

    def record_listing(self, looked: ListingResult) -> list[tuple[ListedDrop, DownloadProgress]]:
        """Record what a listing found; return the drops that are to be fetched now."""
        with self._lock:
            self._found = looked.status
            self._refused = {place: one for place, one in self._refused.items() if place in looked.there}
            wanted = [
                (listed, DownloadProgress(listed.look.files, listed.look.bytes))
                for listed in looked.complete
                if not self._is_hopeless(listed)
            ]
            for listed, progress in wanted:
                self._refused.pop(listed.place, None)
                self._downloads[listed.place] = progress
        self._changed()
        return wanted

    def record_resumed(self, take: Take) -> DownloadProgress | None:
        """Record that a take is resumed; ``None`` where its drop is being fetched already."""
        place = DropPlace.of(take)
        with self._lock:
            if place in self._downloads:
                return None
            progress = self._downloads[place] = DownloadProgress(take.files, take.bytes)
        self._changed()
        return progress

    def record_interrupted(self, take: Take) -> None:
        """Record that a take is not being fetched any more, for now."""
        with self._lock:
            self._downloads.pop(DropPlace.of(take), None)
        self._changed()

    def record_fetched(self, place: DropPlace) -> None:
        """Record that a drop was fetched."""
        with self._lock:
            self._downloads.pop(place, None)
            self._refused.pop(place, None)
        self._changed()

    def record_refused(self, listed: ListedDrop, reason: NotFetched) -> None:
        """Record that a drop stays in the bucket."""
        with self._lock:
            self._downloads.pop(listed.place, None)
            if reason.sentence:
                LOG.warning("%s: %s", self.where(listed.place.key), reason.sentence)
                self._refused[listed.place] = listed.look.signature, reason
        self._changed()

    def report_fault(self, where: str, sentence: str) -> None:
        """Record and log the fault at ``where``; an empty ``sentence`` means that there is none any more."""
        with self._lock:
            before = self._faults.get(where, "")
            if sentence:
                self._faults[where] = sentence
            else:
                self._faults.pop(where, None)
        if sentence != before:
            LOG.warning("%s: %s", where, sentence or "it works again")
            self._changed()

    def _is_hopeless(self, listed: ListedDrop) -> bool:
        """Return whether the drop was refused for good as it is."""
        signature, reason = self._refused.get(listed.place, (None, NotFetched()))
        return reason.for_good and signature == listed.look.signature

    def _waiting_entry(self, place: DropPlace, coming: DownloadProgress) -> WaitingDrop:
        sentence = (
            f"being fetched: {coming.files:,} of {coming.of_files:,} files, {byte_size(coming.bytes)} of "
            f"{byte_size(coming.of_bytes)} are here"
        )
        where = self.where(place.key)
        return WaitingDrop(place.collection, where, coming.of_files, coming.of_bytes, _FETCHING, sentence)
