"""TIFF 6.0, uncompressed or LZW, written page by page by tifffile; BigTIFF where 4 GiB would not do.

tifffile cannot write the EXIF and GPS directories: they are appended here, and their pointers filled in.
"""

from fractions import Fraction
from math import ceil
from typing import BinaryIO

import tifffile

from preservation.errors import UnacceptableContentError
from preservation.rasters import embedded, tiff_fields
from preservation.rasters.decoders import TIFFFILE
from preservation.rasters.decoding import reported_by
from preservation.rasters.embedded import Embedded, sub_directories
from preservation.rasters.raster import Colour, Companions, LengthUnit, Raster, Resolution, Samples

_STRIP_BYTES = 1 << 18
_MOST_32_BITS = 0xFFFFFFFF
_CLASSIC_BYTES = (1 << 32) - (1 << 24)
"""What the samples of a classic TIFF may take up; the rest of 4 GiB is left for its fields."""

_PHOTOMETRIC = {
    Colour.BILEVEL: "minisblack", Colour.GREY: "minisblack", Colour.RGB: "rgb", Colour.CMYK: "separated",
    Colour.LAB: "cielab",
}  # fmt: skip

_ExtraTag = tuple[int | str, int, int, int | bytes | tuple[int, ...], bool]


def write_tiff(raster: Raster, stream: BinaryIO, *, lzw: bool) -> str:
    """Write every page of ``raster`` with all that travels with it; return the name of the format written.

    Raises ``UnacceptableContentError`` where TIFF cannot hold a page.
    """
    order = raster.byte_order
    big = sum(map(raster.decoded_bytes, range(raster.page_count))) > _CLASSIC_BYTES
    found: list[Embedded] = []
    # Named, since tifffile takes the number that a stream has from its descriptor for a path.
    file = tifffile.FileHandle(stream, name="derivative")
    with tifffile.TiffWriter(file, bigtiff=big, byteorder="<" if order == "little" else ">") as target:
        for page in range(raster.page_count):
            companions = raster.companions(page)
            found.append(companions.embedded)
            if companions.embedded.has_fields and companions.embedded.byte_order != order:
                raise UnacceptableContentError("the EXIF of its pages is written in different byte orders")
            _write_page(target, raster.samples(page), companions, lzw=lzw, big=big)
    _append_directories(stream, found, order, big=big)
    stream.flush()
    return f"{'BigTIFF' if big else 'TIFF 6.0'}, {'LZW' if lzw else 'uncompressed'}"


def _write_page(
    target: tifffile.TiffWriter, samples: Samples, companions: Companions, *, lzw: bool, big: bool
) -> None:
    row_bytes = max(1, samples.values[:1].nbytes)
    with reported_by(TIFFFILE, "write"):
        target.write(
            samples.values,
            photometric=_PHOTOMETRIC[samples.colour],
            planarconfig="contig" if samples.values.shape[2:] else None,
            extrasamples=[int(extra) for extra in samples.extras] or None,
            compression="lzw" if lzw else None,
            rowsperstrip=max(1, _STRIP_BYTES // row_bytes),
            resolution=_ratios(companions.resolution),
            resolutionunit=companions.resolution.unit if companions.resolution else LengthUnit.NONE,
            iccprofile=companions.profile,
            extratags=_extra_tags(companions, tiff_fields.LONG8_KIND if big else tiff_fields.LONG_KIND),
            subfiletype=companions.subfile_type,
            metadata=None,
            software=False,
            contiguous=False,
        )


def _extra_tags(companions: Companions, pointer_kind: int) -> list[_ExtraTag]:
    found = companions.embedded
    tags = [_extra_tag(field, found.byte_order) for field in found.main.values()]
    if companions.orientation != 1:
        tags.append((embedded.ORIENTATION, tiff_fields.SHORT_KIND, 1, companions.orientation, False))
    if found.xmp is not None:
        tags.append((embedded.XMP, 1, len(found.xmp), found.xmp, False))
    if found.iptc is not None:
        tags.append((embedded.IPTC, tiff_fields.BYTES_KIND, len(found.iptc), found.iptc, False))
    # By name, since by number tifffile leaves them out. Filled in once the directories have been written.
    if found.exif or found.interoperability:
        tags.append(("ExifTag", pointer_kind, 1, 0, False))
    if found.gps:
        tags.append(("GPSTag", pointer_kind, 1, 0, False))
    return tags


def _extra_tag(field: tiff_fields.Field, order: tiff_fields.ByteOrder) -> _ExtraTag:
    if field.kind not in tiff_fields.RATIONAL_KINDS:
        return field.tag, field.kind, field.count, field.value, False
    # tifffile miscounts rationals that it is handed as bytes.
    return field.tag, field.kind, field.count, tiff_fields.numerators_and_denominators(field, order), False


def _append_directories(
    stream: BinaryIO, found: list[Embedded], order: tiff_fields.ByteOrder, *, big: bool
) -> None:
    if not any(one.exif or one.interoperability or one.gps for one in found):
        return
    for page, one in zip(tiff_fields.DirectoryReader(stream).pages(), found, strict=True):
        block = bytearray()
        base = stream.seek(0, 2)
        pointers = dict(sub_directories(one, block, order, base=base, big=big))
        stream.write(block)
        for tag, offset in pointers.items():
            stream.seek(page[tag].at)
            stream.write(offset.to_bytes(8 if big else 4, order))


def _ratios(resolution: Resolution | None) -> tuple[tuple[int, int], tuple[int, int]] | None:
    if resolution is None:
        return None
    return _ratio(resolution.across), _ratio(resolution.down)


def _ratio(number: Fraction) -> tuple[int, int]:
    # A RATIONAL is two numbers of 32 bits.
    if max(number.numerator, number.denominator) > _MOST_32_BITS:
        number = number.limit_denominator(_MOST_32_BITS // ceil(number))
    return number.numerator, number.denominator
