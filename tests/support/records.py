"""Events, registrations and conclusions as tests need them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from preservation.model.decisions import PolicyReference
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.formats import Puid
from preservation.model.identifiers import PackageId, StoreName, SubmissionId, VersionNumber, parse_object_id
from preservation.model.packages import Replica
from preservation.model.paths import BagPath
from preservation.model.submissions import Submission
from preservation.model.tag_digests import TagDigest
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import CatalogueFile, Conclusion, Registration

MOMENT = datetime(2026, 11, 21, 1, 15, tzinfo=UTC)


def sha256_of(text: str) -> HexDigest:
    return HexDigest(hashlib.sha256(text.encode()).hexdigest())


def package_named(text: str) -> PackageId:
    """``maps/sheet/v1``."""
    object_id, _, number = text.rpartition("/v")
    return PackageId(parse_object_id(object_id), VersionNumber(int(number)))


def an_event(number: int, subject: str = "maps/sheet/v1", note: str = "done") -> Event:
    return Event(
        identifier=event_id(SubmissionId("00ff"), subject, str(number)),
        event_type=EventType.REPLICATION,
        at=MOMENT + timedelta(seconds=number),
        object=subject,
        outcome=EventOutcome.SUCCESS,
        detail=f"act {number}",
        note=note,
        agent=Agent(AgentKind.SOFTWARE, "Muniment", "0.1.0"),
    )


def events(numbers: Iterable[int], subject: str = "maps/sheet/v1") -> list[Event]:
    return [an_event(number, subject) for number in numbers]


def a_registration(package: str, submission: str, content: str = "content") -> Registration:
    replicas = tuple(
        Replica(StoreName(store), f"/stores/{store}/{package}", MOMENT, 9, 900) for store in ("east", "west")
    )
    return Registration(
        package=package_named(package),
        submission=SubmissionId(submission),
        fingerprint=sha256_of(content),
        policy=PolicyReference("digitized-images", 3, sha256_of("policy")),
        registered_at=MOMENT,
        files=2,
        bytes=30,
        replicas=replicas,
        tag_digests=(
            TagDigest(BagPath("tagmanifest-sha256.txt"), Algorithm.SHA256, sha256_of("tags")),
            TagDigest(BagPath("tagmanifest-sha512.txt"), Algorithm.SHA256, sha256_of("more tags")),
        ),
    )


def files_of_package(count: int = 2) -> Iterator[CatalogueFile]:
    for number in range(count):
        yield CatalogueFile(
            BagPath(f"data/originals/{number:06d} Übersicht \N{WHITE SMILING FACE}.tif"),
            number,
            {Algorithm.SHA256: sha256_of(str(number)), Algorithm.MD5: HexDigest("0" * 32)},
            Puid("fmt/353") if number % 2 else None,
        )


def a_conclusion(
    submission: str,
    verdict: Verdict,
    object_id: str = "maps/sheet",
    drop: Path = Path("/inbox/maps/sheet"),
    receipt: Path | None = None,
) -> Conclusion:
    return Conclusion(
        Submission(SubmissionId(submission), parse_object_id(object_id), drop, MOMENT),
        verdict,
        MOMENT + timedelta(minutes=1),
        "Two files were kept.",
        receipt,
    )
