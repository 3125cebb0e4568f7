"""How text is encoded that was written elsewhere, as far as its first bytes show it."""

import codecs

_HALF_OF_THEM = 2


def unicode_encoding(beginning: bytes) -> str | None:
    """Return the Unicode encoding of text that begins so, ``None`` where it is no text.

    UTF-16 is known by its byte order mark, or by every second byte being NUL; everything else without NUL may
    be UTF-8. Whether it is one is for the caller to find.
    """
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" not in beginning:
        return "utf-8-sig"
    pairs = len(beginning) // 2
    even, odd = beginning[::2].count(0), beginning[1::2].count(0)
    if not even and odd * _HALF_OF_THEM >= pairs:
        return "utf-16-le"
    if not odd and even * _HALF_OF_THEM >= pairs:
        return "utf-16-be"
    return None
