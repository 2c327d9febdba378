"""A unit is a place in its answer, which is kept whole anyway; one that was saved before its answer came is itself."""

import json
import zlib

import sqlalchemy as sa
import zstandard
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)
_units = sa.table(
    "units",
    sa.column("id", sa.Integer),
    sa.column("call_id", sa.String),
    sa.column("start", sa.Integer),
    sa.column("end", sa.Integer),
    sa.column("content", _JSON),
)
_calls = sa.table("calls", sa.column("id", sa.String), sa.column("response_text", sa.LargeBinary))


def upgrade() -> None:
    with op.batch_alter_table("units") as table:
        table.add_column(sa.Column("start", sa.Integer(), nullable=True))
        table.add_column(sa.Column("end", sa.Integer(), nullable=True))
        table.alter_column("content", existing_type=_JSON, nullable=True)


def downgrade() -> None:
    _write_out()
    with op.batch_alter_table("units") as table:
        table.alter_column("content", existing_type=_JSON, nullable=False)
        table.drop_column("end")
        table.drop_column("start")


def _write_out() -> None:
    """Copy the units out of their answers, one answer at a time."""
    ledger = op.get_bind()
    placed = _units.c.content.is_(None)
    for call_id in ledger.execute(sa.select(_units.c.call_id).where(placed).distinct()).scalars().all():
        stored = bytes(ledger.execute(sa.select(_calls.c.response_text).where(_calls.c.id == call_id)).scalar_one())
        decompress = zstandard.decompress if stored.startswith(zstandard.FRAME_HEADER) else zlib.decompress
        answer = decompress(stored).decode("utf-8", "surrogatepass")
        for row in ledger.execute(sa.select(_units).where(placed, _units.c.call_id == call_id)).all():
            content = json.loads(answer[row.start : row.end], strict=False)
            ledger.execute(sa.update(_units).where(_units.c.id == row.id).values(content=content))
