"""Simple Dublin Core (ISO 15836-1) about a whole object, in the container that OAI-PMH harvesters read."""

from typing import Final

from preservation.premis.units import leaf

ELEMENTS: Final = (
    "title", "creator", "subject", "description", "publisher", "contributor", "date", "type", "format",
    "identifier", "source", "language", "relation", "coverage", "rights",
)  # fmt: skip
"""The fifteen elements, in the order in which the standard lists them."""

_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
)


def dublin_core(statements: dict[str, list[str]]) -> bytes:
    """Return ``statements``, element names to values, as XML. Elements without values are left out."""
    lines = [leaf(f"dc:{element}", value) for element in ELEMENTS for value in statements.get(element, ())]
    return f"{_OPENING}{''.join(lines)}</oai_dc:dc>\n".encode()
