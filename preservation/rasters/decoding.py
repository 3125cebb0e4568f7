"""What all decoders have in common: they are handed untrusted bytes, and may fail in any way."""

import errno
import io
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

from PIL import Image

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


Buffer: TypeAlias = mmap.mmap | bytes


def whole(stream: BinaryIO) -> Buffer:
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


OVERWRITTEN = "a part of the picture is missing or was overwritten"
"""What it means where a library goes on and only warns."""

_GIB = 1 << 30
_OF_LIBRARIES = 128 << 20
"""So much memory, in bytes, decoders may take besides the image and its file."""
_IMPLAUSIBLE_RATIO = 1000

_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""What Pillow holds a pixel in; every other mode takes four bytes."""


class TooMuchError(Exception):
    """The image claims more pixels than memory can hold."""


class Room:
    """The ``memory`` in bytes that one decoded image may take, and the ``size`` of its file.

    Whether an image can be decoded is known from its own claims, before a byte is allocated.
    """

    def __init__(self, memory: int, size: int) -> None:
        self._memory = memory
        self._size = size
        self._needed = 0

    def require_for(self, image: Image.Image) -> None:
        """Raise ``TooMuchError`` where the frame that ``image`` stands at cannot be decoded in this room."""
        self.require(image.width, image.height, _BYTES_PER_PIXEL.get(image.mode, 4))

    def require(self, width: int, height: int, bytes_per_pixel: int) -> None:
        """Raise ``TooMuchError`` where that many pixels cannot be decoded in this room."""
        if width < 1 or height < 1:
            raise UnacceptableContentError("it claims to have no pixels at all")
        needed = width * height * bytes_per_pixel
        if needed <= self._memory:
            self._needed = max(self._needed, needed)
            return
        # Much may be in few bytes, as of a blank page: only what memory cannot hold may be a bomb.
        bomb = "; it may be a decompression bomb" if needed > self._size * _IMPLAUSIBLE_RATIO else ""
        raise TooMuchError(
            f"it claims {width:,} x {height:,} pixels, {needed / _GIB:.1f} GiB when decoded, in a file of "
            f"{self._size:,} bytes, and {self._memory / _GIB:.1f} GiB may be used for that{bomb}"
        )

    def rule_out_shortage(self) -> None:
        """Raise ``MemoryError`` where a fault may come of too little memory.

        Few libraries tell that from damage: so as much as all of this image takes must still be there.
        """
        needed = self._needed + self._size + _OF_LIBRARIES
        try:
            mmap.mmap(-1, needed, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        except OSError as error:
            raise MemoryError("what was found may come of too little memory") from error
