"""PDFs written object by object, so that each can be wrong in exactly one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
