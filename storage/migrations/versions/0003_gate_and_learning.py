"""Verdicts and repairs of attempts, reading time of reviews, what sizing learns from, cache writes by lifetime."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("attempts") as table:
        table.add_column(sa.Column("rewrites", sa.JSON(), nullable=True))
        table.add_column(sa.Column("verdict", sa.JSON(), nullable=True))
    with op.batch_alter_table("jobs") as table:
        table.add_column(sa.Column("rerun_of", sa.String(length=36), nullable=True))
    with op.batch_alter_table("reviews") as table:
        table.add_column(sa.Column("came_from", sa.String(length=16), nullable=True))
        table.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("calls") as table:
        table.add_column(sa.Column("cache_write_1h_tokens", sa.Integer(), nullable=True))
    with op.batch_alter_table("calibration") as table:
        table.add_column(sa.Column("prior_tokens", sa.Integer(), nullable=True))
        table.add_column(sa.Column("worst_tokens", sa.Integer(), nullable=True))
        table.add_column(sa.Column("log_spread", sa.Float(), nullable=True))
        table.add_column(sa.Column("source_tokens", sa.Integer(), nullable=True))
        table.add_column(sa.Column("prompt_version", sa.String(length=32), nullable=True))
        table.create_index("ix_calibration_created_at", ["created_at"])
    op.create_table(
        "reading_seconds",
        sa.Column("review_id", sa.String(length=36), nullable=False),
        sa.Column("second", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_reading_seconds_review_id_reviews")),
        sa.PrimaryKeyConstraint("review_id", "second", name=op.f("pk_reading_seconds")),
    )


def downgrade() -> None:
    op.drop_table("reading_seconds")
    with op.batch_alter_table("calibration") as table:
        table.drop_index("ix_calibration_created_at")
        for column in ("prompt_version", "source_tokens", "log_spread", "worst_tokens", "prior_tokens"):
            table.drop_column(column)
    with op.batch_alter_table("calls") as table:
        table.drop_column("cache_write_1h_tokens")
    with op.batch_alter_table("reviews") as table:
        table.drop_column("expires_at")
        table.drop_column("came_from")
    with op.batch_alter_table("jobs") as table:
        table.drop_column("rerun_of")
    with op.batch_alter_table("attempts") as table:
        table.drop_column("verdict")
        table.drop_column("rewrites")
