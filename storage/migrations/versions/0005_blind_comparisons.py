"""Comparisons are people's verdicts after a blind reading; the measures that were stored before were never read."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("comparisons")
    op.create_table(
        "comparisons",
        sa.Column("review_id", sa.String(length=36), nullable=False),
        sa.Column("preferred", sa.String(length=16), nullable=False),
        sa.Column("shown_first", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_comparisons_review_id_reviews")),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_comparisons")),
    )


def downgrade() -> None:
    op.drop_table("comparisons")
    op.create_table(
        "comparisons",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("measures", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_comparisons_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_comparisons")),
    )
