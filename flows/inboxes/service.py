"""Watching: sweep, take what is complete, say what waits; sleep until something is touched or due."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from flows.inboxes.bucket.service import BucketInbox, forsaken
from flows.inboxes.folder.inboxes import InboxFault, inboxes_of
from flows.inboxes.folder.notify import Notifier
from flows.inboxes.folder.take import CompleteDrop, NotTaken, take
from flows.inboxes.folder.watcher import Swept, Watcher
from flows.inboxes.queue.takes import Take
from flows.inboxes.recover import recover
from flows.inboxes.report import Publisher
from flows.installation.log import LOG
from flows.installation.settings import BucketInboxSettings, Settings
from flows.installation.wiring import now, open_bucket_inbox
from preservation.errors import PreservationError
from preservation.model.paths import printable
from preservation.settling.settle import Moment
from storage.ports.drop_buckets import DropBucket

_RECOVER_SECONDS: Final = 60.0
_LONGEST_SLEEP_SECONDS: Final = 1.0


class InboxService:
    """The watching part of the service. ``taken`` is called with each drop that is ours from then on."""

    def __init__(
        self,
        settings: Settings,
        taken: Callable[[Take], None],
        open_bucket: Callable[[BucketInboxSettings], DropBucket] = open_bucket_inbox,
    ) -> None:
        self._settings = settings
        self._taken = taken
        self._watcher = Watcher(settings.service.sweep)
        self._publisher = Publisher(settings, now)
        self._refused: dict[Path, InboxFault] = {}
        self._stuck: tuple[InboxFault, ...] = ()
        self._buckets = [
            BucketInbox(settings, inbox, taken, self._wake_up, open_bucket(inbox))
            for inbox in settings.bucket_inbox
        ]
        self._lock = threading.Lock()
        self._touched: set[Path] = set()
        self._wake = threading.Event()

    def run(self, stopped: threading.Event) -> None:
        """Watch until ``stopped``, noticed within a second. What ails an inbox is told, not raised."""
        waker = Notifier((area.inbox for area in self._settings.areas), self._note_touched)
        waker.start()
        for bucket in self._buckets:
            bucket.start()
        recover_at = float("-inf")
        try:
            while not stopped.is_set():
                if time.monotonic() >= recover_at:
                    areas = self._settings.areas
                    stuck = (fault for area in areas for fault in recover(area))
                    self._stuck = (*stuck, *forsaken(self._settings))
                    recover_at = time.monotonic() + _RECOVER_SECONDS
                for bucket in self._buckets:
                    bucket.require_alive()
                self._sleep(stopped, self.sweep())
        finally:
            for bucket in self._buckets:
                bucket.stop()
            waker.stop()
            for bucket in self._buckets:
                bucket.wait()

    def sweep(self) -> Moment:
        """Look through the inboxes once and take what is complete; return when to do so again."""
        with self._lock:
            touched, self._touched = self._touched, set()
        self._watcher.touched(touched)
        swept = self._watcher.sweep(lambda: inboxes_of(self._settings), Moment(time.monotonic()))
        for complete in swept.complete:
            self._take(complete)
        self._publish(swept)
        return swept.again

    def _take(self, complete: CompleteDrop) -> None:
        self._refused.pop(complete.path, None)
        try:
            taking = take(complete, now())
        except (OSError, PreservationError) as error:
            # That one only: the others are taken.
            taking = NotTaken(complete.path, f"it could not be taken ({error}); it is tried again")
        if isinstance(taking, Take):
            LOG.info("%s: taken (%s)", taking.object_id, printable(str(complete.path)))
            self._taken(taking)
        elif taking.sentence:
            LOG.warning("%s: %s", printable(str(taking.path)), taking.sentence)
            self._refused[taking.path] = InboxFault(taking.path, taking.sentence)

    def _publish(self, swept: Swept) -> None:
        self._refused = {path: fault for path, fault in self._refused.items() if os.path.lexists(path)}
        faults = (*swept.faults, *self._refused.values(), *self._stuck)
        try:
            self._publisher.publish(replace(swept, faults=faults), [bucket.news for bucket in self._buckets])
        except OSError as error:
            LOG.warning("what waits cannot be written down for muniment status: %s", error)

    def _note_touched(self, paths: set[Path]) -> None:
        with self._lock:
            self._touched |= paths
        self._wake.set()

    def _wake_up(self) -> None:
        self._wake.set()

    def _sleep(self, stopped: threading.Event, until: Moment) -> None:
        while not stopped.is_set() and (left := until - time.monotonic()) > 0:
            if self._wake.wait(min(left, _LONGEST_SLEEP_SECONDS)):
                self._wake.clear()
                return
