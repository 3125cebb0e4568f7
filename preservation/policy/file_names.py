"""The screens of a policy that are about the names of files: their form, their numbers, and their pairs."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from preservation.policy.name_patterns import (
    FOLDER,
    OBJECT,
    NamePattern,
    fields_of,
    name_pattern,
    numbers_of,
)
from preservation.policy.screen_tables import SpecificationTable
from preservation.policy.words import Pattern, UniqueList

PatternOfNames: TypeAlias = Annotated[NamePattern, AfterValidator(name_pattern)]

_EXTENSION = "ext"


class FileNames(SpecificationTable):
    """Names fit a pattern, and their numbers are without gaps and doubles."""

    check: Literal["file-names"]
    pattern: PatternOfNames = Field(description="what names look like, such as {object}_{page:04d}.tif")
    exempt: UniqueList[Pattern] = Field(
        default=(), description="paths that need not fit and are in no sequence, such as covers and foldouts"
    )
    sequence: str = Field(
        default="", description="the field that counts; the last number of the pattern where left out"
    )
    across: UniqueList[str] = Field(
        default=(_EXTENSION,),
        description="fields of which different values are in one sequence; also folder",
    )
    first: int | Literal["any"] = Field(default=1, description="the number that each sequence begins with")
    least: int | None = Field(default=None, ge=1, description="so many files each sequence has at least")
    most: int | None = Field(default=None, ge=1, description="so many files each sequence has at most")

    @model_validator(mode="after")
    def _fields_are_there(self) -> FileNames:
        numbers = numbers_of(self.pattern)
        if self.sequence and self.sequence not in numbers:
            raise ValueError(f"sequence = {self.sequence!r}: the pattern has no number of this name")
        if not numbers and {"first", "least", "most"} & self.model_fields_set:
            raise ValueError(
                "first, least and most are about numbers, and the pattern has none, such as {page:04d}"
            )
        unknown = [
            one for one in self.across if one not in {*fields_of(self.pattern), FOLDER} or one == OBJECT
        ]
        if unknown and "across" in self.model_fields_set:
            raise ValueError(f"across names {', '.join(unknown)}, and the pattern has no such field")
        if isinstance(self.first, int) and self.first < 0:
            raise ValueError("first is a number from 0, or 'any'")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least = {self.least} is more than most = {self.most}")
        return self

    @property
    def counter(self) -> str:
        """The field that counts, empty where nothing does."""
        return self.sequence or next(reversed(numbers_of(self.pattern)), "")


class PairedFiles(SpecificationTable):
    """To each file of one pattern there is one of another: raw and TIFF, master and derivative."""

    check: Literal["paired-files"]
    one: PatternOfNames = Field(description="names of files, such as raw/{name}.dng")
    other: PatternOfNames = Field(
        description="the name that goes with each, with the same fields, such as tiff/{name}.tif"
    )
    exempt: UniqueList[Pattern] = Field(
        default=(), description="paths that need no partner, such as covers and targets"
    )
    both_ways: bool = Field(
        default=True, description="whether each file of the other pattern needs one of the first, too"
    )

    @model_validator(mode="after")
    def _fields_are_the_same(self) -> PairedFiles:
        one, other = ({*fields_of(pattern)} - {OBJECT} for pattern in (self.one, self.other))
        if one != other:
            raise ValueError(
                f"each field stands in both patterns, and one of them lacks {', '.join(sorted(one ^ other))}"
            )
        if self.one == self.other:
            raise ValueError("the two patterns are the same")
        if ("/" in self.one) != ("/" in self.other):
            raise ValueError("one pattern is about whole paths, and the other about names; write '/' in both")
        return self
