"""What all decoders have in common: they are handed bytes of strangers, and may fail in any way."""

from __future__ import annotations

import errno
import io
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from preservation.errors import PreservationError, UnacceptableContentError, reason_of
from preservation.model.events import Agent

_OF_THE_SYSTEM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENOMEM, errno.EIO})
"""What an ``OSError`` may say that is no fault of the content."""


@contextmanager
def reported_by(program: Agent, act: str = "read") -> Iterator[None]:
    """Turn whatever the program raises over content into ``UnacceptableContentError``, in a sentence."""
    try:
        yield
    except (PreservationError, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything at all over damaged content
        if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
            raise
        raise UnacceptableContentError(f"{program.name} cannot {act} it: {reason_of(error)[:200]}") from error


def refuse_beyond(limit: int, columns: int, rows: int) -> None:
    """Refuse a page of more than ``limit`` pixels, before any of it is decoded."""
    if columns < 1 or rows < 1:
        raise UnacceptableContentError("it claims to have no pixels at all")
    if columns * rows > limit:
        raise UnacceptableContentError(
            f"it claims {columns:,} x {rows:,} pixels, more than the {limit:,} that are allowed"
        )


def whole(stream: BinaryIO) -> mmap.mmap | bytes:
    """Return all bytes of the stream: mapped where it is a file, so that no copy is held."""
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        stream.seek(0)
        return stream.read()
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except ValueError:
        return b""  # nothing can be mapped of an empty file
