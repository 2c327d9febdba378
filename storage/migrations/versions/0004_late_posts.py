"""Batches know until when their POST may leave, and when they were last looked for; leases are found by their owner."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("batches") as table:
        table.add_column(sa.Column("post_until", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True))
    # A version before this one may have posted what it left in doubt.
    op.execute("UPDATE batches SET post_until = intended_at WHERE state IN ('intended', 'unknown')")
    with op.batch_alter_table("jobs") as table:
        table.create_index("ix_jobs_lease_owner", ["lease_owner"])


def downgrade() -> None:
    with op.batch_alter_table("jobs") as table:
        table.drop_index("ix_jobs_lease_owner")
    with op.batch_alter_table("batches") as table:
        table.drop_column("looked_at")
        table.drop_column("post_until")
