"""The object, its version, and what that consists of (section 1): entities and representations."""

from collections.abc import Iterable

from preservation.model.derivatives import Purpose
from preservation.premis import identifiers, vocabulary
from preservation.premis.contents import MAKING, PremisContents
from preservation.premis.events import events_of
from preservation.premis.identifiers import Part, PremisIdentifier
from preservation.premis.relationships import object_unit, relationship
from preservation.premis.rights import rights_links
from preservation.premis.units import original_name

_MEMBERS = "\0"


def entity(contents: PremisContents) -> str:
    """Record the object that is kept, whatever its version."""
    return object_unit(
        "intellectualEntity",
        identifiers.entity(contents.package.object).named("objectIdentifier"),
        _structural(vocabulary.HAS_PART, identifiers.version(contents.package)),
    )


def version(contents: PremisContents, parts: Iterable[Part]) -> str:
    """Record this version of it, the ``parts`` that represent it, and which version it supersedes."""
    package, before = contents.package, contents.before
    represented = (identifiers.representation(package, part) for part in parts)
    return object_unit(
        "intellectualEntity",
        identifiers.version(package).named("objectIdentifier"),
        _structural(vocabulary.IS_PART_OF, identifiers.entity(package.object)),
        _structural(vocabulary.IS_REPRESENTED_BY, *represented),
        "" if before is None else _supersedes(identifiers.version(before)),
        *_linked(contents, None),
        *rights_links(contents),
    )


def representation(contents: PremisContents, part: Part, parts: Iterable[Part]) -> tuple[str, str]:
    """Record what the version consists of for one purpose.

    Returns:
        What stands before the identifiers of its files, and what stands after them: there may be a million.
    """
    package = contents.package
    name = original_name(contents.submission.drop.name) if part is Part.ORIGINALS else ""
    whole = object_unit(
        "representation",
        identifiers.representation(package, part).named("objectIdentifier"),
        name,
        _structural(vocabulary.REPRESENTS, identifiers.version(package)),
        relationship(vocabulary.STRUCTURAL, vocabulary.INCLUDES, _MEMBERS),
        *(_derived(contents, part, other) for other in parts),
        # Whether the version before had derivatives is not known here.
        ""
        if contents.before is None or part is not Part.ORIGINALS
        else _supersedes(identifiers.representation(contents.before, part)),
        *_linked(contents, part),
    )
    before, _, after = whole.partition(_MEMBERS)
    return before, after


def _derived(contents: PremisContents, part: Part, other: Part) -> str:
    """Return how a part is derived from another: all but the originals are made of these."""
    made = other if part is Part.ORIGINALS else part
    if part is other or Part.ORIGINALS not in {part, other}:
        return ""
    event = contents.event_of(MAKING[Purpose(made.value)])
    return relationship(
        vocabulary.DERIVATION,
        vocabulary.IS_SOURCE_OF if part is Part.ORIGINALS else vocabulary.HAS_SOURCE,
        identifiers.representation(contents.package, other).named("relatedObjectIdentifier"),
        "" if event is None else identifiers.event(event.identifier).named("relatedEventIdentifier"),
    )


def _supersedes(before: PremisIdentifier) -> str:
    return relationship(
        vocabulary.REPLACEMENT, vocabulary.SUPERSEDES, before.named("relatedObjectIdentifier")
    )


def _structural(kind: vocabulary.Term, *related: PremisIdentifier) -> str:
    named = [one.named("relatedObjectIdentifier") for one in related]
    return relationship(vocabulary.STRUCTURAL, kind, *named) if named else ""


def _linked(contents: PremisContents, part: Part | None) -> Iterable[str]:
    """Return links to the events of the package that were about this part, ``None``: about the version."""
    events = events_of(contents, part)
    return (identifiers.event(event.identifier).named("linkingEventIdentifier") for event in events)
