"""The schema's version: checked at every start, moved only by `throughline db upgrade`.

A SQLite file that does not exist yet is created at the newest version. Any other difference stops the
program with one sentence, before anything is read or spent.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from storage.engine import Engine
from storage.tables import metadata
from throughline.errors import BadInput

REVISION = "0004"
"""The newest migration. Kept here so that a start does not import Alembic; a test compares both."""


def require_current(engine: Engine) -> None:
    """Create a new SQLite ledger; raise `BadInput` for one of another version."""
    try:
        with engine.connect() as connection:
            found = _revision(connection)
    except DatabaseError as error:
        where = engine.url.render_as_string(hide_password=True)
        said = str(error.orig).strip().splitlines()[0]
        raise BadInput(f"The database {where} cannot be used: {said}. Check THROUGHLINE_DATABASE_URL.") from error
    if found == REVISION:
        return
    if found is None and engine.dialect.name == "sqlite":
        upgrade(engine)
        return
    state = "has no tables yet" if found is None else f"is at version {found}, this program needs {REVISION}"
    raise BadInput(f"The database {state}. Run: throughline db upgrade")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to that revision, keeping its rows."""
    with engine.begin() as connection:
        _migrate(connection, "upgrade", revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to that revision; `base` removes every table."""
    with engine.begin() as connection:
        _migrate(connection, "downgrade", revision)


def differences(engine: Engine) -> list[object]:
    """What a migrated database lacks against the tables in code; empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _migrate(connection: Connection, direction: str, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    getattr(command, direction)(config, revision)
