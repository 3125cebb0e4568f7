"""``[order]``: how lists of what was ordered are read, and what a delivery that differs from them means."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from preservation.policy.globs import PathPattern
from preservation.policy.screen_tables import Outcome, ScreenOutcome
from preservation.policy.words import Pattern, PolicyTable, Sentence, UniqueList

_PAGE_FILES = ("*.tif", "*.tiff", "*.jp2", "*.jpg", "*.jpeg", "*.png")


class ColumnSeparator(StrEnum):
    """What stands between the columns of a list."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"


class DateForm(StrEnum):
    """How the dates of a list are written."""

    ISO = "YYYY-MM-DD"
    DOTS = "DD.MM.YYYY"
    DAY_FIRST = "DD/MM/YYYY"
    MONTH_FIRST = "MM/DD/YYYY"


class UnorderedAction(StrEnum):
    """What becomes of a drop whose object was not ordered."""

    ACCEPT = "accept"
    ASK = "ask"
    REJECT = "reject"


class OrderColumns(PolicyTable):
    """``columns`` of ``[order]``: the headings of a list. Only that of ``object`` has to be there."""

    object: Sentence = Field(default="object", description="names the object, as its drop will be called")
    pages: Sentence = Field(default="pages", description="how many files count as pages, see page_files")
    files: Sentence = Field(default="files", description="how many files there are in all")
    names: Sentence = Field(default="names", description="names of the files, separated by | or line breaks")
    due: Sentence = Field(default="due", description="the day by which it is to be delivered")
    vendor: Sentence = Field(default="vendor", description="who digitizes it")
    batch: Sentence = Field(default="batch", description="what it is delivered with")

    @model_validator(mode="after")
    def _are_different(self) -> OrderColumns:
        headings = [heading.strip().casefold() for heading in self.model_dump().values()]
        repeated = sorted({heading for heading in headings if headings.count(heading) > 1})
        if repeated:
            raise ValueError(f"one column cannot be two things: {', '.join(repeated)}")
        return self


class Ordering(PolicyTable):
    """``[order]``: what was ordered, and what is made of a delivery that is otherwise."""

    columns: OrderColumns = Field(default=OrderColumns(), description="the headings of a list of orders")
    separator: ColumnSeparator | None = Field(
        default=None,
        strict=False,
        description="what stands between the columns of a list in CSV; found out where it is left out",
    )
    dates: DateForm = Field(
        default=DateForm.ISO, strict=False, description="how the dates of a list are written"
    )
    page_files: UniqueList[Pattern] = Field(
        default=tuple(map(PathPattern, _PAGE_FILES)),
        description="patterns of the files that count as pages, one file a page",
    )
    unordered: UnorderedAction = Field(
        default=UnorderedAction.ACCEPT,
        strict=False,
        description="what becomes of a drop whose object was not ordered",
    )
    numbers: Outcome = Field(default=ScreenOutcome.ASK, description="another number of pages or files")
    names: Outcome = Field(
        default=ScreenOutcome.ASK, description="expected names that are missing, and others"
    )
    repeated: Outcome = Field(default=ScreenOutcome.WARN, description="delivered and accepted before")
    overdue: Outcome = Field(
        default=ScreenOutcome.WARN, description="delivered after the day that was agreed"
    )
