"""Stations that watch one bucket inbox, and what is dropped into it, for tests of bucket inboxes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from support.inboxes import terms
from support.memory_drop_bucket import Contents, MemoryDropBucket
from support.takes import an_area, told_of

from flows.inboxes import answer
from flows.inboxes.bucket.answer import BucketAnswers
from flows.inboxes.bucket.claims import BucketClaims
from flows.inboxes.bucket.download import DownloadProgress
from flows.inboxes.bucket.fetch import Fetcher
from flows.inboxes.bucket.watcher import BucketWatcher, ListingResult, lacking_in_bucket
from flows.inboxes.queue.takes import Take
from preservation.errors import UnavailableError
from preservation.fixity.digesting import ByteStream
from preservation.model.issues import Issue
from preservation.model.paths import StoreKey
from preservation.model.verdicts import Verdict
from preservation.settling.settle import Moment
from preservation.settling.terms import SettlingTerms
from storage.ports.drop_buckets import DropBucket, DroppedObject

SCANS = "scans"
SHEET = "maps/sheet-012"
_LOOKS = 12
PAGES = {f"page {number}.tif": b"page %d" % number for number in range(3)}


def drop_into(contents: Contents, place: str, files: Mapping[str, bytes] | bytes) -> None:
    """Put a drop into the bucket as somebody else does: a folder of files, or one file."""
    named = {"": files} if isinstance(files, bytes) else {f"/{name}": one for name, one in files.items()}
    for name, one in named.items():
        contents.place(StoreKey(f"inbox/{place}{name}"), one)


def keys(contents: Contents, start: str = "") -> list[str]:
    """The keys that begin so."""
    return sorted(key for key in contents.objects if key.startswith(start))


def content(contents: Contents, key: str) -> bytes:
    return contents.objects[StoreKey(key)][1]


class WatchedBucket(MemoryDropBucket):
    """A bucket that says, before it does an act, that it will: ``before`` has what happens then."""

    def __init__(self, contents: Contents) -> None:
        super().__init__(SCANS, contents)
        self.before: dict[str, Callable[[str], None]] = {}

    def list(self, start: str) -> Iterator[DroppedObject]:
        self._happens("list", start)
        return super().list(start)

    def open(self, dropped: DroppedObject) -> AbstractContextManager[ByteStream]:
        self._happens("open", dropped.key)
        return super().open(dropped)

    def create(self, key: StoreKey, content: bytes) -> bool:
        self._happens("create", key)
        return super().create(key, content)

    def put(self, key: StoreKey, source: Path, media_type: str) -> None:
        self._happens("put", key)
        super().put(key, source, media_type)

    def copy(self, dropped: DroppedObject, key: StoreKey) -> bool:
        self._happens("copy", dropped.key)
        return super().copy(dropped, key)

    def remove(self, dropped: DroppedObject) -> bool:
        self._happens("remove", dropped.key)
        return super().remove(dropped)

    def _happens(self, act: str, key: str) -> None:
        self.before.get(act, lambda _: None)(key)


def away(_: str) -> None:
    """Be a bucket that does not answer."""
    raise UnavailableError("bucket inbox scans: it does not answer")


class Station:
    """One installation on a bucket: what its service does with the inbox, step by step."""

    def __init__(
        self, root: Path, bucket: DropBucket, name: str = "ours", asked: SettlingTerms | None = None
    ) -> None:
        self.area = an_area(root)
        self.bucket = bucket
        self.stopped = threading.Event()
        self.claims = BucketClaims(bucket, name)
        self.fetcher = Fetcher(bucket, self.claims, self.area, 4, self.stopped)
        self.answering = BucketAnswers(bucket, self.claims, 4, self.stopped)
        self.progress = DownloadProgress()
        asked = asked or terms("settle = 10")
        (root / "scratch").mkdir(exist_ok=True)
        self._watcher = BucketWatcher(
            bucket,
            self.claims,
            5,
            lambda collection: asked if collection == "maps" else "there is no such collection",
            lambda place: lacking_in_bucket(place, bucket, root / "scratch", self.stopped),
            lambda take: (self.area.taken / take).exists(),
            self.stopped,
            cpu=lambda: 0.0,
        )
        self._moment = 0.0
        self._receipts = root.with_name(f"{root.name}-receipts")

    def look(self, seconds: float = 5) -> ListingResult:
        """Look so long after the look before."""
        self._moment += seconds
        return self._watcher.look(Moment(self._moment), frozenset)

    def settled(self) -> ListingResult:
        """Look until something is complete, or nothing that keeps still could be."""
        for _ in range(_LOOKS):
            looked = self.look()
            if looked.complete:
                break
        return looked

    def taken(self) -> Take:
        """The take of the only drop that is complete."""
        [listed] = self.settled().complete
        take = self.fetcher.fetch(listed, self.progress)
        assert isinstance(take, Take), take
        return take

    def ended(self, take: Take, verdict: Verdict, *issues: Issue) -> None:
        """End the take's run so."""
        answer.place(told_of(take, verdict, self._receipts, issues=issues), take)

    def answered(self, take: Take, verdict: Verdict, *issues: Issue) -> None:
        """End the take's run so, and answer in the bucket."""
        self.ended(take, verdict, *issues)
        assert self.answering.answer(take)
