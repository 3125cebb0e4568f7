"""Metadata inside images: the fields of TIFF and EXIF, XMP and IPTC, kept byte for byte.

A TIFF's own directory and the first directory of an EXIF block are the same thing: whatever in it does
not say how the pixels are stored is description, and is carried.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from PIL import ExifTags
from tifffile import TIFF

from preservation.errors import UnacceptableContentError
from preservation.rasters import tiff_fields
from preservation.rasters.losses import Loss, LossLedger

ORIENTATION = 274
ACROSS, DOWN, RESOLUTION_UNIT = 282, 283, 296
XMP, IPTC, PROFILE = 700, 33723, 34675
EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
SUB_IMAGES = 330

_BITS, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO, _PALETTE, _YCBCR = 0, 3, 6

_APART = frozenset(
    {ORIENTATION, ACROSS, DOWN, RESOLUTION_UNIT, XMP, IPTC, PROFILE, EXIF, GPS, INTEROPERABILITY}
)
"""Fields that are held apart: they have places of their own."""

_STRUCTURE = frozenset(
    {
        # What a page is to others: compared with its samples.
        *(254, 255),
        # Its size, its samples and their meaning: compared with what they decode to.
        *(256, 257, 258, 262, 277, 320, 338, 339),
        # How the samples are laid down, ordered and compressed.
        *(259, 266, 273, 278, 279, 284, 292, 293, 317, 322, 323, 324, 325, 347),
        # Free bytes.
        *(288, 289),
        # JPEG and YCbCr: how the source compressed its pixels.
        *(512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531),
        # How grey was screened, and volumes; more than the default is named as left behind.
        *(263, 264, 265, 32997, 32998),
        SUB_IMAGES,
        *_APART,
    }
)
"""Fields that only serve decoding, or that are compared otherwise. All others are description."""

_OF_CODING = frozenset({254, 255, 256, 257, 258, 259, 262, 266, 277, 284, 529, 530, 531})
"""Fields that repeat in EXIF what the picture around it says of its size and its samples."""

_COMPRESSION, _OLD_JPEG, _JPEGS = 259, 6, frozenset({7, 34892})
_ONLY_OF = {
    320: (_PHOTOMETRIC, frozenset({_PALETTE})),
    347: (_COMPRESSION, _JPEGS),
    **dict.fromkeys((513, 519, 520, 521), (_COMPRESSION, frozenset({_OLD_JPEG}))),
}
"""Palettes, tables and JPEGs by the field and the values of it with which decoders use them."""

_BY_DEFAULT = {263: 1, 32997: 1, 32998: 1}
_NEVER_ALONE = frozenset({264, 265})
_OF_SAMPLES = frozenset({280, 281, 290, 291, 301, 336, 340, 341, 342, 532})
"""Description that counts in the numbers of the samples; it is wrong where these are widened or turned."""

_EVERY_TAG = range(1 << 16)
_MAKER_NOTE = 37500
_MAY_POINT = frozenset({400, 33424, 50740, 50933})
"""Fields whose values hold offsets into their own file: GlobalParametersIFD, Kodak's, DNG's."""

_SELF_CONTAINED = (
    b"Nikon\0\2", b"OLYMPUS\0", b"OM SYSTEM\0", b"FUJIFILM", b"Apple iOS\0", b"PENTAX \0",
)  # fmt: skip
"""Maker notes that count their offsets from their own beginning."""

_KNOWN = frozenset({*dict(TIFF.TAGS.items()), *dict(TIFF.EXIF_TAGS.items()), *ExifTags.TAGS})
_KNOWN_TO_GPS = frozenset({*dict(TIFF.GPS_TAGS.items()), *ExifTags.GPSTAGS})
_KNOWN_TO_INTEROPERABILITY = frozenset({*dict(TIFF.IOP_TAGS.items()), *map(int, ExifTags.Interop)})


@dataclass(frozen=True, slots=True)
class Embedded:
    """The metadata of one page. ``losses`` are what the source holds and no target here can."""

    byte_order: tiff_fields.ByteOrder = "little"
    main: tiff_fields.Directory = field(default_factory=dict)
    exif: tiff_fields.Directory = field(default_factory=dict)
    gps: tiff_fields.Directory = field(default_factory=dict)
    interoperability: tiff_fields.Directory = field(default_factory=dict)
    xmp: bytes | None = None
    iptc: bytes | None = None
    losses: tuple[Loss, ...] = ()

    @property
    def has_fields(self) -> bool:
        """Say whether there is any field, and so any meaning in the byte order."""
        return bool(self.main or self.exif or self.gps or self.interoperability)

    def differences(self, other: Embedded) -> list[str]:
        """Name what both could hold and is not the same in ``other``, by tag where it is a field."""
        found = []
        for part in fields(self):
            if part.name == "losses":
                continue
            mine, theirs = getattr(self, part.name), getattr(other, part.name)
            if isinstance(mine, Mapping):
                tags = sorted(tag for tag in mine.keys() | theirs.keys() if mine.get(tag) != theirs.get(tag))
                found += [f"field {tag} ({part.name})" for tag in tags]
            elif mine != theirs and (part.name != "byte_order" or self.has_fields):
                found.append(part.name.replace("_", " "))
        return found

    def __str__(self) -> str:
        exif = len(self.exif) + len(self.gps) + len(self.interoperability)
        sizes = (("XMP", self.xmp), ("IPTC", self.iptc))
        return ", ".join(
            (
                f"{len(self.main)} descriptive fields",
                f"{exif} EXIF fields",
                *(f"{name} {len(block):,} bytes" if block else f"no {name}" for name, block in sizes),
            )
        )


def embedded_in(
    reader: tiff_fields.DirectoryReader, page: tiff_fields.Directory, container: str = "tiff"
) -> Embedded:
    """Return the metadata of a page of a TIFF, or of an EXIF block's first directory (``container`` exif)."""
    ledger = LossLedger()

    def below(directory: tiff_fields.Directory, pointer: int, name: str) -> tiff_fields.Directory:
        try:
            return reader.below(directory, pointer)
        except UnacceptableContentError as error:
            ledger.lose(f"{container}:{pointer}", f"{name} that is damaged: {error}")
            return {}

    exif = below(page, EXIF, "EXIF")
    gps = below(page, GPS, "GPS")
    interoperability = below(exif, INTEROPERABILITY, "EXIF on interoperability")
    _lose_from(ledger, page, f"{container}:", _KNOWN)
    if container == "tiff":
        _lose_structure(ledger, reader, page)
    for directory, prefix, known in (
        (exif, "exif:", _KNOWN),
        (gps, "exif:GPS.", _KNOWN_TO_GPS),
        (interoperability, "exif:Interoperability.", _KNOWN_TO_INTEROPERABILITY),
    ):
        _lose_from(ledger, directory, prefix, known)
        for tag in (directory.keys() & _STRUCTURE) - {INTEROPERABILITY}:
            ledger.lose(f"{prefix}{tag}", "where it has no meaning")
    if container == "exif":
        for tag in (page.keys() & _STRUCTURE) - _OF_CODING - _APART:
            ledger.lose(f"exif:{tag}", "where it has no meaning")
        _lose_thumbnails(ledger, reader)
    for tag in reader.skipped_tags:
        ledger.lose(f"{container}:{tag}", "double, of an unknown type, or with more behind it")
    return Embedded(
        byte_order=reader.byte_order,
        main=_description(
            found
            for found in page.values()
            if container != "tiff" or not _is_of_changed_samples(reader, page, found)
        ),
        exif=_description(exif.values()),
        gps=_description(gps.values()),
        interoperability=_description(interoperability.values()),
        xmp=page[XMP].value if XMP in page else None,
        iptc=page[IPTC].value if IPTC in page else None,
        losses=ledger.all,
    )


