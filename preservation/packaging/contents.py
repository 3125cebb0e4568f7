"""What a package is planned from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from preservation.model.decisions import Decision
from preservation.model.derivatives import Derivative, RefusedDerivative
from preservation.model.descriptions import DescribedFile, Statements
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.dossiers import Dossiers
from preservation.model.events import Agent, AgentKind, Event
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import PackageId
from preservation.model.locators import Locator
from preservation.model.screening import ScreenedFile
from preservation.model.submissions import Received, Submission
from preservation.model.supplied import SuppliedManifest
from preservation.policy.schema import Policy


@dataclass(frozen=True, slots=True)
class PackageContents:
    """One version of an object before it is a package: the submission, its records, and their policy.

    The records are iterated several times and never held. ``created_at`` stands as the time of
    packaging; no clock is asked, so the same contents always make the same bag. ``earlier`` gives, by
    SHA-256, the bytes that lie in earlier versions of the object and are not to be written again.
    ``description`` is what was supplied about the object, ``described`` what was about its files.
    ``sidecars`` are copies of the manifests that lay beside a drop of one file. ``before`` is the version
    that this one supersedes.
    """

    package: PackageId
    submission: Submission
    received: Received
    policy: Policy
    survey: Iterable[SurveyedFile | IrregularEntry]
    screened: Iterable[ScreenedFile]
    decisions: Iterable[Decision]
    derivatives: Iterable[Derivative | RefusedDerivative]
    supplied: Iterable[SuppliedManifest]
    events: tuple[Event, ...]
    engines: tuple[EngineRelease, ...]
    created_at: datetime
    software_version: str
    earlier: Mapping[HexDigest, Locator] = field(default_factory=dict)
    description: Statements = field(default_factory=dict)
    described: Iterable[DescribedFile] = ()
    sidecars: tuple[Path, ...] = ()
    before: PackageId | None = None

    @property
    def files(self) -> Dossiers:
        """All that is known, file by file."""
        return Dossiers(self.survey, self.screened, self.decisions, self.derivatives, self.described)

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm by which replicas are compared."""
        return self.policy.terms.packaging.algorithm

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms that manifests are written for; the one that commits the bag comes last."""
        additional = self.policy.terms.packaging.additional_algorithms
        return (*(name for name in additional if name is not self.algorithm), self.algorithm)

    @property
    def software(self) -> Agent:
        """This program, as an agent."""
        return Agent(AgentKind.SOFTWARE, "Muniment", self.software_version)
