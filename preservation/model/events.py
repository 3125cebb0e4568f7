"""What happened: PREMIS events and agents, in the words of the id.loc.gov vocabularies."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import NAMESPACE_URL, uuid5

from preservation.model.identifiers import EventId, SubmissionId


class EventType(StrEnum):
    """Labels of the eventType vocabulary at id.loc.gov that Muniment uses."""

    INGESTION_START = "ingestion start"
    INGESTION_END = "ingestion end"
    MESSAGE_DIGEST_CALCULATION = "message digest calculation"
    FORMAT_IDENTIFICATION = "format identification"
    FIXITY_CHECK = "fixity check"
    VALIDATION = "validation"
    VIRUS_CHECK = "virus check"
    POLICY_ASSIGNMENT = "policy assignment"
    NORMALIZATION = "normalization"
    CREATION = "creation"
    INFORMATION_PACKAGE_CREATION = "information package creation"
    REPLICATION = "replication"
    UNPACKING = "unpacking"
    ACCESSION = "accession"
    DELETION = "deletion"
    DISSEMINATION = "dissemination"
    RECOVERY = "recovery"
    QUARANTINE = "quarantine"


class EventOutcome(StrEnum):
    """Labels of the eventOutcome vocabulary at id.loc.gov."""

    SUCCESS = "success"
    WARNING = "warning"
    FAIL = "fail"


class AgentKind(StrEnum):
    """Labels of the agentType vocabulary at id.loc.gov."""

    PERSON = "person"
    ORGANIZATION = "organization"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class Agent:
    """Who or what acted (PREMIS 3.1-3.4): a person, an organization, a program with its version."""

    kind: AgentKind
    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One act (PREMIS 2.1-2.6). ``object`` names what it was done to: an object, a version or a file in one.

    ``at`` is in UTC. ``detail`` says what was done and with what; ``note`` is the outcome in a sentence.
    ``programs`` are those that did the work where ``agent`` had it done: PREMIS names them, the journal does
    not.
    """

    identifier: EventId
    event_type: EventType
    at: datetime
    object: str
    outcome: EventOutcome
    detail: str
    note: str
    agent: Agent
    programs: tuple[Agent, ...] = ()


def event_id(submission: SubmissionId, *what: str) -> EventId:
    """Return the identifier of an act, the same however often the act is resumed or recorded again."""
    return EventId(str(uuid5(NAMESPACE_URL, "\n".join((submission, *what)))))
