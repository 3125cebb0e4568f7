"""A store in a bucket of any service that speaks S3. Believes no 200: see ``docs/stores.md``."""

import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cached_property

from preservation.errors import DeniedError
from preservation.fixity.digesting import ByteStream
from preservation.model.name_rules import NameRules
from preservation.model.paths import StoreKey, printable
from storage.ports.stores import Deposit, KeptFile, StorePlace, require_sound
from storage.stores.s3.bucket import KEY_BYTES, OWN, Bucket
from storage.stores.s3.conditions import refuses_to_replace, refuses_to_replace_in_parts
from storage.stores.s3.leftovers import clear_leftovers
from storage.stores.s3.read import ObjectStream
from storage.stores.s3.send import Sender, Sizes

_PACKAGE_BYTES = 320
"""Room in a key for collection, object and version, and for the longer folder name of a derivative."""

# In the order of their bytes in UTF-8, which is not that of UTF-16 or of any language.
_NAMES = ("\x01 %", "\n\r", "+ &", "A", "cafe\u0301", "caf\u00e9", "\uff5e", "\U0001f5fa")


class S3Store:
    """Keeps each key as an object of that name, below the prefix of ``bucket``, byte for byte.

    Nothing is connected to or looked at before the first call. The bucket must be there.
    """

    portable = False

    def __init__(self, bucket: Bucket, place: StorePlace, *, sizes: Sizes | None = None) -> None:
        self.name = bucket.store
        self.place = place
        self.name_rules = NameRules(
            max_segment_bytes=None,
            max_path_bytes=KEY_BYTES - len(bucket.object_key("").encode()) - _PACKAGE_BYTES,
        )
        self._bucket = bucket
        self._sizes = sizes or Sizes()

    def create(self, deposits: Iterable[Deposit]) -> None:
        """Create every file of ``deposits``: see ``Store``."""
        self._bucket.require_identity(to_write=True)
        conditional = self._conditional
        workers = ThreadPoolExecutor(self._bucket.address.connections, "s3-store")
        try:
            Sender(self._bucket, self._sizes, workers, conditional=conditional).deposit(
                map(self._fitting, deposits)
            )
        finally:
            workers.shutdown(cancel_futures=True)

    def open(self, key: StoreKey) -> AbstractContextManager[ByteStream]:
        """Open the object for one reading: see ``Store``. Goes on by itself where a connection breaks."""
        require_sound(self.name, key)
        return ObjectStream(self._bucket, key)

    def stat(self, key: StoreKey) -> KeptFile:
        """Return the object's size: see ``Store``."""
        require_sound(self.name, key)
        found = self._bucket.headers(key)
        if found is None:
            raise self._bucket.absent(key)
        return KeptFile(key, found["ContentLength"])

    def list(self, prefix: StoreKey | None = None) -> Iterator[KeptFile]:
        """Yield every object below ``prefix``: see ``Store``."""
        if prefix is not None:
            require_sound(self.name, prefix)
        self._bucket.require_identity()
        for kept in self._bucket.list("" if prefix is None else f"{prefix}/"):
            if not kept.key.startswith("."):
                yield kept

    def location(self, prefix: StoreKey) -> str:
        """Return the ``s3://`` URL."""
        return f"s3://{self._bucket.name}/{self._bucket.object_key(prefix)}"

    def check(self) -> None:
        """Look whether the bucket holds the store's identity: see ``Store``."""
        self._bucket.require_identity(to_write=True)

    def probe(self) -> str:
        """Create, read back, list and refuse to replace objects of the store's own: see ``Store``."""
        self._bucket.require_identity(to_write=True)
        return f"s3://{self._bucket.name}: {_probe(self._bucket)}{self._bucket.address.warning}"

    @cached_property
    def _conditional(self) -> bool:
        """Whether the service honours If-None-Match; it is tried once, and then leftovers are cleared."""
        conditional = refuses_to_replace(self._bucket)
        clear_leftovers(self._bucket)
        return conditional

    def _fitting(self, deposit: Deposit) -> Deposit:
        length = len(self._bucket.object_key(deposit.key).encode("utf-8", "surrogateescape"))
        if length > KEY_BYTES:
            raise DeniedError(
                f"store {self.name}: {printable(deposit.key)} cannot be a key: with the store's prefix it "
                f"has {length} bytes, and S3 knows keys of {KEY_BYTES}; keep the package in another store"
            )
        return deposit


def _probe(bucket: Bucket) -> str:
    """Create, read back, list and remove some objects with difficult names; return what guards a key.

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
    return _guarded_by(single=single, in_parts=in_parts)


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


def _guarded_by(*, single: bool, in_parts: bool) -> str:
    if single and in_parts:
        return "the service itself refuses to replace an object"
    if single:
        return "the service itself refuses to replace an object; large ones are guarded by key locks"
    return "the service would replace an object; every one is guarded by key locks, which takes longer"
