"""The smallest parts of a policy file: tables, names, sentences, patterns, formats."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from preservation.model.formats import Puid, puid
from preservation.policy.globs import PathPattern, folded, path_pattern

Item = TypeVar("Item")

_SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
_LONE_EXTENSION = re.compile(r"[^./*?\s]+")


class Table(BaseModel):
    """A table of a policy file: unknown keys are errors, types are taken at their word."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _sentence(text: str) -> str:
    if not text.strip():
        raise ValueError("must say something")
    if not text.isprintable():
        raise ValueError("must be one line of plain text; end a line with a backslash to go on in the next")
    return text


def _extension(text: str) -> str:
    if _LONE_EXTENSION.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not an extension; write it without the dot, as in tif")
    return folded(text)


def _unique(items: tuple[Item, ...]) -> tuple[Item, ...]:
    repeated = sorted({str(item) for item in items if items.count(item) > 1})
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once")
    return items


# A TOML array is a list; a frozen value holds a tuple. What is in it stays strict.
Listed = Annotated[tuple[Item, ...], Field(strict=False, json_schema_extra={"uniqueItems": True}), AfterValidator(_unique)]

Slug: TypeAlias = Annotated[str, Field(pattern=_SLUG)]
Sentence: TypeAlias = Annotated[str, AfterValidator(_sentence), Field(min_length=1)]
Pattern: TypeAlias = Annotated[PathPattern, AfterValidator(path_pattern), Field(min_length=1)]
Format: TypeAlias = Annotated[Puid, AfterValidator(puid), Field(json_schema_extra={"pattern": "^(x-)?fmt/[1-9][0-9]*$"})]
Extension: TypeAlias = Annotated[str, AfterValidator(_extension), Field(min_length=1)]
