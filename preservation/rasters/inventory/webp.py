"""WebP (RFC 9649): chunks of RIFF."""

from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.inventory.inventory import Inventory
from preservation.rasters.inventory.reading import exactly, lose_trailer

_FOR_DECODING = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH"})
"""The pixels, their transparency, and which chunks there are."""


def inventory_of_webp(stream: BinaryIO) -> Inventory:
    """Walk the chunks. Raises ``UnacceptableContentError`` where they do not follow each other."""
    findings = Inventory("webp")
    stream.seek(0)
    end = 8 + int.from_bytes(exactly(stream, 12)[4:8], "little")
    while stream.tell() + 8 <= end:
        head = exactly(stream, 8)
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name in _FOR_DECODING:
            stream.seek(length + (length & 1), 1)
            continue
        content = exactly(stream, length)
        stream.seek(length & 1, 1)
        if name == b"ICCP":
            findings.take_profile(content, "ICCP")
        elif name == b"EXIF":
            findings.take("exif", content.removeprefix(b"Exif\0\0"), "EXIF")
        elif name == b"XMP ":
            findings.take("xmp", content, "XMP")
        elif name.isascii() and name.decode().strip().isalnum():
            findings.lose(name.decode().strip())
        else:
            raise UnacceptableContentError("there is no chunk where one should be")
    lose_trailer(stream, findings)
    return findings
