"""Sound small files of each container, and members to be put into them."""

from __future__ import annotations

import struct
import zlib

from PIL import Image
from support.rasters import noise, saved, srgb_profile, tiff

PICTURE = Image.fromarray(noise(24, 32, 3))


def png(**options: object) -> bytes:
    return saved(PICTURE, "PNG", **options)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(source: bytes, name: bytes, content: bytes) -> bytes:
    """Put a chunk behind the first one of a PNG."""
    return source[:33] + png_chunk(name, content) + source[33:]


def jpeg(**options: object) -> bytes:
    return saved(PICTURE, "JPEG", dpi=(300, 300), **options)


def with_segment(source: bytes, marker: int, content: bytes) -> bytes:
    """Put a segment behind JFIF's."""
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content
    return source[:20] + segment + source[20:]


def jp2() -> bytes:
    return saved(PICTURE, "JPEG2000", irreversible=False)


def with_box(source: bytes, kind: bytes, content: bytes) -> bytes:
    """Put a box before the codestream of a JP2."""
    at = source.index(b"jp2c") - 4
    return source[:at] + struct.pack(">I4s", len(content) + 8, kind) + content + source[at:]


def with_header_box(source: bytes, kind: bytes, content: bytes) -> bytes:
    """Put a box at the end of a JP2's header."""
    at = source.index(b"jp2h") - 4
    size = int.from_bytes(source[at : at + 4])
    box = struct.pack(">I4s", len(content) + 8, kind) + content
    return (
        source[:at]
        + struct.pack(">I", size + len(box))
        + source[at + 4 : at + size]
        + box
        + source[at + size :]
    )


def tiff_with(*tags: tuple[int, int, int, bytes, bool], **options: object) -> bytes:
    return tiff(noise(24, 32, 3), photometric="rgb", extratags=tags, **options)


def gif(extension: bytes = b"") -> bytes:
    source = saved(PICTURE.convert("P"), "GIF")
    at = 13 + 3 * (2 << (source[10] & 7))
    return source[:at] + extension + source[at:]


def gif_extension(label: int, *blocks: bytes) -> bytes:
    return b"\x21" + bytes([label]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def webp_with(name: bytes, content: bytes) -> bytes:
    source = saved(PICTURE, "WEBP", lossless=True)
    more = source[12:] + name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(more) + 4) + b"WEBP" + more


def bmp_v5(space: bytes, profile: bytes = b"", calibration: bytes = bytes(48), intent: int = 4) -> bytes:
    plain = saved(PICTURE, "BMP", dpi=(300, 300))
    pixels = plain[int.from_bytes(plain[10:14], "little") :]
    info = plain[18:54]
    header = struct.pack("<I", 124) + info + bytes(16) + space + calibration
    header += struct.pack("<IIII", intent, 124 + len(pixels) if profile else 0, len(profile), 0)
    size = 14 + len(header) + len(pixels) + len(profile)
    return struct.pack("<2sIII", b"BM", size, 0, 14 + len(header)) + header + pixels + profile


def cut_profile() -> bytes:
    return srgb_profile()[:400]
