"""The strips and tiles of a TIFF, decoded one by one: each must give as many bytes as its page says."""

import contextlib
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, BinaryIO, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from preservation.errors import UnacceptableContentError
from preservation.rasters import embedded, jpeg
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.jpeg_segments import Content
from preservation.rasters.tiff_fields import Directory, DirectoryReader

COMPRESSION = 259
_SUBFILE_TYPE, _REDUCED = 254, 1
"""Bit 0 of NewSubfileType (TIFF 6.0): the page is a smaller copy of another."""
_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 262, 266
_STRIPS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _FAX_OPTIONS = 273, 277, 278, 279, 284, 292
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _TABLES, _SUBSAMPLING, _PREDICTOR = (
    322, 323, 324, 325, 347, 530, 317,
)  # fmt: skip
_TAGS: Final = frozenset({
    _SUBFILE_TYPE,
    _WIDTH, _LENGTH, _BITS, COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _SAMPLES, _ROWS_PER_STRIP,
    _STRIP_BYTES, _PLANAR, _FAX_OPTIONS, _TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _TABLES,
    _SUBSAMPLING,
    embedded.PROFILE, embedded.SUB_IMAGES, _PREDICTOR,
})  # fmt: skip
_YCBCR, _APART, _LAST_BIT_FIRST, _DIFFERENCES = 6, 2, 2, 2
_BYTE = 8
_CHECKSUM = 4
_NONE, _RLE, _G3, _G4, _LZW, _DEFLATE, _OLD_DEFLATE, _WORD_RLE, _PACKBITS = (
    1, 2, 3, 4, 5, 8, 32946, 32771, 32773,
)  # fmt: skip
JPEG: Final = 7
OLD_JPEG: Final = 6
FAX: Final = frozenset({_RLE, _G3, _G4, _WORD_RLE})
DEFLATE: Final = frozenset({_DEFLATE, _OLD_DEFLATE})
SIMPLE: Final = frozenset({_NONE, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS})
"""Compressions of plain samples, of which libtiff reports every fault."""

_MOST_SUB_IMAGES = 1000


@dataclass(frozen=True, slots=True)
class TiffSegment:
    """A strip or a tile: where its bytes are, how many rows it has, and how many bytes it decodes to."""

    at: int
    size: int
    rows: int
    decoded: int


class SegmentedPage:
    """A page of a TIFF, or a picture that hangs below one."""

    def __init__(self, reader: DirectoryReader, fields: Directory) -> None:
        self._reader = reader
        self._fields = fields
        self.compression = self._number(COMPRESSION, _NONE)
        self.columns = self._number(_WIDTH, 0)
        self.samples = self._number(_SAMPLES, 1)
        # A fax that does not say so is black on white, as libtiff takes it.
        self.photometric = self._number(_PHOTOMETRIC, 0 if self.compression in FAX else 1)
        depths = set(self._numbers(_BITS)) or {1}
        self.bits = depths.pop() if len(depths) == 1 else 0
        self.is_tiled = _TILE_LENGTH in fields
        self.is_copy = bool(self._number(_SUBFILE_TYPE, 0) & _REDUCED)
        self.is_differenced = self._number(_PREDICTOR, 1) == _DIFFERENCES
        self.is_of_this_machine = self.bits == _BYTE or reader.byte_order == sys.byteorder
        self.is_in_planes = self.samples > 1 and self._number(_PLANAR, 1) == _APART

    @property
    def profile_fault(self) -> str | None:
        """In what its ICC profile is damaged."""
        found = self._fields.get(embedded.PROFILE)
        return fault_of_profile(found.value) if found is not None else None

    @property
    def sub_images(self) -> tuple[int, ...]:
        """Where the directories of the pictures lie that hang below it."""
        found = self._fields.get(embedded.SUB_IMAGES)
        return self._reader.numbers(found)[:_MOST_SUB_IMAGES] if found is not None else ()

    @property
    def jpeg_tables(self) -> bytes:
        """The tables that its JPEG segments share."""
        return self._fields[_TABLES].value if _TABLES in self._fields else b""

    @property
    def is_last_bit_first(self) -> bool:
        """Say whether the bits of each byte are in the other order (FillOrder)."""
        return self._number(_FILL_ORDER, 1) == _LAST_BIT_FIRST

    @property
    def segment_columns(self) -> int:
        """How wide its segments are."""
        return self._number(_TILE_WIDTH, 0) or self.columns

    @property
    def segment_rows(self) -> int:
        """How high its segments are, but for the last strip."""
        length = self._number(_LENGTH, 0)
        return self._number(_TILE_LENGTH, 0) or min(self._number(_ROWS_PER_STRIP, length), length)

    @property
    def fax_options(self) -> int:
        """T4Options: whether a Group 3 page is coded in two dimensions."""
        return self._number(_FAX_OPTIONS, 0)

    def segments(self) -> Iterator[TiffSegment]:
        """Yield its strips or tiles. Raises ``UnacceptableContentError`` where these are no numbers."""
        offsets = self._numbers(_TILES if _TILES in self._fields else _STRIPS)
        sizes = self._numbers(_TILE_BYTES) if _TILE_BYTES in self._fields else self._numbers(_STRIP_BYTES)
        length = self._number(_LENGTH, 0)
        rows = self.segment_rows
        if not (offsets and rows and self.columns and length):
            return
        down = ceil(length / rows)
        for index, (at, size) in enumerate(zip(offsets, sizes, strict=False)):
            here = rows if self.is_tiled else min(rows, length - index % down * rows)
            yield TiffSegment(at, size, here, self._bytes_of(here))

    def _bytes_of(self, rows: int) -> int:
        samples = 1 if self.is_in_planes else self.samples
        columns = self.segment_columns
        if self.photometric == _YCBCR and samples == 3:  # noqa: PLR2004  Y, Cb, Cr
            across, down = (
                (*self._numbers(_SUBSAMPLING), 2, 2)[:2] if _SUBSAMPLING in self._fields else (2, 2)
            )
            blocks = ceil(columns / max(across, 1)) * ceil(rows / max(down, 1))
            return blocks * (across * down + 2) * self._number(_BITS, 8) // 8
        return ceil(columns * samples * self._number(_BITS, 1) / 8) * rows

    def _number(self, tag: int, otherwise: int) -> int:
        return self._numbers(tag)[0] if tag in self._fields else otherwise

    def _numbers(self, tag: int) -> tuple[int, ...]:
        return self._reader.numbers(self._fields[tag]) if tag in self._fields else ()


