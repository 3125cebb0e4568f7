"""The files of one request: opened by the parent, so that a worker needs no right to any path."""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import StoreFullError, ToolFailedError
from preservation.files.beneath import open_plain_file
from preservation.model.paths import printable
from preservation.tools.work import Refused, Request

_CREATE = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(request: Request) -> Iterator[Sequence[int] | Refused]:
    """Open the inputs and create the outputs; give their descriptors, or say which input cannot be opened.

    Raises ``StoreFullError`` or ``ToolFailedError`` where an output cannot be created.
    """
    with contextlib.ExitStack() as held:
        descriptors: list[int] = []
        for path in request.inputs:
            try:
                descriptors.append(open_plain_file(path))
            except OSError as error:
                yield Refused(f"{printable(path.name)} cannot be opened: {error.strerror}")
                return
            held.callback(os.close, descriptors[-1])
        for path in request.outputs:
            descriptors.append(_create(path))
            held.callback(os.close, descriptors[-1])
        yield [*descriptors, *request.pipes]


def remove_outputs(request: Request) -> None:
    """Remove what a request that did not end well has half written."""
    for path in request.outputs:
        path.unlink(missing_ok=True)


def no_space(request: Request) -> StoreFullError:
    """Return the error to raise where the disk below the outputs is full."""
    where = printable(str(request.outputs[0].parent)) if request.outputs else "the disk"
    return StoreFullError(f"{where}: no space is left; make room, then run the same command again")


def _create(path: Path) -> int:
    try:
        path.unlink(missing_ok=True)
        return os.open(path, _CREATE, 0o644)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreFullError(
                f"{printable(str(path))}: no space is left; make room, then run the same command again"
            ) from error
        raise ToolFailedError(f"{printable(str(path))} cannot be created: {error.strerror}") from error
