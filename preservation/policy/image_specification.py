"""``check = "image-specification"``: what a contract asks of images, key by key."""

import re
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from preservation.model.compressions import COMPRESSIONS
from preservation.model.page_facts import ImageColour, TagName
from preservation.policy.screen_tables import SpecificationTable
from preservation.policy.words import Format, OnlyTrue, PolicyTable, Sentence, UniqueList

_SHA256 = r"[0-9a-f]{64}"


def _compression(text: str) -> str:
    if text not in COMPRESSIONS:
        raise ValueError(f"{text[:80]!r} is no compression; they are {', '.join(COMPRESSIONS)}")
    return text


def _digest(text: str) -> str:
    if re.fullmatch(_SHA256, text) is None:
        raise ValueError(f"must be a SHA-256 of 64 digits and small letters, not {text[:80]!r}")
    return text


Compression: TypeAlias = Annotated[
    str, AfterValidator(_compression), Field(json_schema_extra={"enum": list(COMPRESSIONS)})
]
Digest: TypeAlias = Annotated[
    str, AfterValidator(_digest), Field(json_schema_extra={"pattern": f"^{_SHA256}$"})
]
_Positive: TypeAlias = Annotated[float, Field(gt=0, le=1_000_000)]
_Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]


class NumberRange(PolicyTable):
    """A range of numbers, both ends included."""

    least: _Positive | None = Field(default=None, description="the least that is allowed")
    most: _Positive | None = Field(default=None, description="the most that is allowed")

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("must have least, most or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"nothing is at least {self.least:g} and at most {self.most:g}")
        return self

    def holds(self, number: float, tolerance: float = 0.0) -> bool:
        """Say whether a number lies in it, but for that part of a bound by which formats round."""
        return (self.least is None or number >= self.least * (1 - tolerance)) and (
            self.most is None or number <= self.most * (1 + tolerance)
        )

    def __str__(self) -> str:
        if self.least == self.most:
            return f"{self.least:g}"
        if self.most is None:
            return f"at least {self.least:g}"
        return f"at most {self.most:g}" if self.least is None else f"{self.least:g} to {self.most:g}"


class OriginalSize(PolicyTable):
    """How large the thing is that was scanned, in millimetres, whichever way round it lay."""

    short: _Positive = Field(description="millimetres of its shorter side")
    long: _Positive = Field(description="millimetres of its longer side")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.short > self.long:
            raise ValueError("short is longer than long")
        return self


class ImageSpecification(SpecificationTable):
    """What a contract asks of images. Every key is optional, and at least one has to be there."""

    check: Literal["image-specification"]
    formats: UniqueList[Format] = Field(default=(), description="PRONOM identifiers of allowed formats")
    compressions: UniqueList[Compression] = Field(default=(), description="allowed compressions")
    dpi: NumberRange | None = Field(default=None, description="resolution in dots per inch, across and down")
    square_pixels: OnlyTrue = Field(
        default=False, description="whether the resolution is the same across and down"
    )
    resolution_unit: Literal["inch", "centimetre"] | None = Field(
        default=None, description="unit in which TIFF and JPEG state the resolution"
    )
    original_mm: OriginalSize | None = Field(
        default=None, description="size of the original, from which the least number of pixels follows"
    )
    long_edge: NumberRange | None = Field(default=None, description="pixels of the longer edge")
    short_edge: NumberRange | None = Field(default=None, description="pixels of the shorter edge")
    bits: UniqueList[_Count] = Field(default=(), description="allowed bits of each sample")
    samples: UniqueList[_Count] = Field(default=(), description="allowed samples of each pixel")
    colours: UniqueList[Annotated[ImageColour, Field(strict=False)]] = Field(
        default=(), description="what the samples may stand for"
    )
    profile: Literal["required", "forbidden"] | None = Field(
        default=None, description="whether there has to be an ICC profile, and a sound one"
    )
    profile_names: UniqueList[Sentence] = Field(
        default=(), description="what the ICC profile may call itself"
    )
    profile_digests: UniqueList[Digest] = Field(
        default=(), description="SHA-256 that the ICC profile may have"
    )
    orientations: UniqueList[Annotated[int, Field(ge=1, le=8)]] = Field(
        default=(), description="allowed values of the orientation tag; where there is none, 1 is meant"
    )
    pages: NumberRange | None = Field(default=None, description="pages of a file, without reduced copies")
    no_reduced_copies: OnlyTrue = Field(
        default=False, description="whether thumbnails and other reduced copies inside are forbidden"
    )
    no_layers: OnlyTrue = Field(default=False, description="whether Photoshop layers inside are forbidden")
    byte_order: Literal["little", "big"] | None = Field(default=None, description="byte order of TIFFs")
    tags: dict[Annotated[TagName, Field(strict=False)], Sentence] = Field(
        default={},
        json_schema_extra={"propertyNames": {"enum": [name.value for name in TagName]}},
        description="tags that have to be there, each with a pattern that its text fits",
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        demanded = [key for key in _DEMANDS if getattr(self, key) not in {None, False, ()}]
        if not demanded and not self.tags:
            raise ValueError(f"asks for nothing; the keys of this check are {', '.join(_DEMANDS)}, tags")
        if self.profile == "forbidden" and (self.profile_names or self.profile_digests):
            raise ValueError('profile = "forbidden" leaves no profile to be named')
        if self.original_mm is not None and (self.dpi is None or self.dpi.least is None):
            raise ValueError("original_mm takes the least dpi; add dpi = { least = … }")
        return self

    @property
    def asks_for_pictures(self) -> bool:
        """Say whether anything but the format is asked for, which takes a look into the file."""
        return bool(self.tags) or any(
            getattr(self, key) not in {None, False, ()} for key in _DEMANDS if key != "formats"
        )

    @property
    def asks_for_profile(self) -> bool:
        """Say whether there has to be an ICC profile."""
        return self.profile == "required" or bool(self.profile_names or self.profile_digests)


_DEMANDS: Final = (
    "formats", "compressions", "dpi", "square_pixels", "resolution_unit", "original_mm", "long_edge",
    "short_edge", "bits", "samples", "colours", "profile", "profile_names", "profile_digests",
    "orientations", "pages", "no_reduced_copies", "no_layers", "byte_order",
)  # fmt: skip
