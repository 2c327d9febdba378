"""The door to the database: `transaction` writes, `reading` reads, nothing else commits.

SQLite runs in WAL mode with foreign keys on; a writing transaction takes the write lock at its start
(`BEGIN IMMEDIATE`), so a budget check and the row that relies on it are one step there, as they are on
PostgreSQL under a row lock.

Calls are synchronous on purpose, inside async steps too: a statement takes a fraction of a millisecond,
less than handing it to another thread, and a transaction that cannot await cannot stay open across a call.
"""

import json
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import unquote

import orjson
from sqlalchemy import Connection, Engine, Executable, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError

from throughline.errors import BadInput

BUSY_TIMEOUT_MS = 30_000
_ONLY_READS = "25006"  # PostgreSQL: read_only_sql_transaction
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

Tx = Connection
UNUSABLE = (OperationalError, InterfaceError)
"""What is raised while the database is locked, full or away: the same transaction may succeed later."""


def connect(url: str, *, name: str = "throughline") -> Engine:
    """An engine for `sqlite:///...` or `postgresql://...`; drivers are chosen here."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _connect_sqlite(parsed)
    engine = create_engine(
        parsed,
        pool_pre_ping=True,
        json_serializer=_to_json,
        json_deserializer=_from_json,
        connect_args={"application_name": name},
    )
    event.listen(engine, "handle_error", _writes_are_away)
    return engine


def _writes_are_away(context: ExceptionContext) -> None:
    """A server that only reads for a moment (a fail-over; with some hosts a full disk) is as one that is away: the
    connection leads to the old primary, so it is given up, and the transaction may succeed on another."""
    connection, error = context.connection, context.original_exception
    only_reads = getattr(error, "sqlstate", None) == _ONLY_READS
    if only_reads and connection is not None and not connection.get_execution_options().get("reading_only"):
        context.is_disconnect = True
        raise OperationalError(context.statement, None, error)


def _to_json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a surrogate pair: the standard library writes it as an escape
        return json.dumps(value)


def _from_json(text: str | bytes) -> Any:  # Any: JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def parse_url(url: str) -> URL:
    """The URL with its driver; `BadInput` says which forms are accepted."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadInput(_unusable(url)) from None
    except ValueError:
        raise BadInput(
            "THROUGHLINE_DATABASE_URL has a port that is no number. Write postgresql://USER:PASSWORD@HOST:5432/DATABASE."
        ) from None
    driver = _DRIVERS.get(parsed.drivername, parsed.drivername)
    if driver not in _DRIVERS.values():
        raise BadInput(_unusable(url))
    if _is_forgotten(parsed):
        raise BadInput(
            "THROUGHLINE_DATABASE_URL keeps the ledger in memory only, so paid answers would be lost. "
            "Name a file: sqlite:///FILE."
        )
    return parsed.set(drivername=driver)


def _is_forgotten(url: URL) -> bool:
    """Whether SQLite would keep the database in memory, or in a file that it deletes at the end."""
    if url.get_backend_name() != "sqlite":
        return False
    file = unquote(url.database or "").removeprefix("file:")
    return not file or file == ":memory:" or url.query.get("mode") == "memory" or url.query.get("vfs") == "memdb"


def _unusable(url: str) -> str:
    scheme = url.split(":", maxsplit=1)[0]
    return (
        f"THROUGHLINE_DATABASE_URL starts with {scheme!r}. Use sqlite:///FILE or "
        "postgresql://USER:PASSWORD@HOST/DATABASE."
    )


def _connect_sqlite(url: URL) -> Engine:
    assert url.database, "`parse_url` lets no URL without a file through"
    url = url.set(database=str(_made_private(Path(url.database).expanduser())))
    engine = create_engine(url, json_serializer=_to_json, json_deserializer=_from_json)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _made_private(file: Path) -> Path:
    """Make the file and its folder, if they are not there, for their owner alone: documents and outputs lie in them."""
    try:
        if not file.parent.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (file.exists() or str(file).startswith("file:")):  # the latter is SQLite's own form of an address
            file.touch(mode=0o600)  # SQLite gives the files beside it the same mode
    except OSError as error:
        raise BadInput(
            f"The database {file} cannot be made: {error.strerror}. Check THROUGHLINE_DATABASE_URL."
        ) from error
    return file


def _prepare_sqlite(connection: Any, _record: object) -> None:  # Any: the driver's own connection
    connection.isolation_level = None  # the driver must not open transactions of its own
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "foreign_keys = ON",
        "cache_size = -16000",  # a group of long answers is written at its commit, not page by page before it
        "wal_autocheckpoint = 8000",  # a checkpoint syncs twice; every 32 MB is often enough
    ):
        try:
            _set(cursor, pragma)
        except sqlite3.OperationalError as error:
            raise OperationalError(pragma, None, error) from error
    cursor.close()


def _set(cursor: sqlite3.Cursor, pragma: str) -> None:
    """Set it, again and again for as long as one waits for a lock.

    SQLite itself waits for none where waiting could be a deadlock: of two that open a new file at the same moment
    and both turn it to WAL, one is refused at once.
    """
    until = monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
            sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    reading_only = bool(options.get("reading_only"))
    wanted = {"query_only": str(int(reading_only))}
    if not reading_only:
        wanted["synchronous"] = "FULL" if options.get("durable", True) else "NORMAL"
    has: dict[str, str] = connection.info.setdefault("pragmas", {})
    cursor = connection.connection.cursor()
    try:
        for name, value in wanted.items():
            if has.get(name) != value:
                cursor.execute(f"PRAGMA {name} = {value}")
                has[name] = value
        cursor.execute("BEGIN" if reading_only else "BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:  # past SQLAlchemy's own translation
        raise OperationalError("begin a transaction", None, error) from error
    finally:
        cursor.close()


def insert_new(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]) -> None:
    """Insert the rows whose key is new; one that another transaction made first is left as it is."""
    tx.execute(_unless_there(tx.dialect.name, table, tuple(key)), list(rows))


def inserted(tx: Tx, table: Table, row: Mapping[str, Any], *, key: Sequence[str]) -> bool:
    """Insert the row if its key is new, and say whether it was."""
    return tx.execute(_unless_there(tx.dialect.name, table, tuple(key)), row).rowcount == 1


@cache
def _unless_there(dialect: str, table: Table, key: tuple[str, ...]) -> Executable:
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return statement.on_conflict_do_nothing(index_elements=key)


@contextmanager
def transaction(engine: Engine, *, durable: bool = True) -> Generator[Tx]:
    """One short writing transaction: committed at the end, rolled back on any error.

    Never open across a call to Claude or a wait. With `durable=False` a commit survives the death of this
    process but perhaps not a power cut: for rows that are worth nothing without a later durable one.
    """
    with engine.connect() as connection:
        connection.execution_options(durable=durable)
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Generator[Tx]:
    """One consistent view of the ledger; takes no write lock."""
    options: dict[str, Any] = {"reading_only": True}  # Any: SQLAlchemy's execution options
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect() as connection:
        connection.execution_options(**options)
        with connection.begin():
            yield connection
