"""The catalogue's port: an index of what is kept, never the record of it.

Whatever it holds can be built again from any one store. It assigns version numbers, so that two
runs never write one version, and returns what is kept, where, and how each submission ended.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias

from preservation.errors import AlreadyExistsError, NotFoundError, UnavailableError
from preservation.model.decisions import PolicyReference
from preservation.model.digests import Digests, HexDigest
from preservation.model.events import Event
from preservation.model.formats import Puid
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    PackageId,
    StoreIdentity,
    StoreName,
    SubmissionId,
)
from preservation.model.packages import Replica
from preservation.model.paths import BagPath
from preservation.model.submissions import Submission
from preservation.model.tag_digests import TagDigest
from preservation.model.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Reserved:
    """This version number belongs to the submission until it registers or releases it."""

    package: PackageId


@dataclass(frozen=True, slots=True)
class AlreadyKept:
    """The same content is registered as the latest version of the same object.

    ``submission`` is the one that brought it: the asking one itself, where that was stopped after
    it had registered.
    """

    package: PackageId
    submission: SubmissionId
    replicas: tuple[Replica, ...]


Reservation: TypeAlias = Reserved | AlreadyKept


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """One file of a version. ``size`` in bytes; ``puid`` is ``None`` where the format is not decided."""

    path: BagPath
    size: int
    digests: Digests
    puid: Puid | None


@dataclass(frozen=True, slots=True)
class Registration:
    """What the catalogue knows of one kept version; ``fingerprint`` stands for all of its content.

    ``files`` and ``bytes`` count the originals that are kept; of what 0.1.0 stored, what was left out too.
    ``replicas`` come back in the order of the stores, and
    ``tag_digests`` in that of their paths; 0.1.0 recorded none.
    """

    package: PackageId
    submission: SubmissionId
    fingerprint: HexDigest
    policy: PolicyReference
    registered_at: datetime
    files: int
    bytes: int
    replicas: tuple[Replica, ...]
    tag_digests: tuple[TagDigest, ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a submission ended. ``summary`` is a sentence for a person, ``receipt`` where the answer lies."""

    submission: Submission
    verdict: Verdict
    concluded_at: datetime
    summary: str
    receipt: Path | None = None


