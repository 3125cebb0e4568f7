"""From very many keys to drops: in memory that does not grow with them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

from support.inboxes import terms

from flows.inboxes.bucket.listing import BucketListing, ListedDrop
from preservation.model.paths import StoreKey
from storage.ports.drop_buckets import DroppedObject

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ASKED = terms("settle = 10")


def objects(drops: int, files: int) -> Iterator[DroppedObject]:
    for sheet in range(drops):
        for page in range(files):
            key = StoreKey(f"inbox/maps/sheet-{sheet:04}/deeper/page {page:05}.tif")
            yield DroppedObject(key, 1000, f"{page:032x}", NOON)


def most_held(drops: int, files: int) -> int:
    """The most bytes that were held while so many were listed."""
    tracemalloc.start()
    try:
        listing = BucketListing(lambda _: ASKED, 1024)
        for found in objects(drops, files):
            listing.take(found)
        assert sum(isinstance(entry, ListedDrop) for entry in listing.drops()) == drops
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_hundred_times_the_keys_need_no_more_memory():
    most_held(10, 5)
    assert most_held(10, 500) < most_held(10, 5) + (16 << 10)


def test_the_order_of_the_keys_does_not_matter():
    looks = []
    for found in (list(objects(3, 4)), list(objects(3, 4))[::-1]):
        listing = BucketListing(lambda _: ASKED, 1024)
        for one in found:
            listing.take(one)
        looks.append([entry.look for entry in listing.drops() if isinstance(entry, ListedDrop)])
    assert looks[0] == looks[1]
    assert [(look.files, look.bytes) for look in looks[0]] == [(4, 4000)] * 3
