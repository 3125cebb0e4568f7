"""Metadata inside images: the fields of TIFF and EXIF, XMP and IPTC, kept byte for byte.

A TIFF's own directory and the first directory of an EXIF block are the same thing: whatever in it does
not say how the pixels are stored is description, and is carried.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from preservation.errors import UnacceptableContentError
from preservation.rasters import tiff_fields

ORIENTATION = 274
ACROSS, DOWN, RESOLUTION_UNIT = 282, 283, 296
XMP, IPTC, PROFILE = 700, 33723, 34675
EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
SUB_IMAGES = 330

_NOT_DESCRIPTION = frozenset(
    {
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289),
        *(292, 293, 317, 320, 322, 323, 324, 325, 338, 339, 340, 341, 347),
        # JPEG and YCbCr: how the source compressed its pixels.
        *(512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 32997, 32998),
        # Held apart: they have places of their own.
        *(ORIENTATION, ACROSS, DOWN, RESOLUTION_UNIT, XMP, IPTC, PROFILE, EXIF, GPS, INTEROPERABILITY),
        SUB_IMAGES,
    }
)


@dataclass(frozen=True, slots=True)
class Embedded:
    """The metadata of one page. ``beyond_us`` names what the source holds and no target here can."""

    byte_order: tiff_fields.ByteOrder = "little"
    main: tiff_fields.Directory = field(default_factory=dict)
    exif: tiff_fields.Directory = field(default_factory=dict)
    gps: tiff_fields.Directory = field(default_factory=dict)
    interoperability: tiff_fields.Directory = field(default_factory=dict)
    xmp: bytes | None = None
    iptc: bytes | None = None
    beyond_us: tuple[str, ...] = ()

    @property
    def has_fields(self) -> bool:
        """Say whether there is any field, and so any meaning in the byte order."""
        return bool(self.main or self.exif or self.gps or self.interoperability)

    def differences(self, other: Embedded) -> list[str]:
        """Name what both could hold and is not the same in ``other``, by tag where it is a field."""
        found = []
        for part in fields(self):
            if part.name == "beyond_us":
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


def embedded_in(reader: tiff_fields.DirectoryReader, page: tiff_fields.Directory) -> Embedded:
    """Return the metadata of a page of a TIFF, or of an EXIF block's first directory."""
    pointers = [found for found in page.values() if found.kind in tiff_fields.POINTER_KINDS]
    beyond_us = [f"field {found.tag}" for found in pointers if found.tag not in _NOT_DESCRIPTION]

    def below(directory: tiff_fields.Directory, pointer: int, name: str) -> tiff_fields.Directory:
        try:
            return reader.below(directory, pointer)
        except UnacceptableContentError as error:
            beyond_us.append(f"{name} that is damaged ({error})")
            return {}

    exif = below(page, EXIF, "EXIF")
    gps = below(page, GPS, "GPS")
    interoperability = below(exif, INTEROPERABILITY, "EXIF on interoperability")
    return Embedded(
        byte_order=reader.byte_order,
        main=_description(page.values()),
        exif=_description(exif.values()),
        gps=_description(gps.values()),
        interoperability=_description(interoperability.values()),
        xmp=page[XMP].value if XMP in page else None,
        iptc=page[IPTC].value if IPTC in page else None,
        beyond_us=tuple(beyond_us),
    )


def open_exif(block: bytes) -> tuple[tiff_fields.DirectoryReader, tiff_fields.Directory]:
    """Return the reader and the first directory of an EXIF block, with or without its JPEG prefix."""
    reader = tiff_fields.DirectoryReader(io.BytesIO(block.removeprefix(b"Exif\0\0")))
    pages = reader.pages()
    if not pages:
        raise UnacceptableContentError("its EXIF holds no directory")
    return reader, pages[0]


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
        if found.tag not in _NOT_DESCRIPTION and found.kind not in tiff_fields.POINTER_KINDS
    }


def _terminated(found: tiff_fields.Field) -> tiff_fields.Field:
    # TIFF 6.0 ends a text with a NUL. Not every writer does; tifffile always does.
    if found.kind != tiff_fields.TEXT_KIND or found.value.endswith(b"\0"):
        return found
    return replace(found, count=found.count + 1, value=found.value + b"\0")