def _lose_from(
    ledger: LossLedger, directory: tiff_fields.Directory, prefix: str, known: frozenset[int]
) -> None:
    for tag, found in directory.items():
        if tag in _STRUCTURE:
            continue
        if found.kind in tiff_fields.POINTER_KINDS:
            ledger.lose(f"{prefix}{tag}", "it points at fields that are not carried")
        elif tag in _MAY_POINT:
            ledger.lose(f"{prefix}{tag}", "its bytes are copied; the offsets in them lead nowhere there")
        elif tag == _MAKER_NOTE and not found.value.startswith(_SELF_CONTAINED):
            ledger.lose("exif:MakerNote", "its bytes are copied; offsets in them may lead nowhere there")
        elif tag not in known:
            ledger.lose(
                f"{prefix}{tag}", "an unknown field: its bytes are copied, what they mean is not known"
            )


def _lose_structure(
    ledger: LossLedger, reader: tiff_fields.DirectoryReader, page: tiff_fields.Directory
) -> None:
    for tag in page.keys() & (_BY_DEFAULT.keys() | _NEVER_ALONE):
        if tag in _NEVER_ALONE or set(reader.numbers(page[tag])) != {_BY_DEFAULT[tag]}:
            ledger.lose(f"tiff:{tag}")
    for tag in page.keys() & _ONLY_OF.keys():
        decided_by, values = _ONLY_OF[tag]
        if _first(reader, page, decided_by) not in values:
            ledger.lose(f"tiff:{tag}", "what no decoder of this picture looks at")
    if {273, 324} <= page.keys():
        ledger.lose("tiff:273", "strips beside its tiles")
    for tag in page.keys() & _OF_SAMPLES:
        if _is_of_changed_samples(reader, page, page[tag]) and _says_something(reader, page, page[tag]):
            ledger.lose(f"tiff:{tag}", "it counts in numbers of samples that are widened or turned")


