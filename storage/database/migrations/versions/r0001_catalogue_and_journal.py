"""The first schema: catalogue and journal."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_APPEND_ONLY_SQLITE = """
CREATE TRIGGER journal_is_append_only_{verb} BEFORE {verb} ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
"""

_APPEND_ONLY_POSTGRESQL = (
    """
    CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$
    """,
    """
    CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    EXECUTE FUNCTION journal_is_append_only()
    """,
)


def upgrade() -> None:
    """Make every table."""
    _make_catalogue()
    _make_journal()


def _make_catalogue() -> None:
    op.create_table(
        "versions",
        sa.Column("id", _RowNumber, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("submission", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.UniqueConstraint("submission", name="uq_versions_submission"),
        sa.UniqueConstraint("collection", "name", "number", name="uq_versions_collection_name_number"),
    )
    op.create_index("ix_versions_fingerprint", "versions", ["fingerprint"])
    op.create_table(
        "packages",
        sa.Column("id", _RowNumber, nullable=False),
        sa.Column("version_id", _RowNumber, nullable=False),
        sa.Column("policy_name", sa.Text, nullable=False),
        sa.Column("policy_revision", sa.Integer, nullable=False),
        sa.Column("policy_digest", sa.Text, nullable=False),
        sa.Column("registered_at", sa.String(27), nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_packages"),
        sa.UniqueConstraint("version_id", name="uq_packages_version_id"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_packages_version_id"),
    )
    op.create_table(
        "replicas",
        sa.Column("package_id", _RowNumber, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("verified_at", sa.String(27), nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("package_id", "store", name="pk_replicas"),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name="fk_replicas_package_id"),
    )
    op.create_table(
        "files",
        sa.Column("package_id", _RowNumber, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("md5", sa.Text),
        sa.Column("sha1", sa.Text),
        sa.Column("sha256", sa.Text),
        sa.Column("sha512", sa.Text),
        sa.Column("puid", sa.Text),
        sa.PrimaryKeyConstraint("package_id", "position", name="pk_files"),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name="fk_files_package_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "submissions",
        sa.Column("id", _RowNumber, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("drop_path", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.String(27), nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("concluded_at", sa.String(27), nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("receipt", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("identifier", name="uq_submissions_identifier"),
    )
    op.create_index("ix_submissions_verdict", "submissions", ["verdict"])
    op.create_index("ix_submissions_collection_name", "submissions", ["collection", "name"])


def _make_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", _RowNumber, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_journal"),
        sa.UniqueConstraint("identifier", name="uq_journal_identifier"),
    )
    op.create_index("ix_journal_subject", "journal", ["subject"])
    head = op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal_head"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
    op.create_table(
        "journal_signed_heads",
        sa.Column("seq", _RowNumber, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_journal_signed_heads"),
    )
    match op.get_bind().dialect.name:
        case "sqlite":
            for verb in ("UPDATE", "DELETE"):
                op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))
        case "postgresql":
            for statement in _APPEND_ONLY_POSTGRESQL:
                op.execute(statement)
