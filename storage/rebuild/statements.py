"""What entries of the journal state of what is kept: the sentences that ingest, filling and audits write."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from preservation.model.events import EventType
from preservation.model.identifiers import (
    EventId,
    ObjectId,
    PackageId,
    StoreName,
    SubmissionId,
    VersionNumber,
    parse_object_id,
)
from preservation.model.orders import ORDER_WITHDRAWN, Order, states_new_order, states_order, terms_in
from preservation.model.tag_digests import TagDigest, stated_in
from preservation.model.verdicts import Verdict
from storage.audits.events import store_read_in
from storage.ports.journal import Entry

_VERSION: Final = r"/v([1-9][0-9]{0,8})"
_ENTERED: Final = re.compile(rf"{_VERSION} entered in the catalogue.*")
_WRITTEN: Final = re.compile(rf"{_VERSION} written to store (\S+) and read back from it")
_COPIED: Final = re.compile(
    r" (?:copied to|found in) store (\S+?)(?:, which lacked it,)? and read back from it"
)
_AMOUNTS: Final = re.compile(r"([0-9,]+) files?, ([0-9,]+) bytes? matched")
_STARTED: Final = re.compile(
    r"(?:a .+? was|what was) dropped as (.+?)(?: cannot be opened)?(?:; submission ([0-9a-f]+))?"
)


@dataclass(frozen=True, slots=True)
class EnteredVersion:
    """A version was entered in the catalogue, with the digests of its tag manifests, if any."""

    package: PackageId
    at: datetime
    tag_digests: tuple[TagDigest, ...]


@dataclass(frozen=True, slots=True)
class DigestsRecorded:
    """The digests of the tag manifests of a version were recorded after it was kept."""

    package: PackageId
    tag_digests: tuple[TagDigest, ...]


@dataclass(frozen=True, slots=True)
class Replicated:
    """A store gave all files of a version back as they were written, at ``at``."""

    package: PackageId
    store: StoreName
    at: datetime
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ReadWhole:
    """All files of a replica were read at ``at``; whether they were as they were kept, others state."""

    package: PackageId
    store: StoreName
    at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A drop, called ``name``, became a submission; up to 0.1.0, ``submission`` is empty.

    ``identifier`` is that of the entry, which is made of the submission's.
    """

    object: ObjectId
    submission: SubmissionId
    identifier: EventId
    at: datetime
    name: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A submission of the object ended; ``entry`` has an identifier that only its own gives."""

    object: ObjectId
    verdict: Verdict
    entry: Entry


@dataclass(frozen=True, slots=True)
class Ordered:
    """An object was ordered at ``at``; where that is not ``is_new``, its order was changed then."""

    order: Order
    at: datetime
    is_new: bool


@dataclass(frozen=True, slots=True)
class OrderWithdrawn:
    """The order of an object was withdrawn at ``at``."""

    object: ObjectId
    at: datetime
    because: str


Statement: TypeAlias = (
    EnteredVersion | DigestsRecorded | Replicated | ReadWhole | Started | Ended | Ordered | OrderWithdrawn
)


def statement_in(entry: Entry) -> Statement | None:
    """Return what an entry states; ``None`` where that is nothing of what a catalogue has."""
    try:
        return _statement(entry)
    except ValueError:
        # It is about no object: a name that no catalogue could hold.
        return None


def _statement(entry: Entry) -> Statement | None:
    reader = _READERS.get(entry.event_type)
    return None if reader is None else reader(entry)


def _kept(entry: Entry) -> EnteredVersion | None:
    found = _ENTERED.fullmatch(entry.detail.removeprefix(entry.object))
    return EnteredVersion(_version(entry, found[1]), entry.at, stated_in(entry.note)) if found else None


def _recorded(entry: Entry) -> DigestsRecorded | None:
    digests = stated_in(entry.note)
    return DigestsRecorded(package_of(entry.object), digests) if digests else None


def _read(entry: Entry) -> ReadWhole | None:
    store = store_read_in(entry)
    return None if store is None else ReadWhole(package_of(entry.object), store, entry.at)


def _started(entry: Entry) -> Started | None:
    dropped = _STARTED.fullmatch(entry.detail)
    if dropped is None:
        return None
    submission = SubmissionId(dropped[2] or "")
    return Started(parse_object_id(entry.object), submission, entry.identifier, entry.at, dropped[1])


def _ended(entry: Entry) -> Ended:
    return Ended(parse_object_id(entry.object), Verdict(entry.detail), entry)


def _ordered(entry: Entry) -> Ordered | OrderWithdrawn | None:
    if states_order(entry.detail):
        order = terms_in(parse_object_id(entry.object), entry.note)
        return Ordered(order, entry.at, states_new_order(entry.detail))
    if entry.detail == ORDER_WITHDRAWN:
        return OrderWithdrawn(parse_object_id(entry.object), entry.at, entry.note)
    return None


def _replicated(entry: Entry) -> Replicated | None:
    amounts = _AMOUNTS.fullmatch(entry.note)
    if amounts is None:
        return None
    files, size = (int(amount.replace(",", "")) for amount in amounts.groups())
    rest = entry.detail.removeprefix(entry.object)
    if written := _WRITTEN.fullmatch(rest):
        return Replicated(_version(entry, written[1]), StoreName(written[2]), entry.at, files, size)
    if copied := _COPIED.fullmatch(rest):
        return Replicated(package_of(entry.object), StoreName(copied[1]), entry.at, files, size)
    return None


def _version(entry: Entry, number: str) -> PackageId:
    return PackageId(parse_object_id(entry.object), VersionNumber(int(number)))


def package_of(text: str) -> PackageId:
    """Return the version that is written so. Raises ``ValueError`` where it is none."""
    owner, _, number = text.rpartition("/v")
    if re.fullmatch(r"[1-9][0-9]{0,8}", number) is None:
        raise ValueError(f"{text[:200]!r} is no version of an object")
    return PackageId(parse_object_id(owner), VersionNumber(int(number)))


_READERS: Final[Mapping[str, Callable[[Entry], Statement | None]]] = {
    EventType.ACCESSION: _kept,
    EventType.MESSAGE_DIGEST_CALCULATION: _recorded,
    EventType.REPLICATION: _replicated,
    EventType.FIXITY_CHECK: _read,
    EventType.INGESTION_START: _started,
    EventType.INGESTION_END: _ended,
    EventType.POLICY_ASSIGNMENT: _ordered,
}
"""What reads the entries of each type that states something."""

STATING: Final = tuple(f'"event_type":"{kind}"'.encode() for kind in _READERS)
"""One of these stands in the line of each such entry."""