def _lose_thumbnails(ledger: LossLedger, reader: tiff_fields.DirectoryReader) -> None:
    samples: set[tuple[int, int]] = set()
    try:
        for directory in reader.pages()[1:]:
            ledger.lose("exif:thumbnail", "a small copy of the picture")
            samples.update(reader.samples_of(directory))
    except UnacceptableContentError as error:
        ledger.lose("exif:thumbnail", f"one that is damaged: {error}")
    if any(others := reader.unclaimed(samples)):
        ledger.lose("exif:other-bytes", f"{sum(others):,} bytes that belong to nothing")


def _is_of_changed_samples(
    reader: tiff_fields.DirectoryReader, page: tiff_fields.Directory, found: tiff_fields.Field
) -> bool:
    if found.tag not in _OF_SAMPLES:
        return False
    bits, photometric = (_first(reader, page, tag) for tag in (_BITS, _PHOTOMETRIC))
    is_widened = bits in {2, 4}
    return is_widened or photometric in {None, _WHITE_IS_ZERO, _PALETTE, _YCBCR}


def _says_something(
    reader: tiff_fields.DirectoryReader, page: tiff_fields.Directory, found: tiff_fields.Field
) -> bool:
    lowest, highest, reference = {280, 340}, {281, 341}, 532
    if found.tag == reference and _first(reader, page, _PHOTOMETRIC) == _YCBCR:
        return False  # it belongs to the coding of colours, which decoding undoes
    if found.tag in lowest | highest and found.kind not in tiff_fields.FLOAT_KINDS:
        extreme = 0 if found.tag in lowest else (1 << (_first(reader, page, _BITS) or 1)) - 1
        return set(reader.numbers(found)) != {extreme}
    return True


def _first(reader: tiff_fields.DirectoryReader, page: tiff_fields.Directory, tag: int) -> int | None:
    return reader.numbers(page[tag])[0] if tag in page else None


def open_exif(block: bytes) -> tuple[tiff_fields.DirectoryReader, tiff_fields.Directory]:
    """Return the reader and the first directory of an EXIF block, with or without its JPEG prefix."""
    reader = tiff_fields.DirectoryReader(io.BytesIO(block.removeprefix(b"Exif\0\0")))
    return reader, reader.first_page(_EVERY_TAG)


def exif_block(embedded: Embedded) -> bytes | None:
    """Return descriptive, EXIF and GPS fields as an EXIF block of their own; ``None`` if there are none."""
    if not embedded.has_fields:
        return None
    order = embedded.byte_order
    block = bytearray(b"II*\0" if order == "little" else b"MM\0*") + bytes(4)
    main = dict(embedded.main)
    for pointer, directory in sub_directories(embedded, block, order):
        main[pointer] = tiff_fields.Field(pointer, tiff_fields.LONG_KIND, 1, directory.to_bytes(4, order))
    block[4:8] = len(block).to_bytes(4, order)
    return bytes(block + tiff_fields.write_directory(main, len(block), order))


def sub_directories(
    embedded: Embedded, block: bytearray, order: tiff_fields.ByteOrder, *, base: int = 0, big: bool = False
) -> Iterable[tuple[int, int]]:
    """Append EXIF and GPS directories to ``block``, which lies at ``base``; yield pointers and offsets."""
    exif = dict(embedded.exif)
    if embedded.interoperability:
        at = _append(block, embedded.interoperability, order, base=base, big=big)
        width = 8 if big else 4
        kind = tiff_fields.LONG8_KIND if big else tiff_fields.LONG_KIND
        exif[INTEROPERABILITY] = tiff_fields.Field(INTEROPERABILITY, kind, 1, at.to_bytes(width, order))
    if exif:
        yield EXIF, _append(block, exif, order, base=base, big=big)
    if embedded.gps:
        yield GPS, _append(block, embedded.gps, order, base=base, big=big)


def _append(
    block: bytearray, fields: tiff_fields.Directory, order: tiff_fields.ByteOrder, *, base: int, big: bool
) -> int:
    block += b"\0" * ((base + len(block)) % 2)
    at = base + len(block)
    block += tiff_fields.write_directory(fields, at, order, big=big)
    return at


def _description(fields: Iterable[tiff_fields.Field]) -> tiff_fields.Directory:
    return {
        found.tag: _terminated(found)
        for found in fields
        if found.tag not in _STRUCTURE and found.kind not in tiff_fields.POINTER_KINDS
    }


def _terminated(found: tiff_fields.Field) -> tiff_fields.Field:
    # TIFF 6.0 ends a text with a NUL. Not every writer does; tifffile always does.
    if found.kind != tiff_fields.TEXT_KIND or found.value.endswith(b"\0"):
        return found
    return replace(found, count=found.count + 1, value=found.value + b"\0")
