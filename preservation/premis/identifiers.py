"""Identifiers in a PREMIS record: how objects, events and agents are kept apart (units 1.1, 2.1, 3.1).

No two packages give one identifier to two things: that of a file names its object and its version.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from preservation.model import layout
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent, AgentKind, event_id
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import EventId, ObjectId, PackageId, SubmissionId
from preservation.model.locators import Locator
from preservation.model.paths import BagPath
from preservation.premis.units import identifier, path_value


class Part(StrEnum):
    """The representations of a version, each by its place: the last two are of derivatives."""

    ORIGINALS = "originals"
    PRESERVATION = Purpose.PRESERVATION.value
    ACCESS = Purpose.ACCESS.value


class PremisIdentifier(NamedTuple):
    """A type of identifiers, and a value that is unique among those of the type."""

    kind: str
    value: str

    def named(self, name: str, *roles: str) -> str:
        """Return the unit ``name`` that holds it, as XML."""
        return identifier(name, self.kind, self.value, *roles)


_URI = "Muniment URI"


def entity(owner: ObjectId) -> PremisIdentifier:
    """Return the identifier of the object that is kept, whatever its version."""
    return PremisIdentifier("Muniment object", str(owner))


def version(package: PackageId) -> PremisIdentifier:
    """Return the identifier of one version of the object."""
    return PremisIdentifier("Muniment package", str(package))


def representation(package: PackageId, part: Part) -> PremisIdentifier:
    """Return the identifier of what a version consists of for one purpose: the place of its files."""
    if part is Part.ACCESS:
        return PremisIdentifier(_ACCESS, f"{package}/")
    return PremisIdentifier(_URI, f"{_address(package)}/data/{part.value}/")


def file(package: PackageId, path: BagPath) -> PremisIdentifier:
    """Return the identifier of a file of a version: its address, as ``fetch.txt`` writes it."""
    return PremisIdentifier(_URI, Locator(package, path).url)


_ACCESS = "Muniment access copy"


def derivative(package: PackageId, made: Derivative) -> PremisIdentifier:
    """Return the identifier of a derivative; access copies lie outside of the package."""
    if made.purpose is Purpose.PRESERVATION:
        return file(package, layout.preserved(made.path))
    return PremisIdentifier(_ACCESS, f"{package}/{path_value(made.path)}")


def event(value: EventId) -> PremisIdentifier:
    """Return the identifier of an event."""
    return PremisIdentifier("UUID", value)


@lru_cache(maxsize=128)
def agent(value: Agent) -> PremisIdentifier:
    """Return the identifier of an agent: its kind, name and version."""
    return PremisIdentifier("local", "/".join(filter(None, (value.kind.value, value.name, value.version))))


def engine_agent(release: EngineRelease) -> Agent:
    """Return an identification engine as the agent that it is."""
    return Agent(AgentKind.SOFTWARE, release.engine, release.version)


def screening_event(submission: SubmissionId, dossier: Dossier) -> EventId:
    """Return the identifier of the event that records what screening found wrong with a file."""
    return event_id(submission, "screened", dossier.path)


def making_event(submission: SubmissionId, made: Derivative | RefusedDerivative) -> EventId:
    """Return the identifier of the event that made, or refused to make, a derivative."""
    return event_id(submission, "normalized", made.source, made.purpose.value, made.migration.name)


@lru_cache(maxsize=16)
def _address(package: PackageId) -> str:
    return Locator(package, BagPath("")).url.rstrip("/")
