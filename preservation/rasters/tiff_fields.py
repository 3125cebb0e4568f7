"""Directories of fields as TIFF 6.0 and EXIF write them: read without interpreting, written byte for byte.

A field's value is kept as the bytes that were found, in the byte order of its file, so that what is
carried over is what was there, maker notes and private tags included. BigTIFF differs in widths only.
"""

import os
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, BinaryIO, Literal, TypeAlias

from preservation.errors import UnacceptableContentError

ByteOrder: TypeAlias = Literal["little", "big"]

_MOST_PAGES = 100_000
_MOST_FIELDS = 0xFFFF
_MOST_VALUE_BYTES = 1 << 28
_BLOCK = 4096

_KINDS = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d",
    13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
"""Field types of TIFF 6.0, its supplement 1 (13) and BigTIFF (16-18), as ``struct`` writes them."""

TEXT_KIND = 2
BYTES_KIND = 7
SHORT_KIND = 3
LONG_KIND = 4
LONG8_KIND = 16
POINTER_KINDS = frozenset({13, 18})
RATIONAL_KINDS = frozenset({5, 10})
FLOAT_KINDS = frozenset({11, 12})
_WHOLE_KINDS = frozenset({1, 3, 4, 6, 8, 9, 13, 16, 17, 18})
_WHERE_SAMPLES_LIE = ((273, 279), (324, 325), (513, 514))
"""Where strips, tiles and old JPEGs begin, and how long they are."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its tag, its type, how many values, their bytes if read, and where in the file these lie."""

    tag: int
    kind: int
    count: int
    value: bytes
    at: int = field(default=0, compare=False)


Directory: TypeAlias = Mapping[int, Field]
"""The fields of one directory by tag."""


class DirectoryReader:
    """Reads the directories of a TIFF stream: a TIFF file, or the EXIF of any other."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read the header. Raises ``UnacceptableContentError`` where it is not TIFF's.

        ``is_orderly`` is true as long as the fields of all directories read were of known types and in the
        order of their tags, as TIFF 6.0 wants them; damage seldom leaves them so.
        """
        self.is_orderly = True
        self._stream = stream
        self._size = stream.seek(0, os.SEEK_END)
        self._taken: set[tuple[int, int]] = set()
        header = self._read(0, 8)
        if header[:4] not in _HEADERS:
            raise UnacceptableContentError("it does not begin as TIFF does")
        self.byte_order: ByteOrder
        self.byte_order, self.is_big = _HEADERS[header[:4]]
        self._order = "<" if self.byte_order == "little" else ">"
        big = self.is_big
        self._first = self._unpack("Q", self._read(8, 8))[0] if big else self._unpack("I", header[4:])[0]
        self._skipped: set[tuple[int, int]] = set()

    @property
    def skipped_tags(self) -> list[int]:
        """Tags of what was met and not read: of unknown types, double, or with a directory behind."""
        return sorted(tag for _, tag in self._skipped)

    def samples_of(self, directory: Directory) -> Iterator[tuple[int, int]]:
        """Yield where the samples of a page lie, start and end."""
        for starts, sizes in _WHERE_SAMPLES_LIE:
            if starts in directory and sizes in directory:
                of_each = map(self.numbers, (directory[starts], directory[sizes]))
                yield from ((start, start + size) for start, size in zip(*of_each, strict=False))

    def unclaimed(self, samples: Iterable[tuple[int, int]]) -> tuple[int, int]:
        """Count the bytes that neither ``samples`` nor what was read so far takes: among these, behind them.

        A few zeros only fill a block.
        """
        at = between = 0
        for start, end in sorted({*self._taken, *samples}):
            if self._has_something(at, min(start, self._size)):
                between += start - at
            at = max(at, end)
        return between, self._size - at if self._has_something(at, self._size) else 0

    def _has_something(self, start: int, end: int) -> bool:
        if start >= end:
            return False
        self._stream.seek(start)
        return end - start > _BLOCK or any(self._stream.read(end - start))

    def chain(self) -> Iterator[list[Field]]:
        """Follow the chain of directories that begins in the header, one a page; read no values.

        Raises ``UnacceptableContentError`` where it does not come to its end, or points outside the file.
        """
        seen: set[int] = set()
        offset = self._first
        while offset:
            if offset in seen or len(seen) == _MOST_PAGES:
                raise UnacceptableContentError(
                    "its pages go round in a circle, or there are too many of them"
                )
            seen.add(offset)
            entries, offset = self._entries(offset)
            yield entries

    def pages(self) -> list[Directory]:
        """Read every page's directory."""
        return [self._valued(entries) for entries in self.chain()]

    def first_page(self, tags: Collection[int]) -> Directory:
        """Read those fields of the first page that have one of ``tags``."""
        return self.valued(next(self.chain(), []), tags)

    def valued(self, entries: Iterable[Field], tags: Collection[int]) -> Directory:
        """Read the values of those entries of a directory that have one of ``tags``."""
        return self._valued(entry for entry in entries if entry.tag in tags)

    def directory_at(self, offset: int, tags: Collection[int]) -> Directory:
        """Read those fields of the directory at ``offset`` that have one of ``tags``."""
        return self.valued(self._entries(offset)[0], tags)

    def below(self, directory: Directory, pointer: int) -> Directory:
        """Read the directory that the field ``pointer`` points at; none is an empty one."""
        if pointer not in directory:
            return {}
        entries, following = self._entries(self.numbers(directory[pointer])[0])
        if following:
            self._skipped.add((following, pointer))
        return self._valued(entries)

    def all_below(self, directory: Directory, pointer: int) -> Iterator[Directory]:
        """Read every directory that the field ``pointer`` points at."""
        for offset in self.numbers(directory[pointer])[:_MOST_PAGES] if pointer in directory else ():
            yield self._valued(self._entries(offset)[0])

    def numbers(self, found: Field) -> tuple[int, ...]:
        """Return the field's values as whole numbers."""
        if found.kind not in _WHOLE_KINDS or not found.count:
            raise UnacceptableContentError(f"its field {found.tag} does not hold whole numbers")
        return tuple(self._unpack(_KINDS[found.kind] * found.count, found.value))

    def fraction(self, found: Field) -> Fraction:
        """Return the field's first value as a fraction; 0 where it says nothing."""
        if found.kind in RATIONAL_KINDS and found.count:
            numerator, denominator = self._unpack(_KINDS[found.kind], found.value[:8])
            return Fraction(numerator, denominator) if denominator else Fraction(0)
        if found.kind in FLOAT_KINDS and found.count:
            width = struct.calcsize(_KINDS[found.kind])
            number = self._unpack(_KINDS[found.kind], found.value[:width])[0]
            return Fraction(number).limit_denominator(1 << 16) if abs(number) < 1 << 31 else Fraction(0)
        return Fraction(self.numbers(found)[0])

    def _entries(self, offset: int) -> tuple[list[Field], int]:
        # Widths of the entry count, an entry, and the values that fit in one: TIFF 6.0 section 2, BigTIFF.
        count_kind, entry_kind, inline = ("Q", "HHQ8s", 8) if self.is_big else ("H", "HHI4s", 4)
        head = struct.calcsize(count_kind)
        count = self._unpack(count_kind, self._read(offset, head))[0]
        width = struct.calcsize(f"={entry_kind}")
        if count > _MOST_FIELDS:
            raise UnacceptableContentError("one of its directories claims too many fields")
        content = self._read(offset + head, count * width + inline)
        entries = []
        before = -1
        for index in range(count):
            tag, kind, values, small = self._unpack(entry_kind, content[index * width : (index + 1) * width])
            self.is_orderly = self.is_orderly and tag > before and kind in _KINDS
            before = tag
            if kind not in _KINDS:
                # TIFF 6.0: readers skip over fields of types they do not know.
                self._skipped.add((offset, tag))
                continue
            size = values * struct.calcsize(f"={_KINDS[kind]}")
            if size <= inline:
                at = offset + head + (index + 1) * width - inline
            else:
                at = self._unpack("Q" if self.is_big else "I", small)[0]
                if at + size > self._size:
                    raise UnacceptableContentError(f"it ends before the value of its field {tag}")
            entries.append(Field(tag, kind, values, b"", at))
        return entries, self._unpack("Q" if self.is_big else "I", content[count * width :])[0]

    def _valued(self, entries: Iterable[Field]) -> Directory:
        fields: dict[int, Field] = {}
        for found in entries:
            if found.tag in fields:
                self._skipped.add((found.at, found.tag))
            else:
                size = found.count * struct.calcsize(f"={_KINDS[found.kind]}")
                fields[found.tag] = replace(found, value=self._read(found.at, size))
        return fields

    def _unpack(self, kinds: str, content: bytes) -> tuple[Any, ...]:
        return struct.unpack(f"{self._order}{kinds}", content)

    def _read(self, offset: int, size: int) -> bytes:
        if size > _MOST_VALUE_BYTES:
            raise UnacceptableContentError(f"one of its fields claims {size:,} bytes")
        try:
            self._stream.seek(offset)
            content = self._stream.read(size)
        except (OSError, OverflowError, ValueError) as error:
            raise UnacceptableContentError(f"its directories point outside the file ({error})") from error
        if len(content) < size:
            raise UnacceptableContentError("it ends in the middle of a directory")
        self._taken.add((offset, offset + size))
        return content


