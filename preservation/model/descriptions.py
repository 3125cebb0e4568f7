"""What a drop says of itself and of its files: Dublin Core that was supplied with it."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from preservation.model.issues import Issue
from preservation.model.paths import RelativePath

Statements: TypeAlias = dict[str, list[str]]
"""Dublin Core elements with their values, in order. Treated as frozen, like every value of the model."""

ELEMENTS: Final = (
    "title", "creator", "subject", "description", "publisher", "contributor", "date", "type", "format",
    "identifier", "source", "language", "relation", "coverage", "rights",
)  # fmt: skip
"""The fifteen elements, in the order in which ISO 15836-1 lists them."""

TITLE: Final = "title"
"""The element that people know things by."""


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """One file of the drop and what a supplied table says of it."""

    path: RelativePath
    statements: Statements


@dataclass(frozen=True, slots=True)
class SuppliedDescription:
    """What the supplied tables say of the object, and what is wrong with the tables."""

    statements: Statements
    issues: tuple[Issue, ...] = ()


def title_of(statements: Statements) -> str:
    """Return the first title, empty where there is none."""
    return next(iter(statements.get(TITLE, ())), "")
