"""The event that packaging is."""

from __future__ import annotations

from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.packaging.contents import PackageContents
from preservation.packaging.payload import PayloadTally


def packaging_event(contents: PackageContents, tally: PayloadTally) -> Event:
    """Return the creation of the package as an event; it stands in the package's own PREMIS record."""
    return Event(
        identifier=event_id(contents.submission.identifier, "packaged", str(contents.package)),
        event_type=EventType.INFORMATION_PACKAGE_CREATION,
        at=contents.created_at,
        object=str(contents.package),
        outcome=EventOutcome.SUCCESS,
        detail=f"BagIt 1.0 with {contents.algorithm.value} manifests, by policy {contents.policy.reference}",
        note=f"{tally.originals} originals, {tally.derivatives} derivatives, {tally.bytes} bytes of payload"
        + (f"; of its files, these lie in earlier versions: {tally.kept_earlier}" if tally.fetched else ""),
        agent=contents.software,
    )
