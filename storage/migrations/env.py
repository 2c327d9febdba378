"""Alembic's entry point; the connection comes from `storage.schema`."""

from typing import Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

from storage.tables import metadata


def _plain(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our column types into migrations as what they are on disk, so that old migrations stay true."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot alter tables in place
    compare_type=True,
    render_item=_plain,
)
with context.begin_transaction():
    context.run_migrations()
