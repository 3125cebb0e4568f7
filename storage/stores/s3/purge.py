"""Removing what an unfinished try left in a bucket."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from preservation.model.identifiers import PackageId
from preservation.model.paths import BagPath, StoreKey
from preservation.pool import in_portions
from storage.ports.stores import is_committed, require_sound
from storage.stores.s3.bucket import Bucket

_BATCH_FILES = 1000


class S3Purger:
    """The ``Purger`` of the S3 store in ``bucket``, in which any of ``commits`` makes a version exist."""

    def __init__(self, bucket: Bucket, commits: Collection[BagPath]) -> None:
        self._commits = commits
        self.name = bucket.store
        self._bucket = bucket

    def discard_uncommitted(self, package: PackageId) -> None:
        """Remove the files of a version that was never committed: see ``Purger``.

        One by one: a bucket has no way to take them away in one step. Before each batch it is seen
        that no other run has committed the version meanwhile.
        """
        require_sound(self.name, package.prefix)
        self._bucket.require_identity(to_write=True)
        found = self._bucket.list(f"{package.prefix}/")
        with ThreadPoolExecutor(self._bucket.address.connections, "s3-purger") as workers:
            for batch in in_portions(found, lambda _: 0, most=_BATCH_FILES, enough=1):
                self._refuse_committed(package)
                for _ in workers.map(self._bucket.remove, [kept.key for kept in batch]):
                    pass

    def _refuse_committed(self, package: PackageId) -> None:
        for commit in self._commits:
            if self._bucket.deposit_of(StoreKey(f"{package.prefix}/{commit}")) is not None:
                raise is_committed(self.name, package, commit)
