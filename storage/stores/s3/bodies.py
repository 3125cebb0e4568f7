"""What is sent to a bucket: a part of a local file, read while it is sent, never held whole."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from typing import TYPE_CHECKING

from preservation.errors import SourceChangedError
from storage.ports.stores import Deposit
from storage.stores.sources import ends_early, source_changed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 256 << 10


class Slice(io.RawIOBase):
    """``length`` bytes from ``start`` of an open source. Several may be read from one source at a time.

    Where the source is at fault, reading raises ``SourceChangedError``, and ``fault`` keeps it: what
    sends the slice may hide it behind an error of its own.
    """

    def __init__(self, deposit: Deposit, source: int, start: int, length: int) -> None:
        super().__init__()
        self.fault: SourceChangedError | None = None
        self._deposit = deposit
        self._source = source
        self._start = start
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sent again."""
        return True

    def tell(self) -> int:
        """Return how far it has been read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the slice."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read on. Raises ``SourceChangedError``."""
        window = memoryview(buffer)[: self._length - self._position]
        if not window:
            return 0
        place = self._start + self._position
        try:
            count = os.preadv(self._source, [window], place)
        except OSError as error:
            self.fault = source_changed(self._deposit, error.strerror or str(error))
            raise self.fault from error
        if count == 0:
            self.fault = ends_early(self._deposit, place)
            raise self.fault
        self._position += count
        return count

    def sha256(self) -> str:
        """Return the digest of the whole slice as S3 writes it, in Base64, and go back to its start."""
        digest, block = hashlib.sha256(), memoryview(bytearray(min(_BLOCK_BYTES, self._length)))
        while count := self.readinto(block):
            digest.update(block[:count])
        self.seek(0)
        return base64.b64encode(digest.digest()).decode()
