"""Jobs know the flow run that waits for them; batches know with which key they were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("jobs") as table:
        table.add_column(sa.Column("flow_run_id", sa.String(length=36), nullable=True))
        table.create_index("ix_jobs_flow_run_id", ["flow_run_id"])
    with op.batch_alter_table("batches") as table:
        table.add_column(sa.Column("key_fingerprint", sa.String(length=16), nullable=False, server_default=""))
    with op.batch_alter_table("batches") as table:
        table.alter_column("key_fingerprint", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("batches") as table:
        table.drop_column("key_fingerprint")
    with op.batch_alter_table("jobs") as table:
        table.drop_index("ix_jobs_flow_run_id")
        table.drop_column("flow_run_id")
