"""Paths and keys, each of a type of its own: where a file was in the drop, in a bag, in a store.

All use ``/`` and are faithful: no normalization of any kind is ever applied to them.
"""

import os
import unicodedata
from typing import Final, Literal, NewType

RelativePath = NewType("RelativePath", str)
"""Path of a file below the root of a drop, as the file system gave it (``os.fsdecode``)."""

BagPath = NewType("BagPath", str)
"""Path of a file inside a bag (RFC 8493 section 2.1.3), always valid UTF-8."""

LocalPath = NewType("LocalPath", str)
"""Path of a file on this machine, as text: of a million of them, making each a ``Path`` takes longest."""

StoreKey = NewType("StoreKey", str)
"""Name under which a store keeps bytes, below the store's own root or prefix."""


_LONGEST_SEGMENT: Final = 1_024
"""Characters of one name on the way. Systems hold 255 bytes, which are fewer in any normalization form."""

_SPELLING: Final = frozenset(
    "\u00ad\u200c\u200d"
    # Signs of Arabic, Syriac and Kaithi before numbers and names, which are seen.
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)

MOST_PATH_BYTES: Final = 3840
"""So long may a path below a drop be. Systems take 4,095 bytes at once, and the folder that it is kept in, or
restored to, stands before it: what is longer could be kept, and hardly any program could open it."""


def is_too_long(path: str) -> bool:
    """Say whether a path below a drop has more than ``MOST_PATH_BYTES``."""
    # A character has at most four of them.
    return 4 * len(path) > MOST_PATH_BYTES and len(os.fsencode(path)) > MOST_PATH_BYTES


def fault_of_path(text: str) -> str | None:
    """Say what is wrong with ``text`` as a relative path that must stay below its root, or ``None``."""
    if not text:
        return "the path is empty"
    if "\0" in text:
        return "the path holds a NUL byte"
    if text.startswith("/"):
        return "the path is absolute"
    segments = text.split("/")
    if ".." in segments:
        return "the path climbs out with '..'"
    if "" in segments or "." in segments:
        return "the path has an empty or '.' segment"
    return None


def relative_path(text: str) -> RelativePath:
    """Return ``text`` as a path below a drop's root. Raises ``ValueError`` where it would leave it."""
    _require_sound(text)
    return RelativePath(text)


def bag_path(text: str) -> BagPath:
    """Return ``text`` as a path in a bag. Raises ``ValueError`` where it is unsafe or not UTF-8."""
    _require_sound(text)
    if not is_utf8(text):
        raise ValueError(f"{quoted(text)}: a bag names files in UTF-8, and this name is not UTF-8")
    return BagPath(text)


def is_utf8(text: str) -> bool:
    """Say whether the name's bytes, as the file system gave them, are valid UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def path_order(path: str) -> bytes:
    """Sort key by the name's bytes: the one order every stage keeps, so that their records can be merged."""
    return os.fsencode(path)


def without_dots(path: str) -> str:
    """Return the path without the empty and ``.`` segments, which say nothing. A first ``/`` stays."""
    root = "/" if path.startswith("/") else ""
    return root + "/".join(segment for segment in path.split("/") if segment not in {"", "."})


def folded(text: str) -> str:
    """Return ``text`` without differences of case and of Unicode spelling (caseless match, Unicode D145)."""
    if text.isascii():
        return text.lower()
    return normalized("NFC", normalized("NFD", text).casefold())


def normalized(form: Literal["NFC", "NFD"], text: str) -> str:
    """Return the path in a Unicode normalization form; as it is where no file system could hold it.

    Marks that follow each other are sorted, which takes the square of their number, and a manifest's line
    can be nothing else.
    """
    if len(text) > _LONGEST_SEGMENT and max(map(len, text.split("/"))) > _LONGEST_SEGMENT:
        return text
    return unicodedata.normalize(form, text)


def extension_of(path: str) -> str:
    """Return the last extension of the file's name, folded and without its dot; ``""`` where it has none."""
    stem, _, extension = path.rpartition("/")[2].rpartition(".")
    return folded(extension) if stem else ""


def printable(path: str) -> str:
    """Return the name as text that any terminal, page or journal can carry.

    Bytes that are not UTF-8 and control characters (also those that turn the writing direction)
    appear as escapes; nothing else is changed.
    """
    if path.isprintable():
        return path
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        character
        if character.isprintable() or character == " " or is_spelling(character)
        else character.encode("unicode_escape").decode()
        for character in text
    )


def quoted(path: str) -> str:
    """Return the ``printable`` name in quotation marks, for a sentence. ``repr`` would escape the escapes."""
    return f"'{printable(path)}'"


def is_spelling(character: str) -> bool:
    """Say whether a format character (Unicode category Cf) belongs to how words and emoji are written.

    Persian and the scripts of India join and separate letters with two of them, emoji are made of several
    with one, and a soft hyphen is where a word may be broken. Others turn the writing direction, or show
    nothing.
    """
    return character in _SPELLING or "\U000e0020" <= character <= "\U000e007f"


def _require_sound(text: str) -> None:
    fault = fault_of_path(text)
    if fault is not None:
        raise ValueError(f"{quoted(text)}: {fault}")
