"""Which damage a person lets be repaired."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. Nothing was approved before."""
    op.create_table(
        "repair_approvals",
        sa.Column("damage_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("approved_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(["damage_id"], ["damages.id"], name="fk_repair_approvals_damage_id"),
        sa.PrimaryKeyConstraint("damage_id", name="pk_repair_approvals"),
    )
