"""``check = "page-content"``: what is measured of pages, and from where on it is a finding."""

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from preservation.policy.screen_tables import SpecificationTable
from preservation.policy.words import UniqueList


class PageFault(StrEnum):
    """What pages are looked through for."""

    BLANK = "blank"
    SHADOWS = "shadows"
    HIGHLIGHTS = "highlights"
    SKEW = "skew"
    FOCUS = "focus"
    BORDER = "border"
    DUPLICATES = "duplicates"


_PerCent: TypeAlias = Annotated[float, Field(ge=0, le=100)]


class PageContent(SpecificationTable):
    """What scanning did to pages. Every threshold has a default under which good scans have no finding."""

    check: Literal["page-content"]
    faults: UniqueList[Annotated[PageFault, Field(strict=False)]] = Field(
        default=tuple(PageFault), min_length=1, description="what is looked for; all where left out"
    )
    blank: _PerCent = Field(
        default=0.05, description="per cent of its pixels, of which a blank page has fewer unlike its paper"
    )
    shadows: _PerCent = Field(default=5.0, description="most per cent of pixels that may be black")
    highlights: _PerCent = Field(default=30.0, description="most per cent of pixels that may be white")
    skew: Annotated[float, Field(gt=0, le=5)] = Field(
        default=2.0, description="most degrees by which lines may be turned"
    )
    focus: Annotated[float, Field(gt=1, le=20)] = Field(
        default=3.5, description="most pixels, of a page 1,000 pixels long, that the sharpest edges may take"
    )
    border: _PerCent = Field(
        default=3.0, description="most per cent of the width or height that a dark stripe at an edge may take"
    )
    duplicates: Annotated[float, Field(ge=70, le=100)] = Field(
        default=85.0, description="per cent from which on two pages of a drop are alike enough to be the same"
    )
