"""The inbox service: sweeps, takes what is complete, reports what waits, and sleeps until the next sweep."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from flows.inboxes.bucket.service import BucketInbox, orphaned_takes
from flows.inboxes.folder.inboxes import InboxFault, inboxes_of
from flows.inboxes.folder.notices import folder_notices
from flows.inboxes.folder.notify import Notifier
from flows.inboxes.folder.take import CompleteDrop, NotTaken, take
from flows.inboxes.folder.watcher import SweepResult, Watcher
from flows.inboxes.queue.holds import Hold, HoldBook
from flows.inboxes.queue.takes import Take
from flows.inboxes.recover import recover
from flows.inboxes.report import ReportWriter
from flows.installation.current_settings import CurrentSettings
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.store_settings import BucketInboxSettings
from flows.installation.wiring import now, open_bucket_inbox
from preservation.errors import PreservationError, fault_of
from preservation.model.paths import printable
from preservation.settling.settle import Moment
from storage.ports.drop_buckets import DropBucket

_RECOVER_SECONDS: Final = 60.0
_LONGEST_SLEEP_SECONDS: Final = 1.0


class InboxService:
    """Watches the inboxes. ``taken`` is called with each new take."""

    def __init__(
        self,
        settings: Settings,
        taken: Callable[[Take], None],
        open_bucket: Callable[[BucketInboxSettings], DropBucket] = open_bucket_inbox,
    ) -> None:
        self._settings = settings
        self._current = CurrentSettings(settings)
        self._taken = taken
        self._holds = HoldBook(settings)
        self._held: tuple[Hold, ...] = ()
        self._unread = ""
        self._watcher = Watcher(settings.service.sweep, holds=self._read_holds)
        self._report_writer = ReportWriter(settings, now)
        self._notices = folder_notices(settings)
        self._refused: dict[Path, InboxFault] = {}
        self._stuck: tuple[InboxFault, ...] = ()
        self._lock = threading.Lock()
        self._touched: set[Path] = set()
        self._wake = threading.Event()
        self._buckets = [
            BucketInbox(settings, inbox, taken, self._wake.set, open_bucket(inbox))
            for inbox in settings.bucket_inbox
        ]

    def run(self, stopped: threading.Event) -> None:
        """Watch until ``stopped``, noticed within a second. Faults of an inbox are reported, not raised."""
        notifier = Notifier((area.inbox for area in self._settings.areas), self._add_touched)
        notifier.start()
        for bucket in self._buckets:
            bucket.start()
        recover_at = float("-inf")
        try:
            while not stopped.is_set():
                if time.monotonic() >= recover_at:
                    areas = self._settings.areas
                    stuck = (fault for area in areas for fault in recover(area))
                    self._stuck = (*stuck, *orphaned_takes(self._settings))
                    recover_at = time.monotonic() + _RECOVER_SECONDS
                for bucket in self._buckets:
                    bucket.require_alive()
                self._sleep(stopped, self.sweep())
        finally:
            for bucket in self._buckets:
                bucket.stop()
            notifier.stop()
            for bucket in self._buckets:
                bucket.wait()

    def sweep(self) -> Moment:
        """Look through the inboxes once and take what is complete; return when to do so again."""
        with self._lock:
            touched, self._touched = self._touched, set()
        self._watcher.touched(touched)
        swept = self._watcher.sweep(lambda: inboxes_of(self._current.now()), Moment(time.monotonic()))
        for complete in swept.complete:
            self._take(complete)
        self._notices.update(swept.passed_over)
        self._publish(swept)
        return swept.again

    def _read_holds(self) -> tuple[Hold, ...]:
        """Return what is held; what was, where that cannot be read: no run is given a drop then."""
        unread = ""
        try:
            self._held = self._holds.now()
        except (OSError, PreservationError) as error:
            unread = str(error)
        if unread and unread != self._unread:
            LOG.warning("%s", unread)
        self._unread = unread
        return self._held

    def _take(self, complete: CompleteDrop) -> None:
        self._refused.pop(complete.path, None)
        try:
            result = take(complete, now())
        except Exception as error:  # noqa: BLE001  only this drop fails; the others are taken
            result = NotTaken(complete.path, f"it could not be taken ({fault_of(error)}); it is tried again")
        if isinstance(result, Take):
            LOG.info("%s: taken (%s)", result.object_id, printable(str(complete.path)))
            self._taken(result)
        elif result.sentence:
            LOG.warning("%s: %s", printable(str(result.path)), result.sentence)
            self._refused[result.path] = InboxFault(result.path, result.sentence)

    def _publish(self, swept: SweepResult) -> None:
        self._refused = {path: fault for path, fault in self._refused.items() if os.path.lexists(path)}
        faults = (*swept.faults, *self._refused.values(), *self._stuck)
        try:
            status = replace(swept, faults=faults).status
            self._report_writer.write(swept.again, status, *(bucket.status for bucket in self._buckets))
        except OSError as error:
            LOG.warning("the report for muniment status cannot be written: %s", error)

    def _add_touched(self, paths: set[Path]) -> None:
        with self._lock:
            self._touched |= paths
        self._wake.set()

    def _sleep(self, stopped: threading.Event, until: Moment) -> None:
        while not stopped.is_set() and (left := until - time.monotonic()) > 0:
            if self._current.are_outdated:
                self._current.now()
                # What is no drop that is known has the inboxes listed.
                self._add_touched({self._current.file})
            if self._wake.wait(min(left, _LONGEST_SLEEP_SECONDS)):
                self._wake.clear()
                return
