"""The watcher of one bucket inbox: each listing is one examination of every drop in it."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from flows.inboxes.bucket.claims import BucketClaim, BucketClaims, claim_sentence
from flows.inboxes.bucket.download import StoppedError, copy_object, until_stopped
from flows.inboxes.bucket.keys import INBOX, DropPlace
from flows.inboxes.bucket.listing import BucketListing, ListedDrop, TermsOf
from flows.inboxes.queue.takes import TakeId
from flows.inboxes.report import MOST_NAMED, InboxStatus, PassedOverEntry, WaitingDrop
from flows.installation.disk_space import require_room_for_drop
from flows.installation.scratch import scratch_folder
from preservation.bagit.declaration import BAGIT_TXT, Declaration
from preservation.errors import UnacceptableContentError, fault_of
from preservation.files.tree import make_folders
from preservation.manifests.lines import MANIFEST_BYTES
from preservation.manifests.names import likelihood
from preservation.model.amounts import byte_size
from preservation.model.paths import RelativePath, StoreKey, printable
from preservation.settling.drops import PassedOver, PassedOverFor
from preservation.settling.look import reason_of
from preservation.settling.promised import what_is_lacking
from preservation.settling.settle import Moment, Questions, Seen, Settled, Unsettled, settle
from storage.ports.drop_buckets import DropBucket

_OF_A_BAG: Final = frozenset({BAGIT_TXT, Declaration().metadata_file})


def lacking_in_bucket(place: DropPlace, bucket: DropBucket, scratch: Path, stopped: threading.Event) -> str:
    """Return what the folder at ``place`` still waits for: see ``what_is_lacking``.

    An image of it is made below ``scratch``: every file is there with its size, and only manifests have
    their content. Raises ``OSError`` or ``StorageError`` where the image cannot be made,
    ``UnacceptableContentError`` where a file has the name of a manifest and is too large for one, and
    ``StoppedError``.
    """
    with scratch_folder(scratch, "promises") as folder:
        image = folder / place.name
        image.mkdir()
        for found in until_stopped(bucket.list(f"{place.key}/"), stopped):
            below = found.key.removeprefix(f"{place.key}/")
            target = image / below
            if not below or below.endswith("/"):
                make_folders(target)
                continue
            make_folders(target.parent)
            if below in _OF_A_BAG or likelihood(RelativePath(target.name)) is not None:
                if found.size > MANIFEST_BYTES:
                    raise UnacceptableContentError(
                        f"{printable(below)} has the name of a manifest, and is larger "
                        f"({byte_size(found.size)}) "
                        f"than one may be ({byte_size(MANIFEST_BYTES)}); give it another name"
                    )
                require_room_for_drop(found.size, folder)
                copy_object(bucket, found, target, stopped)
            else:
                with target.open("xb") as file:
                    # A sparse file takes no room.
                    file.truncate(found.size)
        return what_is_lacking(image)


_AT_REST: Final = 100
"""The pause after a listing is so many times its cost, where no drop is about to be complete."""

_WHILE_CHANGING: Final = 10
_LONGEST_PAUSE: Final = 600.0
"""A drop among very many others is noticed within ten minutes, whatever the listing costs."""

_TAKEN_ELSEWHERE: Final = "claimed"


def _nothing_is_held(_: DropPlace) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class ListingResult:
    """What a listing found. ``there`` are all drops in it; ``again`` is when the next one is due.

    ``passed_over`` are all entries that are no drops, with their paths below ``inbox/``.
    """

    complete: tuple[ListedDrop, ...]
    there: frozenset[DropPlace]
    passed_over: tuple[PassedOver, ...]
    status: InboxStatus
    again: Moment


@dataclass(slots=True)
class BucketWatcher:
    """Remembers what lies in a bucket inbox from one listing to the next.

    ``poll`` is the least number of seconds from one to the next. ``lacking`` returns what the manifests of
    the folder at a place lack, ``has_take`` whether a take of ours exists. ``cpu`` is the clock of the CPU
    time that is used. ``held`` returns why the drop at a place is held, or ``""``.
    """

    bucket: DropBucket
    claims: BucketClaims
    poll: float
    terms_of: TermsOf
    lacking: Callable[[DropPlace], str]
    has_take: Callable[[TakeId], bool]
    stopped: threading.Event
    cpu: Callable[[], float] = time.thread_time
    held: Callable[[DropPlace], str] = _nothing_is_held
    _seen: dict[DropPlace, Seen] = field(default_factory=dict, init=False)

    def look(self, moment: Moment, being_fetched: Callable[[], Collection[DropPlace]]) -> ListingResult:
        """List the bucket at ``moment`` and return what is complete.

        Drops that are claimed elsewhere or ``being_fetched``, which is called after the listing, are left
        out. A complete drop is forgotten: either it is taken, or it counts as new. Raises ``StorageError``,
        and ``StoppedError`` once that is asked for.
        """
        began = self.cpu()
        # Claims first: an answered drop is removed from the inbox before its claim is.
        claimed = self.claims.list(self.stopped)
        self.claims.remove_stale(self.has_take, moment)
        listing = BucketListing(self.terms_of, self.bucket.longest_key)
        for found in until_stopped(self.bucket.list(INBOX), self.stopped):
            listing.take(found)
        ours = being_fetched()
        before, self._seen = self._seen, {}
        complete: list[ListedDrop] = []
        waiting: list[WaitingDrop] = []
        passed_over: list[PassedOver] = []
        there: set[DropPlace] = set()
        changing = False
        for entry in listing.drops():
            if isinstance(entry, PassedOver):
                passed_over.append(entry)
                continue
            there.add(entry.place)
            if entry.place.claim in claimed:
                waiting += self._claimed(entry, claimed[entry.place.claim])
            elif entry.place not in ours:
                if held := self.held(entry.place):
                    below = Path(entry.place.key.removeprefix(INBOX))
                    passed_over.append(PassedOver(below, PassedOverFor.HELD, held))
                    continue
                examined = self._examine(entry, before.get(entry.place), moment)
                if isinstance(examined, Settled):
                    complete.append(entry)
                    continue
                self._seen[entry.place] = examined.seen
                changing = changing or examined.look_again is not None
                waiting.append(self._waiting(entry, examined.reason.value, examined.sentence))
        cost = self.cpu() - began
        pause = min((_WHILE_CHANGING if changing else _AT_REST) * cost, _LONGEST_PAUSE)
        named = tuple(map(self._passed_over, passed_over[:MOST_NAMED]))
        return ListingResult(
            tuple(complete),
            frozenset(there),
            tuple(passed_over),
            InboxStatus(tuple(waiting), named),
            Moment(moment + max(self.poll, pause)),
        )

    def _examine(self, listed: ListedDrop, seen: Seen | None, moment: Moment) -> Settled | Unsettled:
        # An object of a bucket appears only when all of it is there; its writers are not known.
        questions = Questions(lacking=lambda: self.lacking(listed.place), held=lambda: None)
        try:
            return settle(seen, listed.look, listed.terms, moment, questions)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  the drops after it are examined in any case
            # Its manifests could not be read, so the examination is incomplete and is made again.
            fault = reason_of(error) if isinstance(error, OSError) else fault_of(error)
            return settle(seen, replace(listed.look, fault=fault), listed.terms, moment, questions)

    def _claimed(self, listed: ListedDrop, claim: BucketClaim | None) -> list[WaitingDrop]:
        """Return the entry of a drop that another installation works on; none for our own."""
        if self.claims.is_ours(claim):
            return []
        return [self._waiting(listed, _TAKEN_ELSEWHERE, claim_sentence(claim))]

    def _passed_over(self, entry: PassedOver) -> PassedOverEntry:
        where = printable(self.bucket.location(StoreKey(f"{INBOX}{entry.path}")))
        return PassedOverEntry(where, entry.sentence)

    def _waiting(self, listed: ListedDrop, reason: str, sentence: str) -> WaitingDrop:
        where = printable(self.bucket.location(listed.place.key))
        look = listed.look
        return WaitingDrop(listed.place.collection, where, look.files, look.bytes, reason, sentence)
