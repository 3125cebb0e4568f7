"""Rights (section 4): what was supplied about the object, word for word. Nothing is concluded from it."""

from collections.abc import Iterator

from preservation.premis import identifiers
from preservation.premis.contents import PremisContents
from preservation.premis.identifiers import PremisIdentifier
from preservation.premis.units import controlled, leaf, unit
from preservation.premis.vocabulary import OTHER_RIGHTS


def rights(contents: PremisContents) -> Iterator[str]:
    """Record each supplied statement. On what it is based is not known, so the basis is *other*."""
    version = identifiers.version(contents.package).named("linkingObjectIdentifier")
    for identifier, text in zip(_statements(contents), contents.rights, strict=True):
        yield unit(
            "rights",
            unit(
                "rightsStatement",
                identifier.named("rightsStatementIdentifier"),
                controlled("rightsBasis", OTHER_RIGHTS),
                unit(
                    "otherRightsInformation",
                    leaf("otherRightsBasis", "statement supplied with the object (dc:rights)"),
                    leaf("otherRightsNote", text),
                ),
                version,
            ),
        )


def rights_links(contents: PremisContents) -> Iterator[str]:
    """Return the links to those statements."""
    return (one.named("linkingRightsStatementIdentifier") for one in _statements(contents))


def _statements(contents: PremisContents) -> Iterator[PremisIdentifier]:
    numbers = range(1, len(contents.rights) + 1)
    return (PremisIdentifier("Muniment rights", f"{contents.package}/{number}") for number in numbers)
