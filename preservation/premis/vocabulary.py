"""The controlled vocabularies of id.loc.gov, as far as Muniment uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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


def _event_type(label: EventType, code: str) -> tuple[EventType, Term]:
    return label, Term(label.value, "eventType", code)


EVENT_TYPES: Final = dict(
    (
        _event_type(EventType.ACCESSION, "acc"),
        _event_type(EventType.DELETION, "del"),
        _event_type(EventType.DISSEMINATION, "dis"),
        _event_type(EventType.FIXITY_CHECK, "fix"),
        _event_type(EventType.FORMAT_IDENTIFICATION, "for"),
        _event_type(EventType.INFORMATION_PACKAGE_CREATION, "ipc"),
        _event_type(EventType.INGESTION_END, "ine"),
        _event_type(EventType.INGESTION_START, "ins"),
        _event_type(EventType.MESSAGE_DIGEST_CALCULATION, "mes"),
        _event_type(EventType.METADATA_EXTRACTION, "mee"),
        _event_type(EventType.NORMALIZATION, "nor"),
        _event_type(EventType.POLICY_ASSIGNMENT, "poa"),
        _event_type(EventType.REPLICATION, "rep"),
        _event_type(EventType.UNPACKING, "unp"),
        _event_type(EventType.VALIDATION, "val"),
        _event_type(EventType.VIRUS_CHECK, "vir"),
    )
)

EVENT_OUTCOMES: Final = {
    EventOutcome.SUCCESS: Term("success", "eventOutcome", "suc"),
    EventOutcome.WARNING: Term("warning", "eventOutcome", "war"),
    EventOutcome.FAIL: Term("fail", "eventOutcome", "fai"),
}

AGENT_TYPES: Final = {
    AgentKind.PERSON: Term("person", "agentType", "per"),
    AgentKind.ORGANIZATION: Term("organization", "agentType", "org"),
    AgentKind.SOFTWARE: Term("software", "agentType", "sof"),
}

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