def pages_in(reader: DirectoryReader) -> Iterator[tuple[SegmentedPage, bool]]:
    """Yield every page, and behind it all that hangs below it; with whether it is such a one."""
    seen: set[int] = set()
    for entries in reader.chain():
        page = SegmentedPage(reader, reader.valued(entries, _TAGS))
        yield page, False
        waiting = [*page.sub_images]
        while waiting:
            at = waiting.pop(0)
            if at not in seen and len(seen) < _MOST_SUB_IMAGES:
                seen.add(at)
                below = SegmentedPage(reader, reader.directory_at(at, _TAGS))
                yield below, True
                waiting += below.sub_images


def check(stream: BinaryIO, page: SegmentedPage) -> None:
    """Decode every segment of a page. Raises ``UnacceptableContentError`` where one is damaged."""
    end = stream.seek(0, 2)
    decode = _DECODERS.get(page.compression)
    for segment in page.segments():
        if segment.at + segment.size > end:
            raise UnacceptableContentError("the file ends before the image does")
        if page.compression == _NONE and segment.size < segment.decoded:
            raise UnacceptableContentError("a part of its image data is missing")
        if decode is not None:
            stream.seek(segment.at)
            decode(stream.read(segment.size), segment, page)


def has_checksums_of(page: SegmentedPage, samples: NDArray[Any], content: Content) -> bool:
    """Say whether the checksums of a deflated page are those of the samples that it was decoded to.

    libtiff does not always compare them, and this takes a fraction of the time of decoding once more. Where
    it cannot be said, as of tiles, the answer is no.
    """
    if page.is_tiled or page.is_in_planes or not page.is_of_this_machine:
        return False
    row = 0
    for segment in page.segments():
        rows = samples[row : row + segment.rows]
        row += segment.rows
        if page.is_differenced:
            left = rows[:, :-1]
            rows = np.array(rows)
            rows[:, 1:] -= left
        end = segment.at + segment.size
        stored = int.from_bytes(content[end - _CHECKSUM : end])
        if zlib.adler32(np.ascontiguousarray(rows).data) != stored:
            return False
    return row >= len(samples)


def _inflate(content: bytes, segment: TiffSegment, page: SegmentedPage) -> None:  # noqa: ARG001  as any decoder
    inflater = zlib.decompressobj()
    try:
        decoded = len(inflater.decompress(content))
    except zlib.error as error:
        raise UnacceptableContentError(
            "a part of its image data is damaged: it cannot be unpacked"
        ) from error
    if decoded < segment.decoded or not inflater.eof:
        raise UnacceptableContentError(
            "a part of its image data is damaged: it unpacks to less than it should"
        )


def _unpack_bits(content: bytes, segment: TiffSegment, page: SegmentedPage) -> None:  # noqa: ARG001  as any decoder
    _require(len(imagecodecs.packbits_decode(content)) == segment.decoded)


def _unpack_lzw(content: bytes, segment: TiffSegment, page: SegmentedPage) -> None:  # noqa: ARG001  as any decoder
    _require(len(imagecodecs.lzw_decode(content)) >= segment.decoded)


def _decode_jpeg(content: bytes, segment: TiffSegment, page: SegmentedPage) -> None:  # noqa: ARG001  as any decoder
    with contextlib.suppress(NotImplementedError):
        jpeg.decode(jpeg.with_tables(content, page.jpeg_tables), components=1)


def _decode_fax(content: bytes, segment: TiffSegment, page: SegmentedPage) -> None:
    if page.is_last_bit_first:
        content = bytes(imagecodecs.bitorder_decode(content))
    rows, columns = segment.rows, page.segment_columns
    if page.compression == _G4:
        imagecodecs.ccittfax4_decode(content, rows, columns)
    elif page.compression == _G3:
        imagecodecs.ccittfax3_decode(content, rows, columns, t4options=page.fax_options)
    else:
        imagecodecs.ccittrle_decode(content, rows, columns)


def _require(is_whole: bool) -> None:  # noqa: FBT001  private
    if not is_whole:
        raise UnacceptableContentError(
            "a part of its image data is damaged: it unpacks to another size than it should"
        )


_Decoder = Callable[[bytes, TiffSegment, SegmentedPage], None]
_DECODERS: Final[Mapping[int, _Decoder]] = {
    JPEG: _decode_jpeg, _DEFLATE: _inflate, _OLD_DEFLATE: _inflate, _PACKBITS: _unpack_bits,
    _LZW: _unpack_lzw,
    _RLE: _decode_fax, _WORD_RLE: _decode_fax, _G3: _decode_fax, _G4: _decode_fax,
}  # fmt: skip
