"""A place in a bucket, named as ``s3://bucket/prefix``: opened as what drops are read from."""

import hashlib
from typing import Final

from pydantic import ValidationError

from flows.adoption.bucket_holding import BucketHolding
from flows.installation.settings import Settings
from flows.installation.store_settings import BucketInboxSettings, S3StoreSettings
from flows.installation.wiring import open_bucket_inbox
from preservation.errors import ConfigurationError

_FOLDER: Final = ".adopted"
"""The folder below ``processing/`` of what was fetched from buckets."""


def bucket_holding(place: str, settings: Settings, *, one: bool) -> BucketHolding:
    """Return what lies at ``place``. Address and credentials of the service come from the environment.

    Raises ``ConfigurationError`` where it names no bucket, ``one`` object is asked for, or the place is a
    store or a bucket inbox of this installation, or lies in one or around it.
    """
    if one:
        raise ConfigurationError("--one and --as are for folders; name the folder of the bucket above it")
    bucket, _, prefix = place.removeprefix("s3://").rstrip("/").partition("/")
    ours: list[BucketInboxSettings | S3StoreSettings] = [*settings.bucket_inbox]
    ours += [one for one in settings.store if isinstance(one, S3StoreSettings)]
    for known in ours:
        if known.bucket == bucket and _overlap(f"{known.prefix}/", f"{prefix}/"):
            raise ConfigurationError(
                f"{place}: {known.name} of this installation lies there or around it; name a place that has "
                "nothing of it"
            )
    try:
        address = BucketInboxSettings(name="old-holding", bucket=bucket, prefix=prefix)
    except ValidationError as error:
        raise ConfigurationError(
            f"{place}: name it as s3://bucket/prefix ({error.errors()[0]['msg']})"
        ) from error
    folder = settings.processing / _FOLDER / hashlib.sha256(place.encode()).hexdigest()[:32]
    return BucketHolding(open_bucket_inbox(address), folder, settings.work.threads)


def _overlap(one: str, other: str) -> bool:
    first, second = one.lstrip("/"), other.lstrip("/")
    return first.startswith(second) or second.startswith(first)