_HEADERS: dict[bytes, tuple[ByteOrder, bool]] = {
    b"II*\0": ("little", False),
    b"MM\0*": ("big", False),
    b"II+\0": ("little", True),
    b"MM\0+": ("big", True),
}


def numerators_and_denominators(found: Field, byte_order: ByteOrder) -> tuple[int, ...]:
    """Return the two numbers of each rational of the field, one after the other."""
    order = "<" if byte_order == "little" else ">"
    return struct.unpack(f"{order}{_KINDS[found.kind] * found.count}", found.value)


def begins_as_tiff(beginning: bytes) -> bool:
    """Say whether these first bytes of a file are a TIFF header's."""
    return beginning[:4] in _HEADERS


def write_directory(fields: Directory, at: int, byte_order: ByteOrder, *, big: bool = False) -> bytes:
    """Return the directory as bytes that are to lie at offset ``at``, its long values behind its entries."""
    order = "<" if byte_order == "little" else ">"
    count_kind, entry_kind, pointer_kind, inline = ("Q", "HHQ", "Q", 8) if big else ("H", "HHI", "I", 4)
    entry_width = struct.calcsize(f"={entry_kind}") + inline
    entries = bytearray(struct.pack(f"{order}{count_kind}", len(fields)))
    behind = at + len(entries) + len(fields) * entry_width + inline
    values = bytearray()
    for tag in sorted(fields):
        found = fields[tag]
        entries += struct.pack(f"{order}{entry_kind}", tag, found.kind, found.count)
        if len(found.value) <= inline:
            entries += found.value.ljust(inline, b"\0")
        else:
            entries += struct.pack(f"{order}{pointer_kind}", behind + len(values))
            values += found.value + b"\0" * (len(found.value) % 2)
    return bytes(entries + bytes(inline) + values)
