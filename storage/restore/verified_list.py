"""A list of a version, copied out of one store and compared with its tag manifest while it is copied."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from preservation.errors import NotFoundError
from preservation.fixity.digesting import digest_chunks
from preservation.model.digests import Algorithm, Digests
from preservation.model.identifiers import PackageId
from preservation.model.locators import Locator
from preservation.model.paths import BagPath
from storage.ports.stores import Store, opened_file
from storage.scratch import scratch_faults, write_scratch
from storage.tag_digests import damaged

_CHUNK = 1 << 20
_IN_MEMORY = 8 << 20
"""A longer list waits on the disk while it is read line by line."""


def copy_list(
    store: Store, package: PackageId, path: BagPath, algorithms: Iterable[Algorithm], copy: BinaryIO
) -> Digests:
    """Write a tag file of ``package`` to ``copy``, and return its digests.

    Raises ``NotFoundError`` where it is not there, ``IntegrityError`` where it cannot be read,
    ``StorageError`` where the store does not answer, ``ScratchError`` where the copy cannot be written.
    """
    try:
        with opened_file(store, Locator(package, path).key) as file:
            _, digests = digest_chunks(_copied(file, copy), tuple(algorithms))
    except OSError as error:
        raise damaged(store, package, f"{path} cannot be read ({error.strerror or error})") from error
    return digests


def copy_promised(store: Store, package: PackageId, path: BagPath, promised: Digests, copy: BinaryIO) -> None:
    """Write a tag file to ``copy``.

    Raises ``IntegrityError`` where it is not what the tag manifest promises, else as ``copy_list``.
    """
    try:
        found = copy_list(store, package, path, promised, copy)
    except NotFoundError as error:
        raise damaged(store, package, f"{path} is missing") from error
    if found != promised:
        raise damaged(store, package, f"{path} is not what the tag manifest promises")


@contextmanager
def verified_list(
    store: Store, package: PackageId, path: BagPath, promised: Digests, scratch: Path
) -> Iterator[BinaryIO]:
    """Give a copy of a list that is what the tag manifest promises, in ``scratch`` where it is long.

    Raises as ``copy_promised``, and ``StorageError`` where ``scratch`` has no room or cannot be written.
    """
    with SpooledTemporaryFile(_IN_MEMORY, dir=os.fspath(scratch)) as spooled:
        copy = cast("BinaryIO", spooled)
        with scratch_faults(scratch):
            copy_promised(store, package, path, promised, copy)
        copy.seek(0)
        yield copy


def _copied(file: BinaryIO, copy: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        write_scratch(copy, chunk)
        yield chunk
