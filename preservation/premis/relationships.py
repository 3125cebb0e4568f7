"""Relationships between objects (unit 1.13), and the frame of an object (section 1)."""

from preservation.premis.units import controlled, term_or_word, unit
from preservation.premis.vocabulary import Term


def relationship(kind: Term, subkind: Term | str, *related: str) -> str:
    """Return a ``relationship`` unit with what is ``related``: objects first, then events."""
    return unit(
        "relationship",
        controlled("relationshipType", kind),
        term_or_word("relationshipSubType", subkind),
        *related,
    )


def object_unit(kind: str, *units: str) -> str:
    """Return an object of that category."""
    return f'<object xsi:type="{kind}">\n{"".join(units)}</object>\n'
