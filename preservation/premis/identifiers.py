"""Identifiers in a PREMIS record: how objects, events and agents are kept apart (units 1.1, 2.1, 3.1)."""

from functools import lru_cache

from preservation.model.derivatives import Derivative, RefusedDerivative
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent, AgentKind, event_id
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import EventId, ObjectId, PackageId, SubmissionId
from preservation.model.paths import BagPath
from preservation.premis.units import identifier, path_value


def file_identifier(name: str, path: BagPath, *roles: str) -> str:
    """Return an identifier of a file: its path in this bag."""
    return identifier(name, "bag path", path_value(path), *roles)


def entity_identifier(name: str, entity: ObjectId) -> str:
    """Return an identifier of the object that is kept, whatever its version."""
    return identifier(name, "Muniment object", str(entity))


@lru_cache(maxsize=16)
def package_identifier(name: str, package: PackageId, *roles: str) -> str:
    """Return an identifier of this version of the object."""
    return identifier(name, "Muniment package", str(package), *roles)


def event_identifier(name: str, event: EventId) -> str:
    """Return an identifier of an event."""
    return identifier(name, "UUID", event)


def agent_identifier(name: str, agent: Agent, *roles: str) -> str:
    """Return an identifier of an agent: its kind, name and version."""
    value = "/".join(filter(None, (agent.kind.value, agent.name, agent.version)))
    return identifier(name, "local", value, *roles)


def engine_agent(release: EngineRelease) -> Agent:
    """Return an identification engine as the agent that it is."""
    return Agent(AgentKind.SOFTWARE, release.engine, release.version)


def screening_event(submission: SubmissionId, file: Dossier) -> EventId:
    """Return the identifier of the event that records what screening found wrong with a file."""
    return event_id(submission, "screened", file.path)


def normalization_event(submission: SubmissionId, made: Derivative | RefusedDerivative) -> EventId:
    """Return the identifier of the event that made, or refused to make, a derivative."""
    return event_id(submission, "normalized", made.source, made.purpose.value, made.migration.name)
