"""What a PREMIS record of a package is written from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from preservation.model.decisions import PolicyReference
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent, Event, EventType
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import PackageId
from preservation.model.submissions import Submission


@dataclass(frozen=True, slots=True)
class PremisContents:
    """A package as PREMIS describes it.

    ``files`` is read twice and never held. ``events`` are those of the package as a whole. No time
    is taken from a clock: the same contents give the same bytes.
    """

    package: PackageId
    submission: Submission
    policy: PolicyReference
    files: Iterable[Dossier]
    events: tuple[Event, ...]
    engines: tuple[EngineRelease, ...]
    software: Agent
    created_at: datetime

    @property
    def normalized_at(self) -> datetime:
        """When derivatives were made: the end of normalization as a whole, as far as it is known."""
        times = (event.at for event in self.events if event.event_type is EventType.NORMALIZATION)
        return next(times, self.created_at)

    @property
    def screened_at(self) -> datetime:
        """When files were examined: the end of screening as a whole, as far as it is known."""
        times = (event.at for event in self.events if event.event_type is EventType.VALIDATION)
        return next(times, self.created_at)
