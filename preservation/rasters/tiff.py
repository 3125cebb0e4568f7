"""TIFF as a raster: directories read by us, samples by tifffile or by libtiff, meaning given here.

libtiff (through imagecodecs) hands out the samples as stored, except those of CMYK pages, of which it
makes RGB: there Pillow reads 8 bits, and tifffile the rest.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from preservation.errors import UnacceptableContentError
from preservation.model.events import Agent
from preservation.rasters import embedded, photoshop, tiff_decoding
from preservation.rasters.decoders import LIBTIFF, PILLOW_TIFF, TIFFFILE
from preservation.rasters.decoding import refuse_beyond, reported_by, whole
from preservation.rasters.icc import fault_of_profile
from preservation.rasters.jpeg_segments import END, START_OF_SCAN, is_of_programs, name_of, segments_from
from preservation.rasters.losses import REDUCED_COPY, Concern, LossLedger
from preservation.rasters.raster import (
    Colour,
    Companions,
    Extra,
    LengthUnit,
    Raster,
    Resolution,
    Samples,
    resolution,
    settled,
)
from preservation.rasters.tiff_fields import ByteOrder, Directory, DirectoryReader

_SUBFILE_TYPE, _OLD_SUBFILE_TYPE = 254, 255
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES_PER_PIXEL, _PLANAR, _COLOR_MAP, _INK_SET, _EXTRA_SAMPLES = 277, 284, 320, 332, 338

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {
    _WHITE_IS_ZERO: Colour.GREY, _BLACK_IS_ZERO: Colour.GREY, _RGB: Colour.RGB, _PALETTE: Colour.RGB,
    _CMYK: Colour.CMYK, _YCBCR: Colour.RGB, _LAB: Colour.LAB,
}  # fmt: skip
"""PhotometricInterpretation (TIFF 6.0); YCbCr pages come out of every decoder as RGB."""
_WHOLE_DEPTHS = frozenset({1, 2, 4, 8, 16, 32, 64})
_CMYK_INKS = 1
_OF_FAX = frozenset({2, 3, 4, 32771})
_OF_JPEG, _TABLES = frozenset({6, 7}), 347
_JPEG_HEAD = 1 << 16
"""So much of each strip is looked at for what lies before its samples."""
_REDUCED, _OLD_REDUCED = 1, 2
_PLANES_APART = 2
_BYTE = 8
_ROWS_AT_ONCE = 256

PageDecoder = Callable[[int], NDArray[Any]]


class _TiffRaster:
    """A TIFF or BigTIFF whose samples are decoded by a given decoder; its pages, or ``pages`` of it."""

    def __init__(
        self,
        stream: BinaryIO,
        pixel_limit: int,
        decode: PageDecoder,
        decoder: Agent,
        pages: list[Directory] | None = None,
    ) -> None:
        self._stream = stream
        self._reader = DirectoryReader(stream)
        self._pages = self._reader.pages() if pages is None else pages
        self._limit = pixel_limit
        self._decode = decode
        self.decoder = decoder
        if not self._pages:
            raise UnacceptableContentError("it holds no page")

    @property
    def page_count(self) -> int:
        return len(self._pages)

    @property
    def byte_order(self) -> ByteOrder:
        return self._reader.byte_order

    def cmyk_depths(self) -> set[tuple[int, int]]:
        return {
            (self._number(page, _BITS, 1), self._number(page, _SAMPLES_PER_PIXEL, 1))
            for page in self._pages
            if self._photometric(page) == _CMYK
        }

    def companions(self, page: int) -> Companions:
        fields = self._pages[page]
        found = companions_in(self._reader, fields)
        ledger = LossLedger(found.embedded.losses)
        profile = found.profile
        fault = fault_of_profile(profile) if profile is not None else None
        if fault is not None:
            profile = None
            ledger.lose(
                f"tiff:{embedded.PROFILE}", f"an ICC profile that is damaged: {fault}", Concern.COLOUR
            )
        below_page = list(self._reader.all_below(fields, embedded.SUB_IMAGES))
        for segment in self._segments_of_jpegs(fields):
            ledger.lose(f"tiff:JPEG.{name_of(segment)}", "what its compressed samples hold besides")
        if page == self.page_count - 1:
            self._lose_unclaimed(ledger)
        for below in below_page:
            is_copy = _subfile_type(self._reader, below) & _REDUCED and self._size(below) < self._size(fields)
            ledger.lose(REDUCED_COPY if is_copy else "tiff:sub-image", concern=Concern.PICTURE)
        return replace(
            found,
            profile=profile,
            embedded=replace(found.embedded, losses=ledger.all),
            subfile_type=_subfile_type(self._reader, fields),
        )

    def _size(self, fields: Directory) -> int:
        return self._number(fields, _WIDTH, 0) * self._number(fields, _LENGTH, 0)

    def _segments_of_jpegs(self, fields: Directory) -> Iterator[int]:
        """Yield the kinds of segments in the JPEGs of a page, before their scans, that programs put there."""
        if self._number(fields, _COMPRESSION, 1) not in _OF_JPEG:
            return
        content = whole(self._stream)
        heads = (content[at : min(end, at + _JPEG_HEAD)] for at, end in self._reader.samples_of(fields))
        tables = [fields[_TABLES].value] if _TABLES in fields else []
        for head in chain(tables, heads):
            with suppress(UnacceptableContentError):  # what decodes them finds the damage
                for segment in segments_from(head):
                    if segment.kind in {START_OF_SCAN, END}:
                        break
                    if is_of_programs(segment, head):
                        yield segment.kind

    def _lose_unclaimed(self, ledger: LossLedger) -> None:
        samples: set[tuple[int, int]] = set()
        for page in self._pages:
            embedded.embedded_in(self._reader, page)  # which reads all that its fields point at
            for fields in (page, *self._reader.all_below(page, embedded.SUB_IMAGES)):
                samples.update(self._reader.samples_of(fields))
        between, behind = self._reader.unclaimed(samples)
        if between:
            ledger.lose("tiff:other-bytes", f"{between:,} bytes that belong to nothing")
        if behind:
            ledger.lose("tiff:trailer", f"{behind:,} bytes behind its last part")

    def decoded_bytes(self, page: int) -> int:
        """Return the most that the samples can take up; a palette may widen a byte to three 16-bit bands."""
        fields = self._pages[page]
        palette = self._photometric(fields) == _PALETTE
        bands = 6 if palette else self._number(fields, _SAMPLES_PER_PIXEL, 1)
        pixels = self._number(fields, _WIDTH, 0) * self._number(fields, _LENGTH, 0)
        return pixels * bands * max(1, self._number(fields, _BITS, 1) // _BYTE)

    def samples(self, page: int) -> Samples:
        fields = self._pages[page]
        refuse_beyond(self._limit, self._number(fields, _WIDTH, 0), self._number(fields, _LENGTH, 0))
        photometric = self._photometric(fields)
        colour, bits = self._meaning(fields, photometric)
        with reported_by(self.decoder):
            values = self._decode(page)
            if self._number(fields, _PLANAR, 1) == _PLANES_APART and values.shape[2:]:
                values = np.ascontiguousarray(np.moveaxis(values, 0, -1))
            if values.shape[2:] == (1,):
                values = values[..., 0]
            if photometric == _PALETTE:
                return Samples(self._looked_up(values, fields), Colour.RGB)
            if colour is Colour.GREY:
                values = _in_full_range(values, bits)
                if photometric == _WHITE_IS_ZERO:
                    values = _inverted(values)
        if values.dtype == np.bool_:
            colour = Colour.BILEVEL
        return Samples(values, colour, self._extras(fields, colour, values))

    def _photometric(self, fields: Directory) -> int:
        """Return what samples stand for; where it is not stated, what libtiff and all that use it take."""
        if _PHOTOMETRIC in fields:
            return self._number(fields, _PHOTOMETRIC, 0)
        extra = fields[_EXTRA_SAMPLES].count if _EXTRA_SAMPLES in fields else 0
        colours = self._number(fields, _SAMPLES_PER_PIXEL, 1) - extra
        if colours == Colour.GREY.bands:
            of_fax = self._number(fields, _COMPRESSION, 1) in _OF_FAX
            return _WHITE_IS_ZERO if of_fax else _BLACK_IS_ZERO
        if colours == Colour.RGB.bands:
            return _RGB
        raise UnacceptableContentError("it does not say what its samples stand for")

    def _meaning(self, fields: Directory, photometric: int) -> tuple[Colour, int]:
        depths = set(self._reader.numbers(fields[_BITS])) if _BITS in fields else {1}
        bits = depths.pop()
        if depths or bits not in _WHOLE_DEPTHS:
            raise UnacceptableContentError(
                "its samples have depths that are not carried over exactly: "
                f"{', '.join(map(str, sorted({bits, *depths})))} bits"
            )
        colour = _COLOURS.get(photometric)
        if colour is None:
            raise UnacceptableContentError(f"its colours are of a kind that is not migrated ({photometric})")
        if colour is Colour.CMYK and self._number(fields, _INK_SET, _CMYK_INKS) != _CMYK_INKS:
            raise UnacceptableContentError("its inks are other than cyan, magenta, yellow and black")
        if bits < _BYTE and colour is not Colour.GREY and photometric != _PALETTE:
            raise UnacceptableContentError(
                f"its {colour} samples of {bits} bits are not carried over exactly"
            )
        return colour, bits

    def _extras(self, fields: Directory, colour: Colour, values: NDArray[Any]) -> tuple[Extra, ...]:
        count = sum(values.shape[2:] or (1,)) - colour.bands
        if count < 0:
            raise UnacceptableContentError(f"its pixels have too few samples for {colour}")
        known = self._reader.numbers(fields[_EXTRA_SAMPLES]) if _EXTRA_SAMPLES in fields else ()
        kinds = [Extra(kind) if kind in set(Extra) else Extra.UNSPECIFIED for kind in known[:count]]
        return (*kinds, *[Extra.UNSPECIFIED] * (count - len(kinds)))

    def _looked_up(self, indices: NDArray[Any], fields: Directory) -> NDArray[Any]:
        if _COLOR_MAP not in fields or indices.shape[2:]:
            raise UnacceptableContentError("its pixels point into a palette that is not there")
        table = np.array(self._reader.numbers(fields[_COLOR_MAP]), dtype=np.uint16)
        table = table[: table.size // 3 * 3].reshape(3, -1).T
        if int(indices.max()) >= len(table):
            raise UnacceptableContentError("its pixels point outside its palette")
        return looked_up(narrowed(table), indices)

    def _number(self, fields: Directory, tag: int, otherwise: int) -> int:
        return _number(self._reader, fields, tag, otherwise)


def _number(reader: DirectoryReader, fields: Directory, tag: int, otherwise: int) -> int:
    return reader.numbers(fields[tag])[0] if tag in fields else otherwise


def _subfile_type(reader: DirectoryReader, fields: Directory) -> int:
    is_old_copy = _number(reader, fields, _OLD_SUBFILE_TYPE, 0) == _OLD_REDUCED
    return _number(reader, fields, _SUBFILE_TYPE, _REDUCED if is_old_copy else 0)


def looked_up(table: NDArray[Any], indices: NDArray[Any]) -> NDArray[Any]:
    """Return the entries of ``table`` for every pixel, few rows at once: numpy widens indices to 64 bits."""
    found = np.empty((*indices.shape, *table.shape[1:]), dtype=table.dtype)
    for row in range(0, len(indices), _ROWS_AT_ONCE):
        rows = slice(row, row + _ROWS_AT_ONCE)
        found[rows] = table[indices[rows].astype(np.intp)]
    return found


def narrowed(palette: NDArray[np.uint16]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return a 16-bit palette in 8 bits where that loses nothing, however its writer widened it."""
    high = (palette >> 8).astype(np.uint8)
    for multiple in (257, 256):
        if np.array_equal(high.astype(np.uint16) * multiple, palette):
            return high
    return palette


