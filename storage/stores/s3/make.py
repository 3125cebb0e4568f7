"""Making a bucket, or a prefix of one, a store: once, and never by a run. The bucket itself must be there."""

from collections.abc import Iterator

from preservation.model.identifiers import StoreIdentity
from preservation.model.paths import StoreKey
from storage.stores.s3.bucket import Bucket


class S3Maker:
    """The ``StoreMaker`` of the place in ``bucket``."""

    def __init__(self, bucket: Bucket) -> None:
        self.name = bucket.store
        self._bucket = bucket

    def identity(self) -> StoreIdentity | None:
        """Return the identity that lies there: see ``StoreMaker``."""
        return self._bucket.identity()

    def keys(self, prefix: StoreKey | None) -> Iterator[StoreKey]:
        """Yield the key of every object: see ``StoreMaker``."""
        for kept in self._bucket.list("" if prefix is None else f"{prefix}/"):
            if not kept.key.startswith("."):
                yield kept.key

    def make(self, identity: StoreIdentity) -> None:
        """Give the place the identity: see ``StoreMaker``."""
        self._bucket.give_identity(identity)
