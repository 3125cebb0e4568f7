"""The digest of every tag manifest of a version. What 0.1.0 stored gets them by ``muniment upgrade``."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, empty."""
    op.create_table(
        "tag_digests",
        sa.Column("package_id", _RowNumber, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("package_id", "path", name="pk_tag_digests"),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name="fk_tag_digests_package_id"),
    )
