"""Removing what an unfinished try left in a folder store. Nothing else in Muniment removes from a store."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from preservation.errors import IntegrityError
from preservation.model.identifiers import PackageId, StoreIdentity, StoreName
from preservation.model.paths import BagPath
from storage.ports.stores import is_committed, require_sound
from storage.stores.folder.faults import translating
from storage.stores.folder.root import opened_store
from storage.stores.folder.staging import INCOMING, working_area
from storage.stores.folder.tree import opened_folder, scanned

_DISCARDED = "discarded"


class FolderPurger:
    """The ``Purger`` of the folder store at ``root``, in which any of ``commits`` makes a version exist."""

    def __init__(
        self, name: StoreName, root: Path, identity: StoreIdentity | None, commits: Collection[BagPath]
    ) -> None:
        self.name = name
        self._identity = identity
        self._commits = commits
        self._root = root.absolute()

    def discard_uncommitted(self, package: PackageId) -> None:
        """Remove the files of a version that was never committed: see ``Purger``."""
        require_sound(self.name, package.prefix)
        *above, version = package.prefix.split("/")
        with (
            opened_store(self.name, self._root, self._identity, to_write=True) as root,
            translating(self.name, "discard", package.prefix),
            suppress(FileNotFoundError),
            opened_folder(root, tuple(above)) as folder,
        ):
            self._discard(root, folder, version, package)

    def _discard(self, root: int, folder: int, version: str, package: PackageId) -> None:
        self._refuse_committed(folder, version, package)
        with opened_folder(root, (INCOMING,)) as incoming, working_area(incoming) as area:
            # Gone in one step: killed halfway, no half of it is left under the version's name.
            os.rename(version, _DISCARDED, src_dir_fd=folder, dst_dir_fd=area)
            try:
                self._refuse_committed(area, _DISCARDED, package)
            except IntegrityError:
                # Another run committed it between our look and our taking it away.
                os.rename(_DISCARDED, version, src_dir_fd=area, dst_dir_fd=folder)
                raise

    def _refuse_committed(self, folder: int, version: str, package: PackageId) -> None:
        with opened_folder(folder, (version,)) as descriptor:
            names = {entry.name for entry in scanned(descriptor)}
        for commit in self._commits:
            if commit in names:
                raise is_committed(self.name, package, commit)
