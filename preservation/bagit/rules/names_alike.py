"""Payload names that some systems take for the same one deserve a warning (section 6.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import normalize

from preservation.bagit import codes
from preservation.bagit.contents import BagContents
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable


def check(contents: BagContents) -> Iterator[Issue]:
    """Say which names differ only in case or in Unicode normalization."""
    first: dict[str, RelativePath] = {}
    for path in contents.listing.files:
        folded = path.lower() if path.isascii() else normalize("NFC", path).casefold()
        other = first.setdefault(folded, path)
        if other != path:
            less, more = sorted((other, path))
            message = f"'{printable(more)}' and '{printable(less)}' are the same name on some systems."
            yield codes.warning(codes.NAMES_ALIKE, message, more)
