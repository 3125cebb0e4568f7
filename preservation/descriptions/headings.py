"""What the columns of a table of metadata are about, by their headings as people write them."""

import re

from preservation.model.descriptions import ELEMENTS

_PREFIXES = {"dc", "dcterms"}
_BETWEEN_WORDS = re.compile(r"[.:_\s\[\]]+")
_LONGEST = 200
_REFINED = {
    "abstract": "description", "alternative": "title", "created": "date", "extent": "format",
    "ispartof": "relation", "issued": "date", "medium": "format", "provenance": "source",
    "rightsholder": "rights", "spatial": "coverage", "tableofcontents": "description", "temporal": "coverage",
}  # fmt: skip
_FILE_HEADINGS = frozenset({"filename", "file name", "file", "object", "path", "parts"})


def names_a_file(heading: str) -> bool:
    """Say whether a column names what its rows describe."""
    return heading[:_LONGEST].strip().lower() in _FILE_HEADINGS


def element_of(heading: str) -> str | None:
    """Return the Dublin Core element that a column is about, ``None`` where it is about none.

    ``dc.title``, ``dcterms:created`` and ``Title`` are all understood.
    """
    words = [word for word in _BETWEEN_WORDS.split(heading[:_LONGEST].strip().lower()) if word]
    if words and words[0] in _PREFIXES:
        words = words[1:2]
    if len(words) != 1:
        return None
    return words[0] if words[0] in ELEMENTS else _REFINED.get(words[0])


def is_known(heading: str) -> bool:
    """Say whether a column says anything here."""
    return names_a_file(heading) or element_of(heading) is not None
