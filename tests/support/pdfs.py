"""PDFs written object by object, so that each can be wrong in exactly one way."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

TEXT = b"BT /F1 12 Tf 72 720 Td (Kept.) Tj ET"
DRAWING = b"0 0 100 100 re f"


def stream(content: bytes, entries: str = "") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries.encode(), content)


def pdf(objects: Mapping[int, bytes], *, version: str = "1.7", trailer: str = "", root: int = 1) -> bytes:
    """A PDF with those numbered objects, a correct cross-reference table and trailer."""
    content = bytearray(f"%PDF-{version}\n%\u00e2\u00e3\n".encode("latin-1"))
    offsets = {}
    for number, text in objects.items():
        offsets[number] = len(content)
        content += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start = len(content)
    size = max(objects) + 1
    content += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        content += b"%010d 00000 %s \n" % (offsets.get(number, 0), b"n" if number in offsets else b"f")
    content += f"trailer\n<< /Size {size} /Root {root} 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(content)


def document(pages: Sequence[bytes] = (TEXT,), *, catalogue: str = "", count: int | None = None) -> bytes:
    """A sound PDF with one page for each content stream; ``count`` is what it says of its pages."""
    objects: dict[int, bytes] = {
        1: f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: stream(_PACKET, "/Type /Metadata /Subtype /XML"),
    }
    kids = []
    for number, content in enumerate(pages):
        page = 10 + 2 * number
        kids.append(f"{page} 0 R")
        objects[page] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {page + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        ).encode()
        objects[page + 1] = stream(content)
    claimed = len(pages) if count is None else count
    objects[2] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {claimed} >>".encode()
    return pdf(dict(sorted(objects.items())))


_PACKET = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>2</pdfaid:part>'
    b"<pdfaid:conformance>B</pdfaid:conformance></rdf:Description></rdf:RDF></x:xmpmeta>"
    b'<?xpacket end="w"?>'
)

CLAIMING_PDF_A = "/Metadata 4 0 R"


def packed(content: bytes, entries: str = "") -> bytes:
    return stream(zlib.compress(content), f"/Filter /FlateDecode {entries}")


def scanned_page(image: bytes, entries: str, *, before: Mapping[int, bytes] | None = None) -> bytes:
    """A PDF whose third page draws the image, packed as ``entries`` say; its contents are Flate streams."""
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [10 0 R 12 0 R 14 0 R] /Count 3 /MediaBox [0 0 612 792] >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: stream(image, f"/Type /XObject /Subtype /Image {entries}"),
        10: b"<< /Type /Page /Parent 2 0 R /Contents 11 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
        11: packed(TEXT * 40),
        12: b"<< /Type /Page /Parent 2 0 R /Contents 13 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
        13: packed(TEXT * 40),
        14: b"<< /Type /Page /Parent 2 0 R /Contents 15 0 R /Resources << /XObject << /I 4 0 R >> >> >>",
        15: packed(b"q 612 0 0 792 0 0 cm /I Do Q"),
        **(before or {}),
    }
    return pdf(dict(sorted(objects.items())))


def images_for_pdfs() -> dict[str, tuple[bytes, str]]:
    """One noisy picture in every coding that a PDF may have, with the entries of its dictionary."""
    shades = np.random.default_rng(7).integers(0, 255, (300, 400), "u1")
    grey = Image.fromarray(np.asarray(Image.fromarray(shades).resize((800, 600))))
    lines = grey.point(lambda value: 255 if value > 128 else 0).convert("1")
    jpeg, jpx = io.BytesIO(), io.BytesIO()
    grey.convert("RGB").save(jpeg, "JPEG", quality=80)
    grey.save(jpx, "JPEG2000", irreversible=False)
    size_of_it = "/Width 800 /Height 600"
    eight = f"{size_of_it} /BitsPerComponent 8 /ColorSpace /DeviceGray"
    one = f"{size_of_it} /BitsPerComponent 1 /ColorSpace /DeviceGray /Filter /CCITTFaxDecode /DecodeParms"
    return {
        "DCT": (
            jpeg.getvalue(),
            f"{size_of_it} /BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter /DCTDecode",
        ),
        "JPX": (jpx.getvalue(), f"{size_of_it} /Filter /JPXDecode"),
        "CCITT": (
            _fax(lines, "group4"),
            f"{one} << /K -1 /Columns 800 /Rows 600 /BlackIs1 true >>",
        ),
        "CCITT in one dimension": (
            _fax(lines, "group3"),
            f"{one} << /EndOfLine true /Columns 800 /Rows 600 /BlackIs1 true >>",
        ),
        "Flate": (zlib.compress(grey.tobytes()), f"{eight} /Filter /FlateDecode"),
        "raw": (grey.tobytes(), eight),
        "DCT in ASCII": (
            base64.a85encode(jpeg.getvalue()) + b"~>",
            f"{size_of_it} /BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter [/ASCII85Decode /DCTDecode]",
        ),
    }


def _fax(lines: Image.Image, compression: str) -> bytes:
    sink = io.BytesIO()
    lines.save(sink, "TIFF", compression=compression, strip_size=1 << 20)
    with Image.open(sink) as tiff:
        (at,), (size,) = tiff.tag_v2[273], tiff.tag_v2[279]  # type: ignore[attr-defined]  # TIFF images have it
    return sink.getvalue()[at : at + size]
