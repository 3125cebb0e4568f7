"""The answer in the bucket: as in a folder, the drop goes to its place, with its receipt beside it.

Each step is recorded in the take when it is done, so that another process can finish after a kill.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.answer import finish, receipt_in_take
from flows.inboxes.bucket.claims import BucketClaims
from flows.inboxes.bucket.download import (
    each,
    is_sidecar,
    local_path,
    objects_of,
    remove_sidecars,
    sentinels_of,
)
from flows.inboxes.bucket.keys import DropPlace
from flows.inboxes.bucket.rejections import forget_rejections, record_rejection
from flows.inboxes.drop_names import RECEIPTS, names_for
from flows.inboxes.queue.answers import Answer, AnswerPlace, is_answered, read_answer
from flows.inboxes.queue.locks import locked_take
from flows.inboxes.queue.takes import Take, remove_take
from flows.inboxes.shelf import Shelf
from flows.inboxes.waiting_receipt import put_marker, waiting_file, waiting_record
from flows.installation.log import LOG
from preservation.files.tree import remove_tree
from preservation.model.paths import StoreKey, printable
from preservation.records import Records
from storage.ports.drop_buckets import DropBucket, DroppedObject

_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
}


class _AnsweredAs(msgspec.Struct, frozen=True):
    """The name under which a drop is answered."""

    name: str


@dataclass(frozen=True, slots=True)
class BucketAnswers:
    """Answers the takes of one bucket inbox, ``threads`` objects at a time."""

    bucket: DropBucket
    claims: BucketClaims
    threads: int
    stopped: threading.Event

    def answer(self, take: Take) -> bool:
        """Finish a take whose answer was recorded; return whether all of it is done.

        A take that another process is answering now is left to it. Raises ``OSError``, ``StorageError``,
        ``StoppedError``, or ``IntegrityError`` where the answer cannot be read.
        """
        with locked_take(take, wait=False) as ours:
            if not ours or not is_answered(take):
                return False
            answer = read_answer(take)
            self._once(take, "answered", lambda: self._put_answer(take, answer))
            self._once(take, "shown no more", lambda: self._hide_waiting(take))
            self._once(take, "cleared", lambda: self._clear(take))
            if answer.place is AnswerPlace.REJECTED:
                _remove_local_copy(take)
            else:
                finish(take)
        self.claims.release(DropPlace.of(take), take.id)
        return True

    def show_waiting(self, take: Take) -> None:
        """Put the receipt of a drop that waits for a person into the bucket, or take it out again.

        Raises as ``answer`` does.
        """
        with locked_take(take, wait=False) as ours:
            if not ours or is_answered(take):
                return
            for shown in waiting_record(take).so_far:
                if shown.marks:
                    name = self._name_in(AnswerPlace.WAITING, take)
                    self._put_files(take, AnswerPlace.WAITING, name, waiting_file)
                else:
                    self._hide_waiting(take)
            put_marker(take).touch()
            Shelf(take.folder).sync()

    def _hide_waiting(self, take: Take) -> None:
        for shown in _name_record(AnswerPlace.WAITING, take).so_far:
            for ending in RECEIPTS:
                key = DropPlace.of(take).answer(AnswerPlace.WAITING, f"{shown.name}{ending}")
                found = self.bucket.find(key)
                if found is not None:
                    self.bucket.remove(found)

    def _once(self, take: Take, step: str, act: Callable[[], None]) -> None:
        done = take.folder / f"{step}.done"
        if not done.exists():
            act()
            done.touch()
            Shelf(take.folder).sync()

    def _put_answer(self, take: Take, answer: Answer) -> None:
        """Put the receipts into the bucket, and beside them the drop where it is sent back."""
        place = AnswerPlace.ACCEPTED if answer.place is AnswerPlace.ACCEPTED else AnswerPlace.REJECTED
        name = self._name_in(place, take)
        if answer.place is AnswerPlace.REJECTED:
            self._send_back(take, name)
        put = self._put_files(take, place, name, receipt_in_take)
        if answer.place is AnswerPlace.REJECTED:
            record_rejection(take, self.bucket, DropPlace.of(take).answer(place, name), put)
        elif answer.place is AnswerPlace.ACCEPTED:
            forget_rejections(take, self.bucket)

    def _put_files(
        self, take: Take, place: AnswerPlace, name: str, file_of: Callable[[Take, str], Path]
    ) -> list[StoreKey]:
        """Put the receipts of the take that are there; return their keys."""
        put = []
        for ending in RECEIPTS:
            receipt = file_of(take, ending)
            with suppress(FileNotFoundError):
                key = DropPlace.of(take).answer(place, f"{name}{ending}")
                self.bucket.put(key, receipt, _MEDIA_TYPES[receipt.suffix])
                put.append(key)
        return put

    def _name_in(self, place: AnswerPlace, take: Take) -> str:
        """Return a free name; it is recorded first, so that after a kill it is the same."""
        record = _name_record(place, take)
        for recorded in record.so_far:
            return recorded.name
        endings = (*RECEIPTS, *self._endings_of_sentinels(take))
        name = next(name for name in names_for(take.name) if self._is_free(place, take, name, endings))
        record.write([_AnsweredAs(name)])
        return name

    def _endings_of_sentinels(self, take: Take) -> list[str]:
        start = DropPlace.of(take).key
        return [sentinel.key.removeprefix(start) for sentinel in sentinels_of(take)]

    def _is_free(self, place: AnswerPlace, take: Take, name: str, endings: Iterable[str]) -> bool:
        """Return whether the name is free, and so are the names of what is put beside it."""
        return not any(self._has(DropPlace.of(take).answer(place, f"{name}{end}")) for end in ("", *endings))

    def _has(self, key: StoreKey) -> bool:
        return self.bucket.find(key) is not None or any(True for _ in self.bucket.list(f"{key}/"))

    def _send_back(self, take: Take, name: str) -> None:
        place = DropPlace.of(take)
        target = place.answer(AnswerPlace.REJECTED, name)

        def send(listed: tuple[DroppedObject, Path | None]) -> None:
            dropped, ours = listed
            key = StoreKey(f"{target}{dropped.key.removeprefix(place.key)}")
            if not self.bucket.copy(dropped, key) and ours is not None and not dropped.key.endswith("/"):
                # It was replaced meanwhile: what is sent back is what was judged.
                self.bucket.put(key, ours, "application/octet-stream")

        drop = ((one, local_path(take, one, take.shelf.path)) for one in objects_of(take))
        beside = (
            (one, local_path(take, one, take.beside.path) if is_sidecar(take, one) else None)
            for one in sentinels_of(take)
        )
        each(chain(drop, beside), send, self.threads, self.stopped)

    def _clear(self, take: Take) -> None:
        """Remove what was downloaded from the inbox; an object that replaced one is the next drop."""

        def remove(dropped: DroppedObject) -> None:
            if not self.bucket.remove(dropped):
                where = printable(self.bucket.location(dropped.key))
                LOG.info("%s: it was replaced after it was taken, and stays", where)

        each(chain(objects_of(take), sentinels_of(take)), remove, self.threads, self.stopped)


def _name_record(place: AnswerPlace, take: Take) -> Records[_AnsweredAs]:
    """Return the record in the take of the name that it has in that place."""
    file = "shown-as.json" if place is AnswerPlace.WAITING else "answered-as.json"
    return Records(take.folder / file, _AnsweredAs)


def _remove_local_copy(take: Take) -> None:
    """Remove the local copy of a drop that was sent back in the bucket. Raises ``OSError``."""
    with suppress(FileNotFoundError):
        remove_tree(take.path)
    remove_sidecars(take)
    if not remove_take(take.folder):
        LOG.warning("%s: could not be removed yet; nothing is lost", take.folder)
