"""What the manifests in a drop promise, asked of a drop in a bucket by the rules of folders."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from flows.room import require_room_for_drop
from flows.scratch import scratch_folder
from flows.watching.buckets.bringing import copy_object, until_stopped
from flows.watching.buckets.places import DropPlace
from preservation.bagit.declaration import BAGIT_TXT, Declaration
from preservation.errors import UnacceptableContentError
from preservation.manifests.lines import MANIFEST_BYTES
from preservation.manifests.names import likelihood
from preservation.model.amounts import byte_size
from preservation.model.paths import RelativePath, printable
from preservation.settling.promised import what_is_lacking
from storage.ports.drop_buckets import DropBucket

_OF_A_BAG: Final = frozenset({BAGIT_TXT, Declaration().metadata_file})


def what_a_bucket_lacks(place: DropPlace, bucket: DropBucket, scratch: Path, stopped: threading.Event) -> str:
    """Say what the folder at ``place`` still waits for: see ``what_is_lacking``.

    A likeness of it is made below ``scratch``: every file is there with its size, and only manifests have
    their content. Raises ``OSError`` or ``StorageError`` where it cannot be made,
    ``UnacceptableContentError`` where something is called a manifest that is too large for one, and
    ``StoppedError``.
    """
    with scratch_folder(scratch, "promises") as folder:
        likeness = folder / place.name
        likeness.mkdir()
        for found in until_stopped(bucket.list(f"{place.key}/"), stopped):
            below = found.key.removeprefix(f"{place.key}/")
            target = likeness / below
            if not below or below.endswith("/"):
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if below in _OF_A_BAG or likelihood(RelativePath(target.name)) is not None:
                if found.size > MANIFEST_BYTES:
                    raise UnacceptableContentError(
                        f"{printable(below)} is called as a manifest is, and is larger "
                        f"({byte_size(found.size)}) "
                        f"than one may be ({byte_size(MANIFEST_BYTES)}); give it another name"
                    )
                require_room_for_drop(found.size, folder)
                copy_object(bucket, found, target, stopped)
            else:
                with target.open("xb") as file:
                    # It takes no room: there is nothing in it.
                    file.truncate(found.size)
        return what_is_lacking(likeness)
