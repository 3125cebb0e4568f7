"""The JSON Schema of policy files, generated from the models, for editors and for third parties.

``python -m preservation.policy.json_schema policies/policy.schema.json`` writes it.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from preservation.policy.schema import Terms


class _TomlSchema(GenerateJsonSchema):
    """TOML has no null: what may be left out is left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


@cache
def json_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12) of a policy file as TOML reads it. Treated as frozen."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Terms.model_json_schema(by_alias=True, schema_generator=_TomlSchema),
        "title": "Muniment policy",
    }


def json_schema_text() -> str:
    """Return the schema as text, the same for the same models."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def keys_at(steps: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys of the table at ``steps``, a place as pydantic writes it; none where it is no table."""
    place: dict[str, Any] = json_schema()
    for step in steps:
        place = _below(_resolved(place), step)
    return tuple(_resolved(place).get("properties", ()))


def _resolved(place: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in place:
        place = json_schema()["$defs"][place["$ref"].rpartition("/")[2]]
    return place


def _below(place: dict[str, Any], step: str | int) -> dict[str, Any]:
    if isinstance(step, int):
        below = place.get("items", {})
    elif "discriminator" in place:
        below = {"$ref": place["discriminator"]["mapping"][step]}
    else:
        # Keys of the author's own choice stand for tables that are all alike.
        others: dict[str, Any] = next(iter(place.get("patternProperties", {}).values()), {})
        below = place.get("properties", {}).get(step, others)
    return dict(below)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json_schema_text(), encoding="utf-8")
