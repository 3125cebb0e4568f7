"""The watching part of the service, in a thread of the test's own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.inboxes.queue.takes import Take
from flows.inboxes.service import InboxService
from flows.installation.settings import BucketInboxSettings, Settings
from flows.installation.wiring import open_bucket_inbox
from storage.ports.drop_buckets import DropBucket

_LONGEST_SECONDS = 60


@contextmanager
def watching(
    settings: Settings, open_bucket: Callable[[BucketInboxSettings], DropBucket] = open_bucket_inbox
) -> Iterator[list[Take]]:
    """Watch in a thread of this process for as long as the context lasts; gives what was taken."""
    taken: list[Take] = []
    stopped = threading.Event()
    thread = threading.Thread(target=InboxService(settings, taken.append, open_bucket).run, args=(stopped,))
    thread.start()
    try:
        yield taken
    finally:
        stopped.set()
        thread.join()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)
