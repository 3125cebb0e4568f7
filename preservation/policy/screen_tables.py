"""What every ``[[screen]]`` of a policy has: its outcome, why, and the paths of those that may be several."""

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field

from preservation.model.issues import Severity
from preservation.policy.words import Pattern, PolicyTable, Sentence, UniqueList


class ScreenOutcome(StrEnum):
    """What becomes of a drop in which a screen finds something."""

    REJECT = "reject"
    ASK = "ask"
    WARN = "warn"

    @property
    def severity(self) -> Severity:
        """The severity of the issues of a screen with this outcome."""
        return _SEVERITY[self]


_SEVERITY = {
    ScreenOutcome.REJECT: Severity.ERROR,
    ScreenOutcome.ASK: Severity.QUESTION,
    ScreenOutcome.WARN: Severity.WARNING,
}

Outcome: TypeAlias = Annotated[ScreenOutcome, Field(strict=False)]


class ScreenTable(PolicyTable):
    """A screen as a policy writes it."""

    check: str
    outcome: Outcome = Field(description="reject the drop, ask a person, or warn in the receipt")
    because: Sentence = Field(description="why, in a sentence for the people who read the policy")


class SpecificationTable(ScreenTable):
    """A screen of what a contract asks of files. A policy may list several of one name, for several paths."""

    paths: UniqueList[Pattern] = Field(default=(), description="paths it applies to; all where left out")
