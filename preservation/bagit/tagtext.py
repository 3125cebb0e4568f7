"""Text tag files as lines (RFC 8493 section 2.3): any encoding, any line end, bounded memory."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_LONGEST_LINE = 1 << 17
"""Characters. The longest path of Linux, wholly percent-encoded, with the longest digest, is shorter."""


@dataclass(slots=True)
class TagAllowance:
    """What may still be read of all tag files of one bag: their characters, and their lines."""

    characters: int = 512 << 20
    lines: int = 4_000_000

    def take(self, characters: int, lines: int) -> None:
        """Take so much of it. Raises ``TagTextError`` where it is used up."""
        self.characters -= characters
        self.lines -= lines
        if self.characters < 0 or self.lines < 0:
            whole = TagAllowance()
            raise TagTextError(
                f"the tag files of one bag are read up to {whole.characters:,} characters "
                f"and {whole.lines:,} lines, together"
            )


_BLOCK = 1 << 16
"""Characters that are read at a time."""

_NOT_CHARACTER_SETS = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}


class TagTextError(Exception):
    """A tag file is not text in the bag's encoding. The message says where and why."""


def known_encoding(name: str) -> str | None:
    """Return the codec that reads the character set ``name``, or ``None`` where there is none."""
    try:
        "".encode(name)
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return None if codec in _NOT_CHARACTER_SETS else codec


class TagText:
    """The lines of one tag file, without their ends. Iterate once.

    ``has_needless_mark`` says that it begins with a byte-order mark that its encoding does not need.
    Names that are not UTF-8 in a file that should be come as the file system would give them, so
    that they can be found; ``paths.is_utf8`` is false for them.
    """

    def __init__(self, stream: BinaryIO, encoding: str, allowance: TagAllowance | None = None) -> None:
        self._allowance = TagAllowance() if allowance is None else allowance
        head = stream.read(4)
        self._encoding = _with_byte_order(encoding, head)
        needless = _needless_mark(encoding)
        self.has_needless_mark = bool(needless) and head.startswith(needless)
        stream.seek(len(needless) if self.has_needless_mark else 0)
        errors = "surrogateescape" if self._encoding == "utf-8" else "strict"
        self._text = io.TextIOWrapper(stream, self._encoding, errors, newline=None)

    def __iter__(self) -> Iterator[str]:
        """Yield each line. Raises ``TagTextError`` where the bytes are no text, and ``OSError``."""
        number = 0
        rest = ""
        try:
            while block := self._text.read(_BLOCK):
                *lines, rest = (rest + block).split("\n")
                number += len(lines)
                self._allowance.take(len(block), len(lines))
                yield from lines
                if len(rest) > _LONGEST_LINE:
                    raise TagTextError(f"line {number + 1} is longer than {_LONGEST_LINE:,} characters")
        except UnicodeError as failure:
            raise TagTextError(f"it is not {self._encoding.upper()} text after line {number}") from failure
        if rest:
            yield rest


def _needless_mark(encoding: str) -> bytes:
    if encoding in _MARKS:
        return b""
    try:
        return "\ufeff".encode(encoding)
    except UnicodeEncodeError:
        return b""


def _with_byte_order(encoding: str, head: bytes) -> str:
    """Name the byte order where a text in UTF-16 or UTF-32 has no mark: its first character is ASCII."""
    marks = _MARKS.get(encoding)
    if marks is None or head.startswith(marks):
        return encoding
    order = "be" if head[:1] == b"\0" else "le"
    return f"{encoding}-{order}"
