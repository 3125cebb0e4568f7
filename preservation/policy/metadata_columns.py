"""``check = "descriptive-metadata"``: what a contract asks of a table of metadata, column by column."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from preservation.model.paths import folded
from preservation.policy.file_names import PatternOfNames
from preservation.policy.globs import PathPattern
from preservation.policy.screen_tables import SpecificationTable
from preservation.policy.words import OnlyTrue, Pattern, PolicyTable, Sentence, UniqueList


def _separator(text: str) -> str:
    if not text.strip() or len(text) > 3:  # noqa: PLR2004  a sign or two, with a space
        raise ValueError("must be a sign that stands between values, as in ';' or '|'")
    return text.strip()


class MetadataColumn(PolicyTable):
    """What is asked of the values of one column."""

    required: bool = Field(default=False, description="whether each row that it is about has a value")
    rows: Literal["all", "object", "files"] = Field(default="all", description="rows that it is about")
    separator: Annotated[str, AfterValidator(_separator)] | None = Field(
        default=None, description="what stands between several values in a cell"
    )
    values: UniqueList[Sentence] = Field(default=(), description="the only values that are allowed")
    dates: Literal["edtf-0", "edtf-1"] | None = Field(
        default=None, description="values are dates of this level of EDTF"
    )
    pattern: PatternOfNames | None = Field(
        default=None, description="what values look like, with named fields, as in {object}-{number:d}"
    )
    unique: OnlyTrue = Field(default=False, description="whether no two rows have the same value")


Columns: TypeAlias = dict[Sentence, MetadataColumn]


class DescriptiveMetadata(SpecificationTable):
    """What a contract asks of the tables of metadata in a drop."""

    check: Literal["descriptive-metadata"]
    paths: UniqueList[Pattern] = Field(
        default=(PathPattern("metadata.csv"),), min_length=1, description="tables that are looked at"
    )
    columns: Columns = Field(default={}, description="what is asked of each column, by its heading")
    object_row: OnlyTrue = Field(default=False, description="whether one row is about the object")
    row_for: UniqueList[Pattern] = Field(
        default=(), description="files of which each has one row in the tables"
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> DescriptiveMetadata:
        if not (self.columns or self.object_row or self.row_for):
            raise ValueError("asks for nothing: give it columns, object_row or row_for")
        if len({folded(heading.strip()) for heading in self.columns}) < len(self.columns):
            raise ValueError("columns has a heading more than once, in other letters")
        return self