def _in_full_range(values: NDArray[Any], bits: int) -> NDArray[Any]:
    if bits == 1:
        return values.astype(np.bool_, copy=False)
    if bits < _BYTE:
        # 3 and 15 divide 255: 2 and 4 bits become 8 exactly.
        widened: NDArray[Any] = values.astype(np.uint8) * np.uint8(255 // ((1 << bits) - 1))
        return widened
    return values


def _inverted(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "bu" or values.shape[2:]:
        raise UnacceptableContentError(
            "0 is white in it, and its samples have no highest number to count from"
        )
    inverted: NDArray[Any] = np.invert(values)  # of an unsigned number: its distance from the highest
    return inverted


def companions_in(reader: DirectoryReader, fields: Directory, container: str = "tiff") -> Companions:
    """Return the profile, resolution, orientation and metadata in the fields of a page, or of EXIF."""
    found = embedded.embedded_in(reader, fields, container)
    ledger = LossLedger(found.losses)
    stated, orientation = resolution_in(reader, fields), orientation_in(reader, fields)
    if orientation is None and embedded.ORIENTATION in fields:
        ledger.lose(f"{container}:{embedded.ORIENTATION}", "none of the eight ways up")
    for tag in (embedded.ACROSS, embedded.DOWN):
        if stated is None and tag in fields and reader.fraction(fields[tag]) not in {0, 1}:
            ledger.lose(f"{container}:{tag}", f"a resolution of {reader.fraction(fields[tag])}")
    unit = _number(reader, fields, embedded.RESOLUTION_UNIT, LengthUnit.INCH)
    if stated is not None and unit not in set(LengthUnit):
        ledger.lose(f"{container}:{embedded.RESOLUTION_UNIT}", f"a unit that nobody knows: {unit}")
    in_resources = None
    if container == "tiff" and photoshop.TIFF_TAG in fields:
        in_resources = photoshop.resolution_in_resources(fields[photoshop.TIFF_TAG].value)
    # What only the resources state is carried with them.
    both = [("its fields", stated), ("Photoshop's resources", in_resources if stated else None)]
    _, dispute = settled([(who, found) for who, found in both if found is not None])
    return Companions(
        profile=fields[embedded.PROFILE].value if embedded.PROFILE in fields else None,
        resolution=stated,
        stated_orientation=orientation,
        embedded=replace(found, losses=ledger.all),
        dispute=dispute,
    )


def resolution_in(reader: DirectoryReader, fields: Directory) -> Resolution | None:
    """Return the resolution that the fields hold (TIFF 6.0 section 8: inches where no unit is named)."""
    if embedded.ACROSS not in fields or embedded.DOWN not in fields:
        return None
    unit = _number(reader, fields, embedded.RESOLUTION_UNIT, LengthUnit.INCH)
    return resolution(
        reader.fraction(fields[embedded.ACROSS]),
        reader.fraction(fields[embedded.DOWN]),
        LengthUnit(unit) if unit in set(LengthUnit) else LengthUnit.NONE,
    )


def orientation_in(reader: DirectoryReader, fields: Directory) -> int | None:
    """Return the orientation that a directory's fields hold; ``None`` where it is none of EXIF's eight."""
    found = reader.numbers(fields[embedded.ORIENTATION])[0] if embedded.ORIENTATION in fields else None
    return found if found in range(1, 9) else None


def tiff_by_tifffile(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a TIFF whose samples tifffile decodes."""
    with reported_by(TIFFFILE):
        stream.seek(0)
        source = tifffile.TiffFile(tifffile.FileHandle(stream, name="source"))

    def decode(page: int) -> NDArray[Any]:
        return np.asarray(source.pages[page].asarray(maxworkers=1))

    return _TiffRaster(stream, pixel_limit, decode, TIFFFILE)


def tiff_below_thumbnail(stream: BinaryIO, pixel_limit: int) -> Raster | None:
    """Open the full picture of a TIFF that has only thumbnails as pages, and the picture below the first.

    So cameras write it. ``None`` where a page stands for itself, or nothing full lies below.
    """
    reader = DirectoryReader(stream)
    pages = reader.pages()
    if not pages or not all(_subfile_type(reader, page) & _REDUCED for page in pages):
        return None
    below = list(reader.all_below(pages[0], embedded.SUB_IMAGES))
    full = [number for number, fields in enumerate(below) if not _subfile_type(reader, fields) & _REDUCED]
    if not full:
        return None
    with reported_by(TIFFFILE):
        stream.seek(0)
        source = tifffile.TiffFile(tifffile.FileHandle(stream, name="source"))

    def decode(page: int) -> NDArray[Any]:
        first = source.pages[0].aspage()
        return np.asarray(first.pages[full[page]].asarray(maxworkers=1)) if first.pages else np.empty(0)

    return _TiffRaster(stream, pixel_limit, decode, TIFFFILE, [below[number] for number in full])


def tiff_by_libtiff(stream: BinaryIO, pixel_limit: int) -> Raster:
    """Open a TIFF whose samples libtiff decodes, but for CMYK, of which it would make RGB."""

    def decode(page: int) -> NDArray[Any]:
        return tiff_decoding.decode(whole(stream), page)

    raster = _TiffRaster(stream, pixel_limit, decode, LIBTIFF)
    cmyk = raster.cmyk_depths()
    if not cmyk:
        return raster
    if cmyk != {(_BYTE, Colour.CMYK.bands)}:
        return tiff_by_tifffile(stream, pixel_limit)
    by_pillow = _by_pillow(stream)

    def decode_inks(page: int) -> NDArray[Any]:
        decode(page)  # which says what is damaged, and makes RGB
        return by_pillow(page)

    return _TiffRaster(stream, pixel_limit, decode_inks, PILLOW_TIFF)


def _by_pillow(stream: BinaryIO) -> PageDecoder:
    def decode(page: int) -> NDArray[Any]:
        stream.seek(0)
        with TiffImagePlugin.TiffImageFile(stream) as image:
            image.seek(page)
            return np.asarray(image)

    return decode
