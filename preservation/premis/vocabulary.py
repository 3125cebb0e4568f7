"""The controlled vocabularies of id.loc.gov, as far as Muniment uses them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from preservation.model.digests import Algorithm
from preservation.model.events import AgentKind, EventOutcome, EventType
from preservation.model.screening import ALL_CONTENT, PASSWORD_PROTECTION


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
        EventType.CREATION: "cre",
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
        EventType.QUARANTINE: "qua",
        EventType.RECOVERY: "rec",
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

AUTHORIZER: Final = Term("authorizer", "eventRelatedAgentRole", "aut")
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

BIT_LEVEL: Final = Term("bit level preservation", "preservationLevelType", "blp")
LOGICAL: Final = Term("logical preservation", "preservationLevelType", "lop")

INHIBITORS: Final = {
    term.label: term
    for term in (
        Term(PASSWORD_PROTECTION, "inhibitorType", "pas"),
        Term(ALL_CONTENT, "inhibitorTarget", "all"),
        Term("Print Function", "inhibitorTarget", "prt"),
        Term("Play Function", "inhibitorTarget", "pla"),
    )
}
"""Methods and targets of inhibitors that the vocabularies have a word for, by their labels."""

OTHER_RIGHTS: Final = Term("other", "rightsBasis", "oth")

STRUCTURAL: Final = Term("structural", "relationshipType", "str")
DERIVATION: Final = Term("derivation", "relationshipType", "der")
REPLACEMENT: Final = Term("replacement", "relationshipType", "rep")

REPRESENTS: Final = Term("represents", "relationshipSubType", "rep")
IS_REPRESENTED_BY: Final = Term("is represented by", "relationshipSubType", "isr")
HAS_PART: Final = Term("has part", "relationshipSubType", "hsp")
IS_PART_OF: Final = Term("is part of", "relationshipSubType", "isp")
INCLUDES: Final = Term("includes", "relationshipSubType", "inc")
IS_INCLUDED_IN: Final = Term("is included in", "relationshipSubType", "isi")
IS_SOURCE_OF: Final = Term("is source of", "relationshipSubType", "iso")
HAS_SOURCE: Final = Term("has source", "relationshipSubType", "hss")
SUPERSEDES: Final = Term("supersedes", "relationshipSubType", "sup")
HAS_SAME_CONTENT: Final = "has same content as"
"""A word of our own: of the bytes of a file in an earlier version, which are not repeated."""
