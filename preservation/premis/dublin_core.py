"""Simple Dublin Core (ISO 15836-1), in the container that OAI-PMH harvesters read."""

from preservation.model.descriptions import ELEMENTS, Statements
from preservation.premis.units import leaf

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_OPENING = (
    '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
)


def dublin_core(statements: Statements) -> bytes:
    """Return ``statements``, element names to values, as XML. Elements without values are left out."""
    return f"{_DECLARATION}{dublin_core_element(statements)}".encode()


def dublin_core_element(statements: Statements) -> str:
    """Return the same as an element that may stand in another record."""
    lines = [leaf(f"dc:{element}", value) for element in ELEMENTS for value in statements.get(element, ())]
    return f"{_OPENING}{''.join(lines)}</oai_dc:dc>\n"
