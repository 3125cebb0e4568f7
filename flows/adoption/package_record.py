"""What catalogue and journal record of a package that another installation wrote, and what vouches for it."""

from collections.abc import Iterable
from datetime import datetime

from flows.adoption.former_journal import FormerJournal
from flows.installation.wiring import SOFTWARE, now
from preservation.ingest_events import entered
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import SubmissionId
from preservation.model.packages import Replica
from preservation.model.paths import printable
from preservation.model.tag_digests import stated
from storage.ports.catalogue import Registration
from storage.rebuild.lists import VersionLists
from storage.rebuild.version import StatedVersion


def registration_of(lists: VersionLists, version: StatedVersion, replicas: Iterable[Replica]) -> Registration:
    """Return the row of a version as its own lists state it, with the ``replicas`` that were read back."""
    return Registration(
        package=lists.package,
        submission=version.submission,
        fingerprint=version.fingerprint,
        policy=version.policy,
        registered_at=now(),
        files=version.files,
        bytes=version.bytes,
        replicas=tuple(replicas),
        tag_digests=lists.tag_digests,
    )


def adoption_events(kept: Registration, lists: VersionLists, former: FormerJournal) -> tuple[Event, ...]:
    """Return what the journal says of a version: where it was found, and what it was held against."""
    package, at = kept.package, kept.registered_at
    place = printable(lists.store.location(package.prefix))
    digests = stated(kept.tag_digests)
    return (
        _event(
            kept.submission,
            EventType.ACCESSION,
            at,
            str(package.object),
            f"{entered(str(package))}: adopted from {place}, where another installation kept it",
            f"found on that day: {digests}",
        ),
        _event(
            kept.submission,
            EventType.MESSAGE_DIGEST_CALCULATION,
            at,
            str(package),
            f"tag manifests of {package} read in {place}; {former.statement_of(package)}",
            f"alike in {' and '.join(one.store for one in kept.replicas)} on that day: {digests}",
        ),
    )


def _event(
    submission: SubmissionId, kind: EventType, at: datetime, about: str, detail: str, note: str
) -> Event:
    # Nothing that is known here vouches for what the other installation did.
    return Event(
        event_id(submission, kind, "adopted"), kind, at, about, EventOutcome.WARNING, detail, note, SOFTWARE
    )
