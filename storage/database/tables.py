"""The tables, as the newest migration leaves them (a test compares the two)."""

import os
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from preservation.model.digests import Algorithm
from storage.moments import moment_text, parse_moment


class Moment(TypeDecorator[datetime]):
    """A moment in UTC as text; databases differ too much in what they make of a date."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> str | None:
        """Write it."""
        return None if value is None else moment_text(value)

    def process_result_value(self, value: str | None, _dialect: sa.Dialect) -> datetime | None:
        """Read it."""
        return None if value is None else parse_moment(value)


class FilePath(TypeDecorator[Path]):
    """A path of the file system as the bytes it is: it need not be text."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, _dialect: sa.Dialect) -> bytes | None:
        """Write it."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, _dialect: sa.Dialect) -> Path | None:
        """Read it."""
        return None if value is None else Path(os.fsdecode(value))


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts its row numbers up by itself only where the type is exactly INTEGER.
_RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("id", _RowNumber, primary_key=True),
    sa.Column("collection", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("submission", sa.Text, nullable=False, unique=True),
    sa.Column("fingerprint", sa.Text, nullable=False, index=True),
    sa.UniqueConstraint("collection", "name", "number"),
)
"""Every version number that is taken: reserved, and registered too where ``packages`` has it."""

packages = sa.Table(
    "packages",
    metadata,
    sa.Column("id", _RowNumber, primary_key=True),
    sa.Column("version_id", sa.ForeignKey(versions.c.id), nullable=False, unique=True),
    sa.Column("policy_name", sa.Text, nullable=False),
    sa.Column("policy_revision", sa.Integer, nullable=False),
    sa.Column("policy_digest", sa.Text, nullable=False),
    sa.Column("registered_at", Moment, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)

replicas = sa.Table(
    "replicas",
    metadata,
    sa.Column("package_id", sa.ForeignKey(packages.c.id), primary_key=True),
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("verified_at", Moment, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)

tag_digests = sa.Table(
    "tag_digests",
    metadata,
    sa.Column("package_id", sa.ForeignKey(packages.c.id), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)
"""The digest of each tag manifest of a version; versions that 0.1.0 stored have none at first."""

files = sa.Table(
    "files",
    metadata,
    sa.Column("package_id", sa.ForeignKey(packages.c.id), primary_key=True),
    # The order in which they were registered: databases do not agree on the order of names.
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    *(sa.Column(algorithm.value, sa.Text) for algorithm in Algorithm),
    sa.Column("puid", sa.Text),
    sqlite_with_rowid=False,
)

submissions = sa.Table(
    "submissions",
    metadata,
    # Counts up as ends are recorded: a later end of the same submission takes the place of the earlier one.
    sa.Column("id", _RowNumber, primary_key=True),
    sa.Column("identifier", sa.Text, nullable=False, unique=True),
    sa.Column("collection", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("drop_path", FilePath, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False, index=True),
    sa.Column("concluded_at", Moment, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("receipt", FilePath),
    sa.Index(None, "collection", "name"),
)

stores = sa.Table(
    "stores",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("identity", sa.String(36), nullable=False, unique=True),
)
"""What each store was made as."""

readings = sa.Table(
    "readings",
    metadata,
    sa.Column("package_id", sa.ForeignKey(packages.c.id), primary_key=True),
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("collection", sa.Text, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    # How many files the replicas have that came into the store before: a sample is a probe into these totals.
    sa.Column("files_before", sa.BigInteger, nullable=False),
    sa.Column("read_at", Moment, nullable=False),
    sa.Column("begun_at", Moment),
    sa.Column("reached", sa.Text),
    sa.Column("claimant", sa.Text),
    sa.Column("claimed_until", Moment),
    sa.UniqueConstraint("store", "files_before"),
    # Whatever choosing asks for stands in the index: no row is fetched.
    sa.Index("ix_readings_due", "store", "collection", "read_at", "package_id", "files", "bytes"),
    sa.Index(None, "claimant"),
)
"""When each replica was read last, who is reading it, and how far that is: a row a replica, none a file."""

damages = sa.Table(
    "damages",
    metadata,
    sa.Column("id", _RowNumber, primary_key=True),
    sa.Column("package_id", sa.ForeignKey(packages.c.id), nullable=False),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("promised", sa.Text, nullable=False),
    sa.Column("promised_size", sa.BigInteger),
    sa.Column("found", sa.Text),
    sa.Column("found_size", sa.BigInteger),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("found_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("ended_by", sa.Text, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Index(None, "state"),
    sa.Index(None, "package_id", "store"),
)
"""Files of replicas that were read and were not as they were kept."""

repair_approvals = sa.Table(
    "repair_approvals",
    metadata,
    sa.Column("damage_id", sa.ForeignKey(damages.c.id), primary_key=True, autoincrement=False),
    sa.Column("approved_by", sa.Text, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("approved_at", Moment, nullable=False),
)
"""Damage that a person lets be repaired."""

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", _RowNumber, primary_key=True),
    sa.Column("collection", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("pages", sa.Integer),
    sa.Column("files", sa.Integer),
    # A list in JSON: they are read with the order alone, and no query asks for one of them.
    sa.Column("names", sa.Text, nullable=False),
    sa.Column("due", sa.String(10)),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, nullable=False),
    sa.Column("placed_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("withdrawn_at", Moment),
    sa.Column("because", sa.Text, nullable=False),
    sa.UniqueConstraint("collection", "name"),
    # Those of a collection are read page by page in the order in which they came.
    sa.Index(None, "collection", "id"),
)
"""What was ordered, a row an object; what was withdrawn stays."""

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", _RowNumber, primary_key=True, autoincrement=False),
    sa.Column("identifier", sa.Text, nullable=False, unique=True),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    # The bytes that are hashed and exported, not columns to make them from.
    sa.Column("line", sa.LargeBinary, nullable=False),
)

journal_head = sa.Table(
    "journal_head",
    metadata,
    # One row, locked by the writer that appends, so that many writers keep one chain.
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

journal_signed_heads = sa.Table(
    "journal_signed_heads",
    metadata,
    sa.Column("seq", _RowNumber, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("signature", sa.String(128), nullable=False),
)
