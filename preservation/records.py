"""Typed JSON lines on disk: how a stage hands a million values to the next one in flat memory.

A record file appears under its name only when it is whole, so a stage whose record exists is done.
Where its name ends in ``.gz`` it is compressed: what is recorded of a million files is much alike.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from preservation.errors import IntegrityError
from preservation.files.durable import written_whole

Value = TypeVar("Value")

_VALUES_AT_ONCE: Final = 256
_BYTES_AT_ONCE: Final = 128 << 10
_GZIP_BITS: Final = 31
_FASTEST: Final = 1


class Records(Generic[Value]):
    """Values of one type in one file, one JSON object a line, iterable any number of times."""

    def __init__(self, path: Path, of: type[Value]) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(of, dec_hook=_path_of)
        self._compressed = path.suffix == ".gz"

    @property
    def exist(self) -> bool:
        """Say whether they were written, wholly."""
        return self.path.exists()

    @property
    def so_far(self) -> Iterable[Value]:
        """The values, or nothing where the stage that writes them was not reached."""
        return self if self.exist else ()

    def __iter__(self) -> Iterator[Value]:
        """Read them in the order in which they were written.

        Raises ``IntegrityError`` where a line is not what was written.
        """
        read = 0
        rest = b""
        try:
            for text in self._texts():
                # A line may go on in the next text.
                lines, found, after = text.rpartition(b"\n")
                if not found:
                    rest += text
                    continue
                values = self._decoder.decode_lines(rest + lines)
                rest = after
                yield from values
                read += len(values)
        except (msgspec.MsgspecError, zlib.error, EOFError) as error:
            raise self._damaged(read, str(error)) from error
        if rest:
            raise self._damaged(read, "it ends in the midst of a line")

    def write(self, values: Iterable[Value]) -> int:
        """Write ``values`` as they come, make the file durable and visible at once; return their number."""
        encoder = msgspec.json.Encoder(enc_hook=str)
        packer = zlib.compressobj(_FASTEST, wbits=_GZIP_BITS) if self._compressed else None
        coming = iter(values)
        count = 0
        with written_whole(self.path) as sink:
            while portion := list(islice(coming, _VALUES_AT_ONCE)):
                text = encoder.encode_lines(portion)
                sink.write(text if packer is None else packer.compress(text))
                count += len(portion)
            if packer is not None:
                sink.write(packer.flush())
        return count

    def _damaged(self, read: int, reason: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path}, after line {read}: not a record of Muniment ({reason}); "
            "remove the submission's folder in processing/ and preserve the drop again"
        )

    def _texts(self) -> Iterator[bytes]:
        """Read the lines piece by piece, cut anywhere."""
        with self.path.open("rb", buffering=0) as source:
            if not self._compressed:
                yield from iter(lambda: source.read(_BYTES_AT_ONCE), b"")
                return
            unpacker = zlib.decompressobj(wbits=_GZIP_BITS)
            while not unpacker.eof:
                packed = unpacker.unconsumed_tail or source.read(_BYTES_AT_ONCE)
                if not packed:
                    raise EOFError("it ends too early")
                # However small it is packed, only so much is held at a time.
                yield unpacker.decompress(packed, _BYTES_AT_ONCE)


def _path_of(kind: type, text: str) -> object:
    if kind is Path:
        return Path(text)
    raise TypeError(f"records hold no {kind}")
