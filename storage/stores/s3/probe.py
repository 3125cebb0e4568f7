"""Trying out a bucket: everything a store must be able to do, done once among the store's own keys."""

from __future__ import annotations

import secrets

from preservation.errors import DeniedError
from preservation.model.paths import StoreKey
from storage.stores.s3.bucket import OWN, Bucket
from storage.stores.s3.conditions import refuses_to_replace, refuses_to_replace_in_parts

# In the order of their bytes in UTF-8, which is not that of UTF-16 or of any language.
_NAMES = ("\x01 %", "\n\r", "+ &", "A", "cafe\u0301", "caf\u00e9", "\uff5e", "\U0001f5fa")


def probe_bucket(bucket: Bucket) -> str:
    """Create, read back, list and remove some objects with difficult names; say what the service honours.

    Raises ``DeniedError`` where a name does not come back as it was given, else as the service answers.
    """
    area = f"{OWN}/probe-{secrets.token_hex(8)}/"
    single, in_parts = refuses_to_replace(bucket), refuses_to_replace_in_parts(bucket)
    try:
        for name in _NAMES:
            _round_trip(bucket, area + name)
        listed = [kept.key.removeprefix(area) for kept in bucket.list(area)]
    finally:
        for name in _NAMES:
            bucket.remove(area + name)
    if listed != list(_NAMES):
        raise DeniedError(
            f"store {bucket.store}: the service lists other names than it was given, or not in the order of "
            "their bytes, so packages cannot be kept there; use a store of another service"
        )
    return _told(single=single, in_parts=in_parts)


def _round_trip(bucket: Bucket, key: str) -> None:
    content = key.encode()
    with bucket.asking("create and read back", StoreKey(key)):
        bucket.client.put_object(**bucket.at(key), Body=content)
        found = bucket.client.get_object(**bucket.at(key))["Body"].read()
    if found != content:
        raise DeniedError(
            f"store {bucket.store}: what was written did not come back, so packages cannot be kept there; "
            "use a store of another service"
        )


def _told(*, single: bool, in_parts: bool) -> str:
    if single and in_parts:
        return "the service itself refuses to replace an object"
    if single:
        return "the service itself refuses to replace an object; large ones are guarded by key locks"
    return "the service would replace an object; every one is guarded by key locks, which takes longer"
