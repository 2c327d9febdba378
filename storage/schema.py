"""The schema's version: checked at every start, moved only by `throughline db upgrade`.

A SQLite file that does not exist yet is created at the newest version. Any other difference stops the
program with one sentence, before anything is read or spent. A database of another program, or of a newer
Throughline, is left as it is.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from storage.engine import Engine
from storage.tables import metadata
from throughline.errors import BadInput

if TYPE_CHECKING:
    from alembic.config import Config

REVISION = "0006"
"""The newest migration. Kept here so that a start does not import Alembic; a test compares both."""
_OUR_VERSION = re.compile(r"\d{4}")


def require_current(engine: Engine) -> None:
    """Create a new SQLite ledger; raise `BadInput` for one of another version."""
    try:
        with engine.connect() as connection:
            found = _version(connection)
    except DatabaseError as error:
        raise _unusable(engine, error) from error
    if found == REVISION:
        return
    if found is None and engine.dialect.name == "sqlite":
        upgrade(engine)
        return
    state = "has no tables yet" if found is None else f"is at version {found}, this program needs {REVISION}"
    raise BadInput(f"The database {state}. Run: throughline db upgrade")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to that revision, keeping its rows; `BadInput` for one that is not ours to change, or away."""
    try:
        with engine.begin() as connection:
            found = _version(connection)
            if found is not None and found not in _known():
                raise _not_ours(connection, f"is at version {found}, which no Throughline has")
            _migrate(connection, "upgrade", revision)
    except DatabaseError as error:
        raise _unusable(engine, error) from error


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


def _version(connection: Connection) -> str | None:
    """The version of the ledger there, None for an empty database; `BadInput` for anything but an older ledger."""
    tables = set(inspect(connection).get_table_names())  # read once: another process may be making them
    versioned = "alembic_version" in tables
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() if versioned else ()
    others = sorted(tables - {"alembic_version"})
    if not found and others:
        raise _not_ours(connection, f"has tables of another program ({_some(others)}) and no ledger")
    if not found:
        return None
    if len(found) > 1 or not _OUR_VERSION.fullmatch(found[0]):
        raise _not_ours(connection, f"is at version {_some(found)}, which no Throughline has")
    if found[0] > REVISION:
        raise BadInput(
            f"The database was written by a newer Throughline (version {found[0]}, this program knows {REVISION}). "
            "Update this program."
        )
    return found[0]


def _unusable(engine: Engine, error: DatabaseError) -> BadInput:
    where = engine.url.render_as_string(hide_password=True)
    said = str(error.orig).strip().splitlines()[0]
    return BadInput(f"The database {where} cannot be used: {said}. Check THROUGHLINE_DATABASE_URL.")


def _not_ours(connection: Connection, what: str) -> BadInput:
    where = connection.engine.url.render_as_string(hide_password=True)
    return BadInput(
        f"The database {where} {what}. Nothing was changed. Name a database of its own in THROUGHLINE_DATABASE_URL."
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:3], *(["..."] if len(names) > 3 else [])])


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _migrate(connection: Connection, direction: str, revision: str) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    getattr(command, direction)(config, revision)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
