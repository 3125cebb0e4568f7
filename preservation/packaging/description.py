"""What a package says about its whole object: supplied with it or counted, never invented."""

from preservation.model.descriptions import TITLE, Statements
from preservation.model.identifiers import ObjectId
from preservation.packaging.payload import PayloadTally


def statements_about(object_id: ObjectId, tally: PayloadTally, supplied: Statements) -> Statements:
    """Return what the package says about its object in Dublin Core.

    The object's own name stands as its title where none is supplied: people gave it that name.
    Formats and extent are counted; a date stands there only if one was supplied.
    """
    statements = {element: list(values) for element, values in supplied.items()}
    statements.setdefault(TITLE, [object_id.name])
    statements.setdefault("identifier", []).insert(0, str(object_id))
    statements.setdefault("format", []).extend(
        (
            *sorted(filter(None, tally.media_types)),
            f"{tally.originals} file{'s' * (tally.originals != 1)}, {tally.original_bytes} bytes",
        )
    )
    return statements
