"""Typed JSON lines on disk: how a stage hands a million values to the next one in flat memory.

A record file appears under its name only when it is whole, so a stage whose record exists is done.
Where its name ends in ``.gz`` it is compressed: what is recorded of a million files is much alike.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from preservation.errors import IntegrityError
from preservation.files.durable import written_whole

Value = TypeVar("Value")

_VALUES_AT_ONCE: Final = 256
_BYTES_AT_ONCE: Final = 128 << 10
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
        rest: list[bytes] = []
        try:
            for text in self._texts():
                # A line may go on in the next text, and in a thousand more.
                lines, found, after = text.rpartition(b"\n")
                if not found:
                    rest.append(text)
                    continue
                values = self._decoder.decode_lines(b"".join([*rest, lines]))
                rest = [after] if after else []
                yield from values
                read += len(values)
        except (msgspec.MsgspecError, RecursionError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise self._damaged(read, str(error)) from error
        if rest:
            raise self._damaged(read, "it ends in the midst of a line")

    def write(self, values: Iterable[Value]) -> int:
        """Write ``values`` as they come, make the file durable and visible at once; return their number."""
        encoder = msgspec.json.Encoder(enc_hook=str)
        coming = iter(values)
        count = 0
        with written_whole(self.path) as file:
            packed = gzip.GzipFile("", "wb", _FASTEST, file, mtime=0) if self._compressed else None
            with packed or nullcontext(file) as sink:
                while portion := list(islice(coming, _VALUES_AT_ONCE)):
                    sink.write(encoder.encode_lines(portion))
                    count += len(portion)
        return count

    def _damaged(self, read: int, reason: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path}, after line {read}: not a record of Muniment ({reason}); "
            "remove the submission's folder in processing/ and preserve the drop again"
        )

    def _texts(self) -> Iterator[bytes]:
        """Read the lines piece by piece, cut anywhere; only so much is held, however small it is packed."""
        with gzip.open(self.path) if self._compressed else self.path.open("rb") as source:
            yield from iter(lambda: source.read(_BYTES_AT_ONCE), b"")


def _path_of(kind: type, text: str) -> object:
    if kind is Path:
        return Path(text)
    raise TypeError(f"records hold no {kind}")
