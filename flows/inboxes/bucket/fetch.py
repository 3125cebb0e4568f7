"""Fetching a complete drop from a bucket into a take: it is claimed, listed once more, and downloaded."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from flows.inboxes.bucket.claims import BucketClaims
from flows.inboxes.bucket.download import (
    DownloadProgress,
    download,
    objects_of,
    remove_sidecars,
    sentinels_of,
    until_stopped,
)
from flows.inboxes.bucket.keys import DropPlace
from flows.inboxes.bucket.listing import BucketListing, ListedDrop
from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.locks import locked_take
from flows.inboxes.queue.takes import Take, announce_take, new_take_id, remove_take, take_folders, take_of
from flows.installation.areas import Area
from flows.installation.disk_space import reserve_space
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
    """The drop stays in the bucket. ``sentence`` says why; it is empty where another installation has it.

    ``for_good`` means that it cannot be fetched as it is, however often that is tried.
    """

    sentence: str = ""
    for_good: bool = False


_CHANGED = "waiting: it was replaced while it was being taken"


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches drops of one bucket inbox into takes of ``area``, ``threads`` objects at a time."""

    bucket: DropBucket
    claims: BucketClaims
    area: Area
    threads: int
    stopped: threading.Event

    def fetch(self, listed: ListedDrop, progress: DownloadProgress) -> Take | NotFetched:
        """Claim a drop and download it. Of several installations that try, at most one gets it.

        Raises ``StorageError`` where the bucket is away and ``OSError`` where the take cannot be written: the
        take then stays, to be resumed. Raises ``StoppedError``.
        """
        with ExitStack() as room:
            try:
                room.enter_context(reserve_space(listed.look.bytes, self.area.taken, lambda: progress.bytes))
            except StorageError as error:
                return NotFetched(str(error))
            return self._claim(listed, progress)

    def _claim(self, listed: ListedDrop, progress: DownloadProgress) -> Take | NotFetched:
        take = self._new_take(listed)
        take.folder.mkdir(parents=True)
        with locked_take(take):
            # Announced only under its lock: else it would be mistaken for one left by a kill.
            announce_take(take)
            if not self.claims.put(listed.place, take.id, take.at):
                remove_take(take.folder)
                return NotFetched()
            if not self._is_as_listed(take, listed):
                return self._give_up(take, NotFetched(_CHANGED))
            return self._download(take, progress)

    def unfinished(self) -> Iterator[Take]:
        """Yield the takes of this bucket inbox that do not have their drop. Raises ``OSError``."""
        for folder in take_folders(self.area):
            take = take_of(folder, self.area)
            if take is None or take.bucket_inbox != self.bucket.name:
                continue
            if not take.has_drop and not is_answered(take):
                yield take

    def resume(self, take: Take, progress: DownloadProgress) -> Take | NotFetched:
        """Resume a take after a kill; give it up where it is not known to be claimed by us.

        Raises as ``fetch`` does. Where another process works on it now, nothing is done.
        """
        with locked_take(take, wait=False) as ours:
            if not ours or take.has_drop or is_answered(take):
                return NotFetched()
            if not objects_of(take).exist or not self.claims.hold(DropPlace.of(take), take.id):
                return self._give_up(take, NotFetched())
            with reserve_space(take.bytes, self.area.taken, lambda: progress.bytes, required=False):
                return self._download(take, progress)

    def _new_take(self, listed: ListedDrop) -> Take:
        at = now()
        return Take(
            id=new_take_id(at),
            area=self.area.root,
            collection=listed.place.collection,
            groups=listed.place.groups,
            name=listed.place.name,
            object_name=listed.object_name,
            by=this_process(),
            at=at,
            files=listed.look.files,
            bytes=listed.look.bytes,
            tree=HexDigest(""),
            bucket_inbox=self.bucket.name,
        )

    def _is_as_listed(self, take: Take, listed: ListedDrop) -> bool:
        """Record the objects of the claimed drop; return whether they are what was found complete."""
        listing = BucketListing(lambda _: listed.terms, self.bucket.longest_key)

        def counted(objects: Iterable[DroppedObject]) -> Iterator[DroppedObject]:
            for found in objects:
                listing.take(found)
                yield found

        place = listed.place
        names = (*listed.look.sentinels_beside, *listed.look.sidecars_beside)
        beside = (self.bucket.find(place.beside(path.name)) for path in names)
        sentinels_of(take).write(counted(found for found in beside if found is not None))
        alone = self.bucket.find(place.key)
        objects = chain([] if alone is None else [alone], self.bucket.list(f"{place.key}/"))
        so_far = Records(take.folder / "listed.jsonl", DroppedObject)
        so_far.write(counted(until_stopped(objects, self.stopped)))
        if listed not in listing.drops():
            return False
        so_far.path.rename(objects_of(take).path)
        return True

    def _download(self, take: Take, progress: DownloadProgress) -> Take | NotFetched:
        try:
            return download(take, self.bucket, self.threads, self.stopped, progress)
        except SourceChangedError:
            return self._give_up(take, NotFetched(_CHANGED))
        except UnacceptableContentError as error:
            return self._give_up(take, NotFetched(str(error), for_good=True))
        except OSError as error:
            sentence = f"it cannot be downloaded ({reason_of(error)}); check the disk of {self.area.taken}"
            return self._give_up(take, NotFetched(sentence))

    def _give_up(self, take: Take, reason: NotFetched) -> NotFetched:
        self.claims.release(DropPlace.of(take), take.id)
        remove_sidecars(take)
        if not remove_take(take.folder):
            LOG.warning("%s: could not be removed yet; nothing is lost", take.folder)
        return reason
