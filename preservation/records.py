"""Typed JSON lines on disk: how a stage hands a million values to the next one in flat memory.

A record file appears under its name only when it is whole, so a stage whose record exists is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from preservation.errors import IntegrityError

Value = TypeVar("Value")


class Records(Generic[Value]):
    """Values of one type in one file, one JSON object a line, iterable any number of times."""

    def __init__(self, path: Path, of: type[Value]) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(of, dec_hook=_path_of)

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
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield self._decoder.decode(line)
                except msgspec.MsgspecError as error:
                    raise IntegrityError(
                        f"{self.path}, line {number}: not a record of Muniment ({error}); "
                        "remove the submission's folder in processing/ and preserve the drop again"
                    ) from error

    def write(self, values: Iterable[Value]) -> int:
        """Write ``values`` as they come, make the file durable and visible at once; return their number."""
        partial = self.path.with_name(f"{self.path.name}.part")
        encoder = msgspec.json.Encoder(enc_hook=str)
        buffer = bytearray()
        count = 0
        with partial.open("wb") as sink:
            for value in values:
                encoder.encode_into(value, buffer)
                buffer += b"\n"
                sink.write(buffer)
                count += 1
            sink.flush()
            os.fsync(sink.fileno())
        partial.replace(self.path)
        return count


def _path_of(kind: type, text: str) -> object:
    if kind is Path:
        return Path(text)
    raise TypeError(f"records hold no {kind}")
