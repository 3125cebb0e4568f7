"""The watching part of the service, in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.inboxes.queue.takes import Take
from flows.inboxes.service import InboxService
from flows.installation.settings import Settings
from flows.installation.store_settings import BucketInboxSettings
from flows.installation.wiring import open_bucket_inbox
from storage.ports.drop_buckets import DropBucket


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
