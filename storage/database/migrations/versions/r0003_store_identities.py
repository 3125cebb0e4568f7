"""The identities of stores, which distinguish a store from the mount point of an absent disk."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. No store has an identity until an operator gives it one."""
    op.create_table(
        "stores",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("identity", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_stores"),
        sa.UniqueConstraint("identity", name="uq_stores_identity"),
    )
