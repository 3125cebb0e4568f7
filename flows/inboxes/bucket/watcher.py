"""Looking through one bucket inbox, again and again: each listing is one look at every drop in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from flows.inboxes.bucket.claims import BucketClaim, BucketClaims, told_of
from flows.inboxes.bucket.download import copy_object, until_stopped
from flows.inboxes.bucket.keys import INBOX, DropPlace
from flows.inboxes.bucket.listing import BucketListing, ListedDrop, TermsOf
from flows.inboxes.queue.takes import TakeId
from flows.inboxes.report import BucketNews, PassedOverEntry, WaitingDrop
from flows.installation.disk_space import require_room_for_drop
from flows.installation.scratch import scratch_folder
from preservation.bagit.declaration import BAGIT_TXT, Declaration
from preservation.errors import PreservationError, UnacceptableContentError
from preservation.manifests.lines import MANIFEST_BYTES
from preservation.manifests.names import likelihood
from preservation.model.amounts import byte_size
from preservation.model.paths import RelativePath, StoreKey, printable
from preservation.settling.drops import PassedOver
from preservation.settling.look import reason_of
from preservation.settling.promised import what_is_lacking
from preservation.settling.settle import Moment, Questions, Seen, Settled, Unsettled, settle
from storage.ports.drop_buckets import DropBucket

_OF_A_BAG: Final = frozenset({BAGIT_TXT, Declaration().metadata_file})


def what_a_bucket_lacks(place: DropPlace, bucket: DropBucket, scratch: Path, stopped: threading.Event) -> str:
    """Say what the folder at ``place`` still waits for: see ``what_is_lacking``.

    A likeness of it is made below ``scratch``: every file is there with its size, and only manifests have
    their content. Raises ``OSError`` or ``StorageError`` where it cannot be made,
    ``UnacceptableContentError`` where something is called a manifest that is too large for one, and
    ``StoppedError``.
    """
    with scratch_folder(scratch, "promises") as folder:
        likeness = folder / place.name
        likeness.mkdir()
        for found in until_stopped(bucket.list(f"{place.key}/"), stopped):
            below = found.key.removeprefix(f"{place.key}/")
            target = likeness / below
            if not below or below.endswith("/"):
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if below in _OF_A_BAG or likelihood(RelativePath(target.name)) is not None:
                if found.size > MANIFEST_BYTES:
                    raise UnacceptableContentError(
                        f"{printable(below)} is called as a manifest is, and is larger "
                        f"({byte_size(found.size)}) "
                        f"than one may be ({byte_size(MANIFEST_BYTES)}); give it another name"
                    )
                require_room_for_drop(found.size, folder)
                copy_object(bucket, found, target, stopped)
            else:
                with target.open("xb") as file:
                    # It takes no room: there is nothing in it.
                    file.truncate(found.size)
        return what_is_lacking(likeness)


_AT_REST: Final = 100
"""The pause after a listing is so many times what it cost, where time alone completes nothing."""

_WHILE_CHANGING: Final = 10
_LONGEST_PAUSE: Final = 600.0
"""A drop that comes to very many others is noticed within ten minutes, whatever the listing costs."""

_MOST_NAMED: Final = 200
_TAKEN_ELSEWHERE: Final = "claimed"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a listing showed. ``there`` are all drops in it; ``again`` is when the next one is worth while."""

    complete: tuple[ListedDrop, ...]
    there: frozenset[DropPlace]
    news: BucketNews
    again: Moment


class BucketWatcher:
    """Remembers what lies in a bucket inbox from one listing to the next.

    ``poll`` is the number of seconds from one to the next at the least. ``lacking`` says what the manifests
    of the folder at a place lack, ``has_take`` whether a take of ours is there. ``cpu`` is the clock of the
    time that we take.
    """

    def __init__(
        self,
        bucket: DropBucket,
        claims: BucketClaims,
        poll: float,
        terms_of: TermsOf,
        lacking: Callable[[DropPlace], str],
        has_take: Callable[[TakeId], bool],
        stopped: threading.Event,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._bucket = bucket
        self._claims = claims
        self._poll = poll
        self._terms_of = terms_of
        self._lacking = lacking
        self._has_take = has_take
        self._stopped = stopped
        self._cpu = cpu
        self._seen: dict[DropPlace, Seen] = {}

    def look(self, moment: Moment, in_hand: Callable[[], Collection[DropPlace]]) -> Looked:
        """List the bucket, which is begun at ``moment``, and say what is complete.

        Raises ``StorageError``, and ``StoppedError`` once that is asked for.

        What is ``in_hand`` already, here or elsewhere, is left out; it is asked for after the listing. What
        is given as complete is forgotten: taken, it is gone, and else it is a new drop.
        """
        began = self._cpu()
        # Claims first: what is answered is removed from the inbox before its claim is.
        claimed = self._claims.list(self._stopped)
        self._claims.remove_left(self._has_take, moment)
        listing = BucketListing(self._terms_of, self._bucket.longest_key)
        for found in until_stopped(self._bucket.list(INBOX), self._stopped):
            listing.take(found)
        ours = in_hand()
        before, self._seen = self._seen, {}
        complete: list[ListedDrop] = []
        waiting: list[WaitingDrop] = []
        passed_over: list[PassedOverEntry] = []
        there: set[DropPlace] = set()
        changing = False
        for entry in listing.drops():
            if isinstance(entry, PassedOver):
                where = printable(self._bucket.location(StoreKey(f"{INBOX}{entry.path}")))
                passed_over.append(PassedOverEntry(where, entry.sentence))
                continue
            there.add(entry.place)
            if entry.place.claim in claimed:
                waiting += self._held(entry, claimed[entry.place.claim])
            elif entry.place not in ours:
                standing = self._standing(entry, before.get(entry.place), moment)
                if isinstance(standing, Settled):
                    complete.append(entry)
                    continue
                self._seen[entry.place] = standing.seen
                changing = changing or standing.look_again is not None
                waiting.append(self._told(entry, standing.reason.value, standing.sentence))
        cost = self._cpu() - began
        pause = min((_WHILE_CHANGING if changing else _AT_REST) * cost, _LONGEST_PAUSE)
        news = BucketNews(tuple(waiting), tuple(passed_over[:_MOST_NAMED]))
        return Looked(tuple(complete), frozenset(there), news, Moment(moment + max(self._poll, pause)))

    def _standing(self, listed: ListedDrop, seen: Seen | None, moment: Moment) -> Settled | Unsettled:
        # Nobody knows who writes to a bucket: an object is there when all of it is.
        questions = Questions(lacking=lambda: self._lacking(listed.place), held=lambda: None)
        try:
            return settle(seen, listed.look, listed.terms, moment, questions)
        except (OSError, PreservationError) as error:
            # Its manifests could not be read: the look was not a whole one, and is made again.
            fault = reason_of(error) if isinstance(error, OSError) else str(error)
            return settle(seen, replace(listed.look, fault=fault), listed.terms, moment, questions)

    def _held(self, listed: ListedDrop, claim: BucketClaim | None) -> list[WaitingDrop]:
        """Tell of a drop that others have in hand; what we have is told of as our own work is."""
        if self._claims.is_ours(claim):
            return []
        return [self._told(listed, _TAKEN_ELSEWHERE, told_of(claim))]

    def _told(self, listed: ListedDrop, reason: str, sentence: str) -> WaitingDrop:
        where = printable(self._bucket.location(listed.place.key))
        look = listed.look
        return WaitingDrop(listed.place.collection, where, look.files, look.bytes, reason, sentence)
