"""Damaging objects of an S3 store, for a rehearsal."""

from preservation.model.paths import StoreKey
from storage.ports.stores import require_sound
from storage.stores.s3.bucket import Bucket


class S3Injurer:
    """The ``Injurer`` of the S3 store in ``bucket``."""

    def __init__(self, bucket: Bucket) -> None:
        self.name = bucket.store
        self._bucket = bucket

    def write(self, key: StoreKey, content: bytes) -> None:
        """Let the object have this content: see ``Injurer``."""
        require_sound(self.name, key)
        self._bucket.require_identity(to_write=True)
        with self._bucket.asking("damage", key):
            self._bucket.client.put_object(**self._bucket.at(key), Body=content)

    def remove(self, key: StoreKey) -> None:
        """Let the object be gone: see ``Injurer``."""
        require_sound(self.name, key)
        self._bucket.require_identity(to_write=True)
        self._bucket.remove(key)
