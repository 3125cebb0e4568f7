"""From a complete drop in a bucket to a take of ours: claimed, looked at once more, and brought here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from flows.inboxes.bucket.claims import BucketClaims
from flows.inboxes.bucket.download import DownloadProgress, bring, objects_of, sentinels_of, until_stopped
from flows.inboxes.bucket.keys import DropPlace
from flows.inboxes.bucket.listing import BucketListing, ListedDrop
from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.locks import locked_take
from flows.inboxes.queue.takes import Take, announce_take, new_take_id, remove_take, take_folders, take_of
from flows.installation.areas import Area
from flows.installation.disk_space import holding_room
from flows.installation.log import LOG
from flows.installation.processes import this_process
from flows.installation.wiring import now
from preservation.errors import SourceChangedError, StorageError, UnacceptableContentError
from preservation.model.digests import HexDigest
from preservation.records import Records
from preservation.settling.look import reason_of
from storage.ports.drop_buckets import DropBucket, DroppedObject


@dataclass(frozen=True, slots=True)
class NotFetched:
    """The drop stays in the bucket. ``sentence`` says why; it is empty where somebody else has it.

    ``for_good`` says that it will not be fetched as it is, however often that is tried.
    """

    sentence: str = ""
    for_good: bool = False


_CHANGED = "waiting: it became another while it was being taken"


class Fetcher:
    """Fetches drops of one bucket inbox into takes of ``area``, ``threads`` objects at a time."""

    def __init__(
        self, bucket: DropBucket, claims: BucketClaims, area: Area, threads: int, stopped: threading.Event
    ) -> None:
        self._bucket = bucket
        self._claims = claims
        self._area = area
        self._threads = threads
        self._stopped = stopped

    def fetch(self, listed: ListedDrop, progress: DownloadProgress) -> Take | NotFetched:
        """Claim a drop and bring it here. Of many who try to, at most one gets it.

        Raises ``StorageError`` where the bucket is away, and ``OSError`` where nothing can be noted here: the
        take stays, and is gone on with. Raises ``StoppedError``.
        """
        with ExitStack() as room:
            try:
                room.enter_context(holding_room(listed.look.bytes, self._area.taken, lambda: progress.bytes))
            except StorageError as error:
                return NotFetched(str(error))
            return self._claimed(listed, progress)

    def _claimed(self, listed: ListedDrop, progress: DownloadProgress) -> Take | NotFetched:
        take = self._new_take(listed)
        take.folder.mkdir(parents=True)
        with locked_take(take):
            # Not before it is ours alone: it would be taken for one that somebody was killed over.
            announce_take(take)
            if not self._claims.put(listed.place, take.id, take.at):
                remove_take(take.folder)
                return NotFetched()
            if not self._is_as_listed(take, listed):
                return self._given_back(take, NotFetched(_CHANGED))
            return self._brought(take, progress)

    def unfinished(self) -> Iterator[Take]:
        """Give the takes of this bucket inbox that have not their drop. Raises ``OSError``."""
        for folder in take_folders(self._area):
            take = take_of(folder, self._area)
            if take is None or take.bucket_inbox != self._bucket.name:
                continue
            if not take.has_drop and not is_answered(take):
                yield take

    def go_on(self, take: Take, progress: DownloadProgress) -> Take | NotFetched:
        """Go on with a take that somebody was killed over; give it back where it is not known to be ours.

        Raises as ``fetch`` does. Where somebody is at it now, nothing is done.
        """
        with locked_take(take, wait=False) as ours:
            if not ours or take.has_drop or is_answered(take):
                return NotFetched()
            if not objects_of(take).exist or not self._claims.hold(DropPlace.of(take), take.id):
                return self._given_back(take, NotFetched())
            with holding_room(take.bytes, self._area.taken, lambda: progress.bytes, required=False):
                return self._brought(take, progress)

    def _new_take(self, listed: ListedDrop) -> Take:
        at = now()
        return Take(
            id=new_take_id(at),
            area=self._area.root,
            collection=listed.place.collection,
            groups=listed.place.groups,
            name=listed.place.name,
            object_name=listed.object_name,
            by=this_process(),
            at=at,
            files=listed.look.files,
            bytes=listed.look.bytes,
            tree=HexDigest(""),
            bucket_inbox=self._bucket.name,
        )

    def _is_as_listed(self, take: Take, listed: ListedDrop) -> bool:
        """Note, once it is ours, what it consists of; say whether that is what was found complete."""
        listing = BucketListing(lambda _: listed.terms, self._bucket.longest_key)

        def counted(objects: Iterable[DroppedObject]) -> Iterator[DroppedObject]:
            for found in objects:
                listing.take(found)
                yield found

        place = listed.place
        beside = (self._bucket.find(place.beside(path.name)) for path in listed.look.sentinels_beside)
        sentinels_of(take).write(counted(found for found in beside if found is not None))
        alone = self._bucket.find(place.key)
        objects = chain([] if alone is None else [alone], self._bucket.list(f"{place.key}/"))
        so_far = Records(take.folder / "listed.jsonl", DroppedObject)
        so_far.write(counted(until_stopped(objects, self._stopped)))
        if listed not in listing.drops():
            return False
        so_far.path.rename(objects_of(take).path)
        return True

    def _brought(self, take: Take, progress: DownloadProgress) -> Take | NotFetched:
        try:
            return bring(take, self._bucket, self._threads, self._stopped, progress)
        except SourceChangedError:
            return self._given_back(take, NotFetched(_CHANGED))
        except UnacceptableContentError as error:
            return self._given_back(take, NotFetched(str(error), for_good=True))
        except OSError as error:
            sentence = (
                f"it cannot be brought here ({reason_of(error)}); see to the disk of {self._area.taken}"
            )
            return self._given_back(take, NotFetched(sentence))

    def _given_back(self, take: Take, reason: NotFetched) -> NotFetched:
        self._claims.give_back(DropPlace.of(take), take.id)
        if not remove_take(take.folder):
            LOG.warning("%s: could not be removed yet; nothing is lost by it", take.folder)
        return reason
