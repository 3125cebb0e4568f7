"""``check = "supplied-xml"``: XML that comes with a drop, held against an XML schema beside the policy."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from preservation.policy.screen_tables import SpecificationTable
from preservation.policy.words import OnlyTrue, Pattern, UniqueList

_PATH = r"[^/\\]+(/[^/\\]+)*\.xsd"
_NAME = r"[^\s:<>&'\"/{}]+"


def _path(text: str) -> str:
    # With it comes lxml, which no other screen needs.
    from preservation.documents.xml_schema import is_below  # noqa: PLC0415

    if not is_below(text):
        raise ValueError(
            f"{text[:80]!r} is no schema below the policy's folder; write it as in schemas/mods-3-8.xsd"
        )
    return text


def _local_name(text: str) -> str:
    if not text or any(sign.isspace() or sign in ":<>&'\"/{}" for sign in text) or not text.isprintable():
        raise ValueError(f"{text[:80]!r} is no local name of an element; write it without prefix, as in mods")
    return text


SchemaPath: TypeAlias = Annotated[
    str, AfterValidator(_path), Field(json_schema_extra={"pattern": f"^{_PATH}$"})
]
LocalName: TypeAlias = Annotated[
    str, AfterValidator(_local_name), Field(json_schema_extra={"pattern": f"^{_NAME}$"})
]


class SuppliedXml(SpecificationTable):
    """What a contract asks of XML files: that they are valid by a schema."""

    check: Literal["supplied-xml"]
    paths: UniqueList[Pattern] = Field(min_length=1, description="files that are looked at")
    schema_path: SchemaPath = Field(
        alias="schema", description="the XML schema (XSD 1.0), below the policy's folder"
    )
    required: OnlyTrue = Field(default=False, description="whether there has to be such a file")
    root: LocalName | None = Field(
        default=None, description="local name of the root element; any that the schema has where left out"
    )
