"""The tables, as the newest migration leaves them (a test compares the two)."""

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

from preservation.model.digests import Algorithm
from storage.moments import moment_text, parse_moment


class Moment(TypeDecorator[datetime]):
    """A moment in UTC as text; databases differ too much in what they make of a date."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> str | None:
        """Write it."""
        return None if value is None else moment_text(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> datetime | None:
        """Read it."""
        return None if value is None else parse_moment(value)


class FilePath(TypeDecorator[Path]):
    """A path of the file system as the bytes it is: it need not be text."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Path | None, _dialect: Dialect) -> bytes | None:
        """Write it."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> Path | None:
        """Read it."""
        return None if value is None else Path(os.fsdecode(value))


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts its row numbers up by itself only where the type is exactly INTEGER.
_RowNumber = BigInteger().with_variant(Integer(), "sqlite")

versions = Table(
    "versions",
    metadata,
    Column("id", _RowNumber, primary_key=True),
    Column("collection", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("submission", Text, nullable=False, unique=True),
    Column("fingerprint", Text, nullable=False, index=True),
    UniqueConstraint("collection", "name", "number"),
)
"""Every version number that is taken: reserved, and registered too where ``packages`` has it."""

packages = Table(
    "packages",
    metadata,
    Column("id", _RowNumber, primary_key=True),
    Column("version_id", ForeignKey(versions.c.id), nullable=False, unique=True),
    Column("policy_name", Text, nullable=False),
    Column("policy_revision", Integer, nullable=False),
    Column("policy_digest", Text, nullable=False),
    Column("registered_at", Moment, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

replicas = Table(
    "replicas",
    metadata,
    Column("package_id", ForeignKey(packages.c.id), primary_key=True),
    Column("store", Text, primary_key=True),
    Column("location", Text, nullable=False),
    Column("verified_at", Moment, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("package_id", ForeignKey(packages.c.id), primary_key=True),
    # The order in which they were registered: databases do not agree on the order of names.
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    *(Column(algorithm.value, Text) for algorithm in Algorithm),
    Column("puid", Text),
    sqlite_with_rowid=False,
)

submissions = Table(
    "submissions",
    metadata,
    # Counts up as ends are recorded: a later end of the same submission takes the place of the earlier one.
    Column("id", _RowNumber, primary_key=True),
    Column("identifier", Text, nullable=False, unique=True),
    Column("collection", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("drop_path", FilePath, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("verdict", Text, nullable=False, index=True),
    Column("concluded_at", Moment, nullable=False),
    Column("summary", Text, nullable=False),
    Column("receipt", FilePath),
    Index(None, "collection", "name"),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", _RowNumber, primary_key=True, autoincrement=False),
    Column("identifier", Text, nullable=False, unique=True),
    Column("subject", Text, nullable=False, index=True),
    # The bytes that are hashed and exported, not columns to make them from.
    Column("line", LargeBinary, nullable=False),
)

journal_head = Table(
    "journal_head",
    metadata,
    # One row, locked by the writer that appends, so that many writers keep one chain.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

journal_signed_heads = Table(
    "journal_signed_heads",
    metadata,
    Column("seq", _RowNumber, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
)
