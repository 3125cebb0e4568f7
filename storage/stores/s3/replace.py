"""Replacing single objects of an S3 store that are not as they were kept. Only repair reaches this."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Literal

from preservation.errors import NotFoundError, StorageError
from preservation.model.digests import Digests
from preservation.model.paths import StoreKey
from storage.ports.replacers import NOTHING_THERE, Quarantine, Replacement, hand_out, was_changed
from storage.ports.stores import Deposit, require_sound
from storage.stores.s3.bucket import Bucket
from storage.stores.s3.conditions import EtagForm, honoured_etag_form, refuses_to_replace, written
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
        if there is Replacement.SOUND:
            return Replacement.SOUND
        workers = ThreadPoolExecutor(self._bucket.address.connections, "s3-replacer")
        try:
            self._sender(workers, there).deposit([deposit])
        finally:
            workers.shutdown(cancel_futures=True)
        return Replacement.CREATED if there is None else Replacement.REPLACED

    def remove_unexpected(self, key: StoreKey, quarantine: Quarantine) -> bool:
        """Move an object that no manifest names into the quarantine: see ``Replacer``."""
        require_sound(self.name, key)
        self._bucket.require_identity(to_write=True)
        there = self._handed_out(key, {}, quarantine)
        if there is None:
            return False
        _require_same(self._bucket, key, there)
        self._bucket.remove(key)
        return True

    def _handed_out(
        self, key: StoreKey, expected: Digests, quarantine: Quarantine
    ) -> str | Literal[Replacement.SOUND] | None:
        """Hand out what lies there, and return its ETag; ``None`` where nothing does.

        It is ``SOUND``, and not handed out, where it has the ``expected`` digests.
        """
        with quarantine.receive(key) as file:
            try:
                stream = ObjectStream(self._bucket, key)
            except NotFoundError:
                if expected:
                    file.keep(NOTHING_THERE)
                return None
            with stream:
                return stream.etag if hand_out(stream, file, expected) else Replacement.SOUND

    def _sender(self, workers: Executor, there: str | None) -> Sender:
        if there is None:
            return Sender(self._bucket, self._sizes, workers, conditional=self._creates_only)
        return _ReplacingSender(self._bucket, self._sizes, workers, there, self._etags)

    @cached_property
    def _creates_only(self) -> bool:
        """Whether the service honours If-None-Match; it is tried once."""
        return refuses_to_replace(self._bucket)

    @cached_property
    def _etags(self) -> EtagForm | None:
        """How the service wants an ETag in If-Match, ``None`` where it does not honour it: tried once."""
        return honoured_etag_form(self._bucket)


class _ReplacingSender(Sender):
    """A sender that replaces the object with the ETag ``there``, which was handed out, and no other."""

    def __init__(
        self, bucket: Bucket, sizes: Sizes, workers: Executor, there: str, form: EtagForm | None
    ) -> None:
        super().__init__(bucket, sizes, workers, conditional=True)
        self._there = there
        self._condition = {} if form is None else {"IfMatch": written(there, form)}

    @contextmanager
    def _turn(self, key: StoreKey) -> Iterator[None]:
        """Look again, directly before the put: some services honour no condition."""
        self._require_free(key)
        yield

    def _require_free(self, key: StoreKey) -> None:
        _require_same(self._bucket, key, self._there)

    def _taken(self, key: StoreKey) -> StorageError:
        return was_changed(self._bucket.store, key)


def _require_same(bucket: Bucket, key: StoreKey, etag: str) -> None:
    """Raise ``UnavailableError`` where the object is no more the one with this ETag."""
    found = bucket.headers(key)
    if found is None or found["ETag"] != etag:
        raise was_changed(bucket.store, key)