@dataclass(frozen=True, slots=True)
class History:
    """An object's history: its kept versions, oldest first, and how each submission of it ended."""

    registrations: tuple[Registration, ...]
    conclusions: tuple[Conclusion, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is kept. ``bytes`` and ``files`` count what was dropped, once, not each replica."""

    objects: int
    packages: int
    files: int
    bytes: int
    conclusions: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class KeptObject:
    """An object that is kept, by its latest version, of which ``files`` and ``bytes`` were dropped."""

    package: PackageId
    versions: int
    files: int
    bytes: int
    registered_at: datetime


class Catalogue(Protocol):
    """An index of what is kept.

    Every method may raise ``UnavailableError``, ``StoreFullError`` or ``DeniedError``. What changes
    what is kept takes the events that record it: both are written, or neither.
    """

    def reserve(
        self,
        submission: SubmissionId,
        object_id: ObjectId,
        fingerprint: HexDigest,
        doubted: PackageId | None = None,
    ) -> Reservation:
        """Give the submission a version number of the object, or report that its content is kept already.

        It is where the latest registered version has that content, unless that is ``doubted``: not found in
        the stores as it was kept. What only an older version has becomes a new one, for the latest is
        what the object is. Asked again by the same submission it gives the same number again. Raises
        ``AlreadyExistsError`` where the submission has a version of another object, or has
        registered other content.
        """

    def release(self, submission: SubmissionId) -> None:
        """Give a reserved number back, so that another submission may have it.

        Only for a submission of which nothing was written to any store. Releasing what is not
        reserved does nothing. Raises ``AlreadyExistsError`` where the version is registered.
        """

    def register(
        self, registration: Registration, files: Iterable[CatalogueFile], events: Iterable[Event] = ()
    ) -> None:
        """Record a kept version, its files and the events that record it, in one transaction.

        ``files`` may be millions. Registering what is registered changes nothing. Raises
        ``AlreadyExistsError`` where the number belongs to another submission.
        """

    def record_tag_digests(
        self, package: PackageId, digests: Iterable[TagDigest], events: Iterable[Event]
    ) -> None:
        """Record the digests of a kept version that has none, and the events, in one transaction.

        Raises ``NotFoundError`` where it is not kept, ``AlreadyExistsError`` where it has some: what was
        recorded is never replaced.
        """

    def conclude(self, conclusion: Conclusion, events: Iterable[Event] = ()) -> None:
        """Record how a submission ended. A later end replaces an earlier one; the journal keeps both."""

    def package(self, package: PackageId) -> Registration:
        """Return what is known of one kept version. Raises ``NotFoundError``."""

    def tag_digests(self, packages: Sequence[PackageId]) -> Mapping[PackageId, tuple[TagDigest, ...]]:
        """Return the tag digests of those of the versions that are kept."""

    def packages(
        self,
        collection: CollectionName | None = None,
        *,
        held_by: StoreName | None = None,
        lacked_by: StoreName | None = None,
        newest_first: bool = False,
    ) -> Iterator[Registration]:
        """Yield every kept version, of one collection or of all, in the order of registration or against it.

        Only those that have a replica in the store ``held_by``, and none in ``lacked_by``, where given.
        """

    def reserved(self) -> Iterator[PackageId]:
        """Yield every version number that is given to a submission and not registered."""

    def files(self, package: PackageId) -> Iterator[CatalogueFile]:
        """Yield the files of a kept version in the order in which they were registered."""

    def latest(self, object_id: ObjectId) -> Registration | None:
        """Return the kept version of the highest number, or ``None``."""

    def history(self, object_id: ObjectId) -> History:
        """Return what is known of one object; empty where nothing is."""

    def conclusions(self, verdict: Verdict | None = None) -> Iterator[Conclusion]:
        """Yield how submissions ended, latest first; only those that ended with ``verdict``, if given."""

    def lacked_by(self, store: StoreName) -> Mapping[CollectionName, int]:
        """Return how many kept versions of each collection have no replica in ``store``."""

    def add_replica(self, package: PackageId, replica: Replica, events: Iterable[Event] = ()) -> None:
        """Record another replica of a kept version, and the events that record it, in one transaction.

        Where one in that store is recorded already, nothing changes. Raises ``NotFoundError`` where the
        version is not kept.
        """

    def forget_store(
        self,
        store: StoreName,
        replicas: int,
        *,
        at: datetime,
        by: str,
        because: str,
        event_of: Callable[[PackageId], Event],
    ) -> None:
        """Strike every replica in ``store``, when each was read, and its identity, in one transaction.

        Damage that is open there is closed ``at`` that moment, ``by`` and ``because`` of these. ``event_of``
        gives the event of each replica. Raises ``UnavailableError``, and changes nothing, where the store has
        another number of replicas than ``replicas``: then it was written to meanwhile.
        """

    def store_identities(self) -> Mapping[StoreName, StoreIdentity]:
        """Return the identity of each store that has one."""

    def keep_store_identity(self, store: StoreName, identity: StoreIdentity) -> None:
        """Record the identity that a store has from now on.

        Raises ``AlreadyExistsError`` where another store has it.
        """

    def objects(self, collection: CollectionName | None = None, search: str = "") -> Iterator[KeptObject]:
        """Yield every object that is kept, of one collection or of all, a page at a time.

        Only those that have ``search`` in their name, where given, whatever the case of
        ASCII letters. They come by collection and name, in the order of the database.
        """

    def counts(self, collection: CollectionName | None = None) -> Counts:
        """Return how much is kept and how submissions ended, of one collection or of all."""


def holds_another(submission: SubmissionId, held: PackageId) -> AlreadyExistsError:
    """Refuse a submission that asks for a second version."""
    return AlreadyExistsError(
        f"submission {submission} has version {held} already, with other content or of another object; "
        "preserve the drop as a new submission"
    )


def belongs_to(package: PackageId, owner: SubmissionId) -> AlreadyExistsError:
    """Refuse a version number that another submission has."""
    return AlreadyExistsError(
        f"{package}: this version belongs to submission {owner}; preserve the drop again for a new version"
    )


def is_registered(package: PackageId) -> AlreadyExistsError:
    """Refuse to give back a version that is kept."""
    return AlreadyExistsError(f"{package}: this version is registered, and what is registered stays")


def has_digests(package: PackageId) -> AlreadyExistsError:
    """Refuse to record the digests of tag manifests a second time."""
    return AlreadyExistsError(
        f"{package}: the digests of its tag manifests are recorded already; compare them with the stores: "
        f"muniment restore {package.object} TARGET --version {package.version} --dry-run"
    )


def is_another_store(store: StoreName, identity: StoreIdentity, owner: StoreName) -> AlreadyExistsError:
    """Refuse an identity that another store has."""
    return AlreadyExistsError(
        f"store {store}: its place is that of the store {owner}, whose identity is {identity}; give each "
        "store a place of its own in muniment.toml"
    )


def has_other_replicas(store: StoreName, expected: int, found: int) -> UnavailableError:
    """Refuse to forget a store that was written to since its replicas were looked at."""
    return UnavailableError(
        f"store {store}: the catalogue has {found:,} replicas in it, and {expected:,} were looked at: "
        "another run wrote there meanwhile; nothing was struck. Run it again"
    )


def not_kept(package: PackageId) -> NotFoundError:
    """Return the error for a version that is not registered."""
    return NotFoundError(
        f"{package}: the catalogue knows no such version; see what it has with: "
        f"muniment journal show {package.object}"
    )
