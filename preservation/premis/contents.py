"""What a PREMIS record of a package is written from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from preservation.model.decisions import PolicyReference
from preservation.model.derivatives import Purpose
from preservation.model.digests import HexDigest
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent, Event, EventType
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import PackageId
from preservation.model.locators import Locator
from preservation.model.submissions import Submission

MAKING = {Purpose.PRESERVATION: EventType.NORMALIZATION, Purpose.ACCESS: EventType.CREATION}
"""What the making of a derivative is called: an access copy normalizes nothing."""


@dataclass(frozen=True, slots=True)
class PremisContents:
    """A package as PREMIS describes it.

    ``files`` is read once and never held. ``events`` are those of the package as a whole. No time
    is taken from a clock: the same contents give the same bytes. ``before`` is the version that this one
    supersedes; ``earlier`` gives, by SHA-256, the bytes that lie in earlier versions. ``rights`` are
    statements that were supplied about the object.
    """

    package: PackageId
    submission: Submission
    policy: PolicyReference
    files: Iterable[Dossier]
    events: tuple[Event, ...]
    engines: tuple[EngineRelease, ...]
    software: Agent
    created_at: datetime
    before: PackageId | None = None
    earlier: Mapping[HexDigest, Locator] = field(default_factory=dict)
    rights: tuple[str, ...] = ()

    def event_of(self, kind: EventType) -> Event | None:
        """Return the last event of the package that is of that kind."""
        return next((event for event in reversed(self.events) if event.event_type is kind), None)

    def made_at(self, purpose: Purpose) -> datetime:
        """Return when derivatives were made: the end of their making as a whole, as far as it is known."""
        # 0.1.0 recorded access copies, too, in the event of normalization.
        event = self.event_of(MAKING[purpose]) or self.event_of(EventType.NORMALIZATION)
        return self.created_at if event is None else event.at

    @property
    def screened_at(self) -> datetime:
        """When files were examined: the end of screening as a whole, as far as it is known."""
        event = self.event_of(EventType.VALIDATION)
        return self.created_at if event is None else event.at
