"""``[[rule]]`` and ``[otherwise]``: which files, what is done with them, and how it is proved."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, field_validator, model_validator

from preservation.model.decisions import ProofName, RuleId
from preservation.policy.migrations import AccessMigration, PreservationMigration
from preservation.policy.proofs import ProvableProof
from preservation.policy.words import (
    Extension,
    Format,
    LossName,
    OnlyTrue,
    Pattern,
    PolicyTable,
    Sentence,
    Slug,
    UniqueList,
)

OTHERWISE = RuleId("otherwise")
JUNK = RuleId("junk")
"""Rules by these names stand in decisions that no ``[[rule]]`` made."""


class WhenKey(StrEnum):
    """The keys of ``when``."""

    PUID = "puid"
    UNIDENTIFIED = "unidentified"
    EXTENSION = "extension"
    PATH = "path"


class Verb(StrEnum):
    """What a rule can say without making anything: the file is kept as it came, asked about, or refused."""

    RETAIN = "retain"
    ASK = "ask"
    REJECT = "reject"


class When(PolicyTable):
    """Which files a rule takes: every key that is given must hold, by any one of its values."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "not": {"required": ["puid", "unidentified"]}}
    )

    puid: UniqueList[Format] = Field(default=(), description="the identified format, as a PRONOM identifier")
    unidentified: OnlyTrue = Field(
        default=False, description="only files whose format is unknown or in doubt"
    )
    extension: UniqueList[Extension] = Field(default=(), description="the last extension, without the dot")
    path: UniqueList[Pattern] = Field(default=(), description="patterns for the name or the path")

    @model_validator(mode="after")
    def _takes_some_files(self) -> When:
        if not (self.puid or self.unidentified or self.extension or self.path):
            raise ValueError("must name at least one puid, extension or path, or say unidentified = true")
        if self.puid and self.unidentified:
            raise ValueError("takes no file: puid asks for a known format, unidentified for none")
        return self


def contradiction_in(rule: Mapping[str, object]) -> str | None:
    """Say what is wrong between the keys of a rule, sound in themselves or not; ``None`` where nothing is."""
    if ("action" in rule) == ("normalize" in rule):
        return "must have either action or normalize, and not both"
    if "normalize" in rule and not rule.get("prove"):
        return "normalize needs prove: what is not proved is not kept"
    if "action" in rule and "prove" in rule:
        return "prove goes with normalize: nothing else is made that could be proved"
    if "action" in rule and "accept_loss" in rule:
        return "accept_loss goes with normalize: nothing else is made that could lose something"
    if "access" in rule and rule.get("action") in (Verb.ASK, Verb.REJECT):
        return f'access makes no sense with action = "{rule["action"]}": nothing is kept yet'
    return None


class Rule(PolicyTable):
    """One rule of a policy."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["action"],
                    "not": {"anyOf": [{"required": ["prove"]}, {"required": ["accept_loss"]}]},
                },
                {"required": ["normalize", "prove"], "properties": {"prove": {"minItems": 1}}},
            ]
        }
    )

    id: Slug = Field(description="the rule's name in receipts and packages")
    because: Sentence = Field(description="why, in a sentence for the people who read these")
    when: When = Field(description="which files")
    action: Annotated[Verb, Field(strict=False)] | None = Field(
        default=None, description="keep the file as it is, ask a person, or reject the drop"
    )
    normalize: PreservationMigration | None = Field(
        default=None, description="keep the file as it is, and a second form beside it"
    )
    prove: UniqueList[Annotated[ProvableProof, Field(strict=False)]] = Field(
        default=(), description="in what the second form must be the same as the source"
    )
    accept_loss: UniqueList[LossName] = Field(
        default=(), description="what the second form may leave behind, by name; because says why"
    )
    access: AccessMigration | None = Field(
        default=None, description="make a copy for use; it is kept outside the package"
    )

    @field_validator("id")
    @classmethod
    def _is_free(cls, slug: str) -> str:
        if slug in {OTHERWISE, JUNK}:
            raise ValueError(f"{slug!r} is a word of its own in decisions; choose another id")
        return slug

    @model_validator(mode="after")
    def _says_one_thing(self) -> Rule:
        contradiction = contradiction_in({key: getattr(self, key) for key in self.model_fields_set})
        if contradiction is not None:
            raise ValueError(contradiction)
        return self

    @property
    def proofs(self) -> tuple[ProofName, ...]:
        """The proofs as stages know them."""
        return tuple(ProofName(proof.value) for proof in self.prove)


class Otherwise(PolicyTable):
    """The last word, on every file that no rule takes."""

    action: Verb = Field(strict=False, description="keep the file as it is, ask a person, or reject the drop")
    because: Sentence = Field(description="why, in a sentence for the people who read receipts and packages")
