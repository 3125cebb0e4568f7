"""The smallest parts of a policy file: tables, names, sentences, patterns, formats."""

import re
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from preservation.model.formats import Puid, puid
from preservation.model.paths import folded
from preservation.policy.globs import PathPattern, path_pattern

Item = TypeVar("Item")

_SLUG = r"[a-z0-9][a-z0-9-]{0,62}"
_EXTENSION = r"[^./*?\s]+"
_PUID = r"(x-)?fmt/[1-9][0-9]*"
_LOSS = r"(bmp|exif|gif|jp2|jpeg|other|png|tiff|webp):[A-Za-z0-9_.-]{1,64}"


class PolicyTable(BaseModel):
    """A table of a policy file: unknown keys are errors, and values are taken at their type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Kind = TypeVar("Kind", bound=PolicyTable)


def members_of(union: Any, key: str, kind: type[Kind]) -> dict[str, type[Kind]]:  # noqa: ANN401  a type alias
    """Return the tables among which ``key`` decides, by what it says in each of them."""
    tables: list[type[Kind]] = [table for table in get_args(get_args(union)[0]) if issubclass(table, kind)]
    return {get_args(table.model_fields[key].annotation)[0]: table for table in tables}


def _slug(text: str) -> str:
    if re.fullmatch(_SLUG, text) is None:
        raise ValueError(f"must be lower-case letters, digits and '-', at most 63, not {text[:80]!r}")
    return text


def _sentence(text: str) -> str:
    if not text.strip():
        raise ValueError("must say something")
    if not text.isprintable():
        raise ValueError("must be one line of plain text; end a line with a backslash to go on in the next")
    return text


def _extension(text: str) -> str:
    if re.fullmatch(_EXTENSION, text) is None:
        raise ValueError(f"{text[:80]!r} is no extension; write it without the dot, as in tif")
    return folded(text)


def _loss(text: str) -> str:
    if re.fullmatch(_LOSS, text) is None:
        raise ValueError(f"{text[:80]!r} names no loss; they are written as in png:tEXt or tiff:65000")
    return text


def _true(value: bool) -> bool:  # noqa: FBT001  a validator takes the value it validates
    if not value:
        raise ValueError("can only be true; leave it out otherwise")
    return value


def _unique(items: tuple[Item, ...]) -> tuple[Item, ...]:
    repeated = sorted({str(item) for item in items if items.count(item) > 1})
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once")
    return items


# The checks above report to people what is wrong; json_schema_extra gives editors the same.
# A TOML array is a list, and a frozen value holds a tuple; what is in it stays strict.
UniqueList = Annotated[
    tuple[Item, ...], Field(strict=False, json_schema_extra={"uniqueItems": True}), AfterValidator(_unique)
]

Slug: TypeAlias = Annotated[str, AfterValidator(_slug), Field(json_schema_extra={"pattern": f"^{_SLUG}$"})]
Sentence: TypeAlias = Annotated[str, AfterValidator(_sentence), Field(json_schema_extra={"pattern": r"\S"})]
Pattern: TypeAlias = Annotated[PathPattern, AfterValidator(path_pattern)]
Format: TypeAlias = Annotated[Puid, AfterValidator(puid), Field(json_schema_extra={"pattern": f"^{_PUID}$"})]
Extension: TypeAlias = Annotated[
    str, AfterValidator(_extension), Field(json_schema_extra={"pattern": f"^{_EXTENSION}$"})
]
LossName: TypeAlias = Annotated[
    str, AfterValidator(_loss), Field(json_schema_extra={"pattern": f"^{_LOSS}$"})
]
OnlyTrue: TypeAlias = Annotated[bool, AfterValidator(_true), Field(json_schema_extra={"const": True})]
