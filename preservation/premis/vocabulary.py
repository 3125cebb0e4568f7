"""The controlled vocabularies of id.loc.gov, as far as Muniment uses them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from preservation.model.decisions import Action
from preservation.model.digests import Algorithm
from preservation.model.events import AgentKind, EventOutcome, EventType


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a controlled vocabulary: its label, the vocabulary, and its code in it."""

    label: str
    scheme: str
    code: str

    @property
    def uri(self) -> str:
        """The word's own URI."""
        return f"http://id.loc.gov/vocabulary/preservation/{self.scheme}/{self.code}"


Label = TypeVar("Label", bound=StrEnum)


def _terms(scheme: str, codes: dict[Label, str]) -> dict[Label, Term]:
    return {label: Term(label.value, scheme, code) for label, code in codes.items()}


EVENT_TYPES: Final = _terms(
    "eventType",
    {
        EventType.ACCESSION: "acc",
        EventType.DELETION: "del",
        EventType.DISSEMINATION: "dis",
        EventType.FIXITY_CHECK: "fix",
        EventType.FORMAT_IDENTIFICATION: "for",
        EventType.INFORMATION_PACKAGE_CREATION: "ipc",
        EventType.INGESTION_END: "ine",
        EventType.INGESTION_START: "ins",
        EventType.MESSAGE_DIGEST_CALCULATION: "mes",
        EventType.NORMALIZATION: "nor",
        EventType.POLICY_ASSIGNMENT: "poa",
        EventType.REPLICATION: "rep",
        EventType.UNPACKING: "unp",
        EventType.VALIDATION: "val",
        EventType.VIRUS_CHECK: "vir",
    },
)

EVENT_OUTCOMES: Final = _terms(
    "eventOutcome", {EventOutcome.SUCCESS: "suc", EventOutcome.WARNING: "war", EventOutcome.FAIL: "fai"}
)
AGENT_TYPES: Final = _terms(
    "agentType", {AgentKind.PERSON: "per", AgentKind.ORGANIZATION: "org", AgentKind.SOFTWARE: "sof"}
)

IMPLEMENTER: Final = Term("implementer", "eventRelatedAgentRole", "imp")
EXECUTING_PROGRAM: Final = Term("executing program", "eventRelatedAgentRole", "exe")
VALIDATOR: Final = Term("validator", "eventRelatedAgentRole", "val")

SOURCE: Final = Term("source", "eventRelatedObjectRole", "sou")
OUTCOME: Final = Term("outcome", "eventRelatedObjectRole", "out")

DIGEST_ALGORITHMS: Final = {
    Algorithm.MD5: Term("MD5", "cryptographicHashFunctions", "md5"),
    Algorithm.SHA1: Term("SHA-1", "cryptographicHashFunctions", "sha1"),
    Algorithm.SHA256: Term("SHA-256", "cryptographicHashFunctions", "sha256"),
    Algorithm.SHA512: Term("SHA-512", "cryptographicHashFunctions", "sha512"),
}

_BIT_LEVEL = Term("bit level preservation", "preservationLevelType", "blp")
_LOGICAL = Term("logical preservation", "preservationLevelType", "lop")
LEVEL_TYPES: Final = {action: _LOGICAL if action is Action.NORMALIZE else _BIT_LEVEL for action in Action}

PASSWORD_PROTECTION: Final = Term("password protection", "inhibitorType", "pas")
ALL_CONTENT: Final = Term("all content", "inhibitorTarget", "all")

STRUCTURAL: Final = Term("structural", "relationshipType", "str")
DERIVATION: Final = Term("derivation", "relationshipType", "der")

REPRESENTS: Final = Term("represents", "relationshipSubType", "rep")
IS_INCLUDED_IN: Final = Term("is included in", "relationshipSubType", "isi")
IS_SOURCE_OF: Final = Term("is source of", "relationshipSubType", "iso")
HAS_SOURCE: Final = Term("has source", "relationshipSubType", "hss")
