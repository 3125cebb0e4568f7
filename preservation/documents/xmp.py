"""What an XMP packet claims of a PDF (ISO 16684-1; ISO 19005-1, 6.7.11): searched, never parsed.

XML of unknown origin stays text: no entity of it is followed.
"""

import codecs
import re

_CLAIMED_PART = re.compile(r"""pdfaid:part\s*(?:=\s*["']|>)\s*(\d)""")
_CLAIMED_LEVEL = re.compile(r"""pdfaid:conformance\s*(?:=\s*["']|>)\s*([A-Za-z])""")

_STARTS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Of four bytes first: a mark of UTF-32 begins as one of UTF-16 does.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    # Without a mark: a packet begins with "<" (XML 1.0, appendix F).
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


def claims_of(packet: bytes) -> str | None:
    """Return the claim, as in ``PDF/A-2b``, or ``None``. It is what the file says, and no finding."""
    text = _text_of(packet)
    part, level = _CLAIMED_PART.search(text), _CLAIMED_LEVEL.search(text)
    if part is None:
        return None
    return f"PDF/A-{part[1]}{level[1].lower() if level else ''}"


def _text_of(packet: bytes) -> str:
    """Return a packet as text: in UTF-8, UTF-16 or UTF-32, as its first bytes show."""
    start = packet.lstrip(b"\t\n\r ")
    encoding = next((name for mark, name in _STARTS if start.startswith(mark)), "utf-8")
    return start.decode(encoding, "replace")
