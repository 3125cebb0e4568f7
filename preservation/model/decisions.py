"""What a policy says is to be done with each file, and why. Silence is not a decision."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from preservation.model.digests import HexDigest
from preservation.model.paths import RelativePath

RuleId = NewType("RuleId", str)
"""Id of a rule of a policy; ``otherwise`` for the mandatory last word."""

MigrationName = NewType("MigrationName", str)
"""Name of a migration: ``image-to-tiff``, ``image-to-jp2``, ``image-to-jpeg``, ``pdf-to-text``."""

ProofName = NewType("ProofName", str)
"""Name of a proof: ``same-pixels``, ``same-profile`` …"""


class Action(StrEnum):
    """What becomes of a file. The original is kept in every case but the last two."""

    RETAIN = "retain"
    NORMALIZE = "normalize"
    LEAVE_OUT = "leave-out"
    ASK = "ask"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration with its options, as the rule gives them."""

    name: MigrationName
    options: dict[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy's word on one file. ``because`` is the policy author's own sentence.

    ``accept_loss`` names what a second form may leave behind, as ``png:tEXt``.
    """

    path: RelativePath
    action: Action
    rule: RuleId
    because: str
    normalize: Migration | None = None
    prove: tuple[ProofName, ...] = ()
    access: Migration | None = None
    accept_loss: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyReference:
    """Which policy, exactly: stands in every event and package. ``digest`` is SHA-256 of the file's bytes."""

    name: str
    revision: int
    digest: HexDigest

    def __str__(self) -> str:
        return f"{self.name} revision {self.revision} (sha256 {self.digest})"
