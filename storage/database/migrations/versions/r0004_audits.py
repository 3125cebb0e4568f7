"""When each replica was read last, and the damage that reading showed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FIRST_READINGS = """
INSERT INTO readings (package_id, store, collection, files, bytes, files_before, read_at)
SELECT r.package_id, r.store, v.collection, r.files, r.bytes,
       SUM(r.files) OVER (PARTITION BY r.store ORDER BY r.package_id) - r.files, r.verified_at
FROM replicas AS r JOIN packages AS p ON p.id = r.package_id JOIN versions AS v ON v.id = p.version_id
"""
"""What is kept was read once, when it was written."""


def upgrade() -> None:
    """Make the tables. Every replica was read last when it was written and read back."""
    row_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "readings",
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("files_before", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.String(27), nullable=False),
        sa.Column("begun_at", sa.String(27)),
        sa.Column("reached", sa.Text),
        sa.Column("claimant", sa.Text),
        sa.Column("claimed_until", sa.String(27)),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name="fk_readings_package_id"),
        sa.PrimaryKeyConstraint("package_id", "store", name="pk_readings"),
        sa.UniqueConstraint("store", "files_before", name="uq_readings_store_files_before"),
    )
    op.create_index(
        "ix_readings_due", "readings", ["store", "collection", "read_at", "package_id", "files", "bytes"]
    )
    op.create_index("ix_readings_claimant", "readings", ["claimant"])
    op.execute(_FIRST_READINGS)
    op.create_table(
        "damages",
        sa.Column("id", row_number, nullable=False),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("promised", sa.Text, nullable=False),
        sa.Column("promised_size", sa.BigInteger),
        sa.Column("found", sa.Text),
        sa.Column("found_size", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("found_at", sa.String(27), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended_at", sa.String(27)),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name="fk_damages_package_id"),
        sa.PrimaryKeyConstraint("id", name="pk_damages"),
    )
    op.create_index("ix_damages_state", "damages", ["state"])
    op.create_index("ix_damages_package_id_store", "damages", ["package_id", "store"])
