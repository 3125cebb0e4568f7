"""The payload of a bag: exactly what was dropped, and what was proved to be its equal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from preservation.bagit.manifests import encode_path
from preservation.bagit.other_readers import bagit_py_reads
from preservation.errors import IntegrityError
from preservation.model import layout
from preservation.model.derivatives import Derivative, Purpose
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.formats import MimeType
from preservation.model.identifiers import VersionNumber
from preservation.model.packages import BagEntry, stated_share
from preservation.model.paths import BagPath, LocalPath, printable
from preservation.packaging.contents import PackageContents

_NAMED = 3


@dataclass(slots=True)
class PayloadTally:
    """What went by while the payload was listed: all that tag files say about it in figures.

    ``encoded_names`` counts the names that a manifest writes with percent signs, ``hard_names`` those that
    ``bagit.py`` cannot read, of which ``hard_named`` has the first; ``fetched`` the files whose bytes lie in
    earlier versions, by version.
    """

    originals: int = 0
    derivatives: int = 0
    original_bytes: int = 0
    bytes: int = 0
    encoded_names: int = 0
    hard_names: int = 0
    hard_named: list[BagPath] = field(default_factory=list)
    media_types: Counter[MimeType] = field(default_factory=Counter)
    fetched: Counter[VersionNumber] = field(default_factory=Counter)
    fetched_bytes: int = 0

    @property
    def files(self) -> int:
        """The number of payload files."""
        return self.originals + self.derivatives

    def add_hard_name(self, path: BagPath) -> None:
        """Count a name that ``bagit.py`` cannot read."""
        self.hard_names += 1
        if len(self.hard_named) < _NAMED:
            self.hard_named.append(path)

    @property
    def kept_earlier(self) -> str:
        """How many of them lie in which earlier versions, in words; empty where none does."""
        return ", ".join(f"{files} in v{version}" for version, files in sorted(self.fetched.items()))


def payload(contents: PackageContents, workspace: Path, tally: PayloadTally) -> Iterator[BagEntry]:
    """List the payload, originals first, keeping count in ``tally``.

    Raises ``IntegrityError`` where a file's records lack a digest that the policy's manifests need.
    """
    wanted = contents.algorithms
    for entry in chain(_originals(contents, tally), _derivatives(contents, workspace, tally)):
        missing = [name.value for name in wanted if name not in entry.digests]
        if missing:
            raise IntegrityError(
                f"{contents.package}: {printable(entry.path)} was not digested with {', '.join(missing)}, "
                f"which the policy {contents.policy.reference.name} wants in its manifests; remove the "
                "submission's folder in processing/ and preserve the drop again"
            )
        tally.bytes += entry.size
        tally.encoded_names += encode_path(entry.path) != entry.path
        if not bagit_py_reads(entry.path):
            tally.add_hard_name(entry.path)
        yield entry


def _originals(contents: PackageContents, tally: PayloadTally) -> Iterator[BagEntry]:
    root = f"{contents.received.payload_root}"
    for dossier in contents.files:
        file = dossier.kept
        if file is not None:
            tally.originals += 1
            tally.original_bytes += file.size
            tally.media_types[file.identification.mime] += 1
            origin = LocalPath(f"{root}/{file.path}")
            yield BagEntry(layout.original(file.path), origin, file.size, file.digests)


def _derivatives(contents: PackageContents, workspace: Path, tally: PayloadTally) -> Iterator[BagEntry]:
    root = f"{workspace / Purpose.PRESERVATION.value}"
    for made in contents.derivatives:
        if isinstance(made, Derivative) and made.purpose is Purpose.PRESERVATION:
            tally.derivatives += 1
            origin = LocalPath(f"{root}/{made.path}")
            yield BagEntry(layout.preserved(made.path), origin, made.size, made.digests)


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
        + (f"; {stated_share(tally.kept_earlier, tally.fetched_bytes)}" if tally.fetched else ""),
        agent=contents.software,
    )
