"""What was ordered: a row an object."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. Nothing was ordered before."""
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("pages", sa.Integer),
        sa.Column("files", sa.Integer),
        sa.Column("names", sa.Text, nullable=False),
        sa.Column("due", sa.String(10)),
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("batch", sa.Text, nullable=False),
        sa.Column("placed_at", sa.String(27), nullable=False),
        sa.Column("changed_at", sa.String(27), nullable=False),
        sa.Column("withdrawn_at", sa.String(27)),
        sa.Column("because", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("collection", "name", name="uq_orders_collection_name"),
    )
    op.create_index("ix_orders_collection_id", "orders", ["collection", "id"])
