"""Writing to a scratch folder while a store is read: what fails there is no fault of the store."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from preservation.errors import StoreFullError, UnavailableError
from preservation.model.paths import printable

_FULL = {errno.ENOSPC, errno.EDQUOT}


class ScratchError(Exception):
    """A scratch file could not be written while a store was read; its cause is the system's error."""


def write_scratch(file: BinaryIO, chunk: bytes | memoryview) -> None:
    """Write to a scratch file. Raises ``ScratchError``, which is none that a store could raise."""
    try:
        file.write(chunk)
    except OSError as error:
        raise ScratchError from error


@contextmanager
def scratch_faults(folder: Path) -> Iterator[None]:
    """Turn an error of the system in the scratch folder into ours, which names that folder."""
    try:
        yield
    except (OSError, ScratchError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in _FULL:
            raise StoreFullError(
                f"no space is left for what is being copied, in {printable(str(folder))}; free space there"
            ) from error
        raise UnavailableError(
            f"what is being copied cannot be written to {printable(str(folder))}: {cause}; check that its "
            "disk is healthy and mounted for writing"
        ) from error
