"""Replacing single objects of an S3 store that are not as they were kept. Only repair reaches this."""

from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cached_property

from preservation.errors import NotFoundError
from preservation.model.digests import Digests
from preservation.model.paths import StoreKey
from storage.ports.replacers import NOTHING_THERE, Quarantine, Replacement, hand_out
from storage.ports.stores import Deposit, require_sound
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.conditions import refuses_to_replace
from storage.stores.s3.read import ObjectStream
from storage.stores.s3.send import Sender, Sizes


class S3Replacer:
    """The ``Replacer`` of the S3 store in ``bucket``.

    A bucket with versions, or with a lock on objects, keeps the object that was replaced as an older version.
    """

    def __init__(self, bucket: Bucket, *, sizes: Sizes | None = None) -> None:
        self.name = bucket.store
        self._bucket = bucket
        self._sizes = sizes or Sizes()

    def replace(self, deposit: Deposit, expected: Digests, quarantine: Quarantine) -> Replacement:
        """Put the object in place of one that is not as it was kept: see ``Replacer``."""
        require_sound(self.name, deposit.key)
        self._bucket.require_identity(to_write=True)
        there = self._handed_out(deposit.key, expected, quarantine)
        if there is False:
            return Replacement.SOUND
        workers = ThreadPoolExecutor(self._bucket.address.connections, "s3-replacer")
        try:
            self._sender(workers, replacing=there is True).deposit([deposit])
        finally:
            workers.shutdown(cancel_futures=True)
        return Replacement.CREATED if there is None else Replacement.REPLACED

    def remove_unexpected(self, key: StoreKey, quarantine: Quarantine) -> bool:
        """Move an object that no manifest names into the quarantine: see ``Replacer``."""
        require_sound(self.name, key)
        self._bucket.require_identity(to_write=True)
        if self._handed_out(key, {}, quarantine) is None:
            return False
        self._bucket.remove(key)
        return True

    def _handed_out(self, key: StoreKey, expected: Digests, quarantine: Quarantine) -> bool | None:
        """Return whether what lies there was handed out; ``None`` where nothing does."""
        with quarantine.receive(key) as file:
            try:
                stream = ObjectStream(self._bucket, key)
            except NotFoundError:
                if expected:
                    file.keep(NOTHING_THERE)
                return None
            with stream:
                return hand_out(stream, file, expected)

    def _sender(self, workers: Executor, *, replacing: bool) -> Sender:
        if replacing:
            return _ReplacingSender(self._bucket, self._sizes, workers)
        return Sender(self._bucket, self._sizes, workers, conditional=self._conditional)

    @cached_property
    def _conditional(self) -> bool:
        """Whether the service honours If-None-Match; it is tried once."""
        return refuses_to_replace(self._bucket)


class _ReplacingSender(Sender):
    """A sender that asks for no condition: what has the key was handed out."""

    def __init__(self, bucket: Bucket, sizes: Sizes, workers: Executor) -> None:
        super().__init__(bucket, sizes, workers, conditional=True)
        self._condition = {}

    def _require_free(self, key: StoreKey) -> None:
        """Require nothing."""
