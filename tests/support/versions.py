"""Objects that come again and again, kept version by version in stores, as the flow keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from support.memory_catalogue import MemoryCatalogue
from support.memory_journal import MemoryJournal
from support.packages import Drop
from support.store_peers import memory_store

from preservation.ingest_events import IngestEvents
from preservation.model import layout
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.events import Agent, AgentKind
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import ObjectId, PackageId, StoreName, SubmissionId, VersionNumber
from preservation.model.tag_digests import tag_digests_among
from preservation.packaging.fingerprint import fingerprint
from preservation.packaging.planned import PlannedBag
from preservation.packaging.planning import plan_package
from storage.ports.catalogue import CatalogueFile, Registration
from storage.ports.stores import SiteName, Store
from storage.replication.outcomes import ReplicationOutcome, Stored
from storage.replication.replicate import replicate
from storage.reuse import Reusable, reusable

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


def two_stores() -> tuple[Store, ...]:
    return (
        memory_store(StoreName("first"), SiteName("here")),
        memory_store(StoreName("second"), SiteName("there")),
    )


@dataclass
class Room:
    """A catalogue and stores, and a folder in which drops come."""

    root: Path
    stores: Sequence[Store] = field(default_factory=two_stores)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    drops: int = 0
    records: bool = True

    def __post_init__(self) -> None:
        self.catalogue = MemoryCatalogue(self.journal)

    def plan(self, payload: Mapping[str, bytes], number: int) -> tuple[PlannedBag, Reusable, Drop]:
        """Plan a version of the object, building on what is registered."""
        self.drops += 1
        drop = Drop(self.root / f"drop-{self.drops}")
        for path, content in payload.items():
            drop.add(path, content)
        contents = drop.contents()
        package = PackageId(contents.package.object, VersionNumber(number))
        reused = reusable(self.catalogue, self.journal, package, self._wanted(drop), self.stores, threads=2)
        planned = plan_package(replace(contents, package=package, earlier=reused.files), drop.workspace)
        return planned, reused, drop

    def replicate(self, planned: PlannedBag) -> ReplicationOutcome:
        return replicate(planned, self.stores, copies=len(self.stores), sites=1, threads=2, clock=lambda: NOW)

    def keep(self, payload: Mapping[str, bytes], number: int) -> Reusable:
        """Keep a version: plan it, write it everywhere, register it."""
        planned, reused, drop = self.plan(payload, number)
        outcome = self.replicate(planned)
        assert isinstance(outcome, Stored), outcome
        self.register(planned, drop, outcome)
        return reused

    def register(self, planned: PlannedBag, drop: Drop, outcome: Stored) -> None:
        """Register it as this version does, or as 0.1.0 did, where ``records`` is not set."""
        digests = tag_digests_among((entry.path, entry.digests) for entry in planned.entries)
        if not self.records:
            digests = ()
        submission = replace(drop.submission(), identifier=SubmissionId(f"{self.drops:032x}"))
        ingest = IngestEvents(submission, Agent(AgentKind.SOFTWARE, "Muniment"), lambda: NOW)
        self.catalogue.register(
            Registration(
                package=planned.package,
                submission=SubmissionId(f"{self.drops:032x}"),
                fingerprint=fingerprint(drop.dossiers()),
                policy=drop.policy.reference,
                registered_at=NOW,
                files=len(drop.found),
                bytes=sum(file.size for file in _files(drop)),
                replicas=outcome.replicas,
                tag_digests=digests,
            ),
            (
                CatalogueFile(layout.original(file.path), file.size, file.digests, None)
                for file in _files(drop)
            ),
            (ingest.registered(str(planned.package), digests),),
        )

    @property
    def object_id(self) -> ObjectId:
        return Drop(self.root).submission().object

    def package(self, number: int) -> PackageId:
        return PackageId(self.object_id, VersionNumber(number))

    def written(self, number: int) -> list[str]:
        """The payload files that the first store holds of a version, by their paths as dropped."""
        start = f"{self.package(number).prefix}/data/originals/"
        return [
            kept.key.removeprefix(start)
            for kept in self.stores[0].list(self.package(number).prefix)
            if kept.key.startswith(start)
        ]

    @staticmethod
    def _wanted(drop: Drop) -> set[HexDigest]:
        return {file.digests[Algorithm.SHA256] for file in _files(drop)}


def _files(drop: Drop) -> list[SurveyedFile]:
    return [found for found in drop.contents().survey if isinstance(found, SurveyedFile)]
