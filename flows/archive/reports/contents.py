"""What a report of the holdings has: numbers, added up when it was made; the fields are those of its JSON."""

from datetime import date, datetime

import msgspec


class ReportedHoldings(msgspec.Struct, frozen=True):
    """How much is kept; ``files`` and ``bytes`` are originals, counted once and not by replica."""

    objects: int
    versions: int
    files: int
    bytes: int


class ReportedMonth(msgspec.Struct, frozen=True):
    """What came in a month, and how many bytes were kept at its end."""

    month: date
    objects: int
    versions: int
    files: int
    bytes: int
    bytes_kept: int


class ReportedCollection(msgspec.Struct, frozen=True):
    """One collection: what is kept of it, and how many of its replicas are overdue."""

    collection: str
    objects: int
    versions: int
    files: int
    bytes: int
    replicas: int
    overdue: int
    overdue_bytes: int


class ReportedFormat(msgspec.Struct, frozen=True):
    """A format; ``puid`` is ``None`` where it is not decided, ``name`` empty where it is not known here."""

    puid: str | None
    name: str
    files: int
    bytes: int


class ReportedStore(msgspec.Struct, frozen=True):
    """A store: what is in it by the catalogue, and how much of that was ``read`` as a whole in time.

    What was written in time counts as read; ``read_again`` is what was read since then, and since the date
    of the report. ``lacking`` versions are to be in it and are not. ``oldest`` is the day on which the
    longest unread replica was read. A store that is in the settings no more is not ``configured``.
    """

    store: str
    site: str
    provider: str
    media: str
    configured: bool
    replicas: int
    files: int
    bytes: int
    lacking: int
    read: int
    read_again: int
    overdue: int
    overdue_bytes: int
    oldest: date | None


class ReportedDamage(msgspec.Struct, frozen=True):
    """Damage: how much was found, healed and closed since the date of the report, and how much is open now.

    ``named`` has a sentence on the first that are open.
    """

    found: int = 0
    healed: int = 0
    closed: int = 0
    open: int = 0
    named: tuple[str, ...] = ()


class ReportedActs(msgspec.Struct, frozen=True):
    """Acts of one kind since the date of the report; ``failed`` of them did not end well."""

    acts: int = 0
    failed: int = 0
    last: datetime | None = None


class ReportedCheck(msgspec.Struct, frozen=True):
    """When the journal was verified: the last run that began, the last that succeeded, why one failed."""

    began: datetime | None
    succeeded: datetime | None
    fault: str


class DueDay(msgspec.Struct, frozen=True):
    """What the audits of a day read at the pace of the policies, of what is kept now."""

    day: date
    replicas: int
    bytes: int


class HoldingsReport(msgspec.Struct, frozen=True):
    """A report of the holdings, of one collection or of all, as they were ``at`` a moment.

    ``since`` is where damage and acts are counted from; a replica is overdue that was not read for ``days``,
    or, where that is ``None``, for as long as its policy says.
    """

    at: datetime
    since: date
    days: int | None
    software: str
    collection: str | None
    kept: ReportedHoldings
    months: tuple[ReportedMonth, ...]
    collections: tuple[ReportedCollection, ...]
    formats: tuple[ReportedFormat, ...]
    stores: tuple[ReportedStore, ...]
    damage: ReportedDamage
    restores: ReportedActs
    drills: ReportedActs
    deletions: ReportedActs
    journal: ReportedCheck
    due: tuple[DueDay, ...]
    version: int = 1
