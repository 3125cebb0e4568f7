"""What was rejected in a bucket: the receipts there, so that they go when the object is kept."""

from collections.abc import Iterable
from typing import Final

import msgspec

from flows.inboxes.queue.takes import Take
from flows.installation.areas import Area
from preservation.errors import IntegrityError
from preservation.model.paths import StoreKey
from preservation.records import Records
from storage.ports.drop_buckets import DropBucket, DroppedObject

_FOLDER: Final = ".rejected-in-buckets"


class BucketRejection(msgspec.Struct, frozen=True):
    """The receipts of a drop that was sent back as the object, or the prefix, ``drop``."""

    drop: StoreKey
    receipts: tuple[DroppedObject, ...]


def record_rejection(take: Take, bucket: DropBucket, drop: StoreKey, keys: Iterable[StoreKey]) -> None:
    """Record the receipts beside a drop that was sent back. Raises ``OSError``, ``StorageError``."""
    receipts = tuple(found for key in keys if (found := bucket.find(key)) is not None)
    others = (one for one in _rejections(take) if one.drop != drop)
    _write(take, [*others, BucketRejection(drop, receipts)])


def forget_rejections(take: Take, bucket: DropBucket) -> None:
    """Remove the receipts of drops of the object that do not lie beside them any more: it is kept.

    A receipt that was replaced stays. Raises ``OSError``, ``StorageError``.
    """
    left = []
    before = _rejections(take)
    for one in before:
        if bucket.find(one.drop) is not None or any(True for _ in bucket.list(f"{one.drop}/")):
            left.append(one)
            continue
        for receipt in one.receipts:
            bucket.remove(receipt)
    if before:
        _write(take, left)


def _rejections(take: Take) -> tuple[BucketRejection, ...]:
    try:
        return tuple(_record(take).so_far)
    except IntegrityError:
        # Damaged, it is begun anew: at worst an old receipt stays.
        return ()


def _write(take: Take, rejections: list[BucketRejection]) -> None:
    if rejections:
        _record(take).path.parent.mkdir(parents=True, exist_ok=True)
        _record(take).write(rejections)
    else:
        _record(take).path.unlink(missing_ok=True)


def _record(take: Take) -> Records[BucketRejection]:
    folder = Area(take.area).taken.parent / _FOLDER / take.bucket_inbox / take.collection
    return Records(folder / f"{take.object_name}.jsonl", BucketRejection)
