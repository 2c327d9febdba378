"""The door to the database: `transaction` writes, `reading` reads, nothing else commits.

SQLite runs in WAL mode with foreign keys on; a writing transaction takes the write lock at its start
(`BEGIN IMMEDIATE`), so a budget check and the row that relies on it are one step there, as they are on
PostgreSQL under a row lock.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from throughline.errors import BadInput

BUSY_TIMEOUT_MS = 30_000
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}

Engine = AsyncEngine
Tx = AsyncConnection


def connect(url: str, *, name: str = "throughline") -> Engine:
    """An engine for `sqlite:///...` or `postgresql://...`; drivers are chosen here."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _connect_sqlite(parsed)
    return create_async_engine(
        parsed,
        pool_pre_ping=True,
        connect_args={"server_settings": {"application_name": name}},
    )


def parse_url(url: str) -> URL:
    """The URL with an async driver; `BadInput` says which forms are accepted."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadInput(_unusable(url)) from None
    driver = _DRIVERS.get(parsed.drivername, parsed.drivername)
    if driver not in _DRIVERS.values():
        raise BadInput(_unusable(url))
    return parsed.set(drivername=driver)


def _unusable(url: str) -> str:
    scheme = url.split(":", maxsplit=1)[0]
    return (
        f"THROUGHLINE_DATABASE_URL starts with {scheme!r}. Use sqlite:///FILE or "
        "postgresql://USER:PASSWORD@HOST/DATABASE."
    )


def _connect_sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # Any: the driver's own connection
    connection.isolation_level = None  # the driver must not open transactions of its own
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "foreign_keys = ON",
        "synchronous = FULL",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading_only = connection.get_execution_options().get("reading_only", False)
    connection.exec_driver_sql("BEGIN" if reading_only else "BEGIN IMMEDIATE")


@asynccontextmanager
async def transaction(engine: Engine) -> AsyncGenerator[Tx]:
    """One short writing transaction: committed at the end, rolled back on any error."""
    async with engine.begin() as connection:
        yield connection


@asynccontextmanager
async def reading(engine: Engine) -> AsyncGenerator[Tx]:
    """One consistent view of the ledger; takes no write lock."""
    async with engine.connect() as connection:
        await connection.execution_options(reading_only=True)
        async with connection.begin():
            yield connection
