"""Outages of the database made to order, and waiting for what happens meanwhile."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.faults.support import Service


@contextlib.contextmanager
def unusable(database_url: str) -> Generator[None]:
    """Meanwhile nobody can write: SQLite is locked by another program, PostgreSQL is away."""
    with locked(database_url) if database_url.startswith("sqlite") else gone(database_url):
        yield


@contextlib.contextmanager
def locked(database_url: str) -> Generator[None]:
    with contextlib.closing(sqlite3.connect(urlsplit(database_url).path[1:], isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def gone(database_url: str) -> Generator[None]:
    """Every connection is cut and no new one is let in."""
    with maintenance(database_url) as (connection, name):
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")  # pyright: ignore[reportCallIssue, reportArgumentType]
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")  # pyright: ignore[reportCallIssue, reportArgumentType]


@contextlib.contextmanager
def only_reading(database_url: str) -> Generator[None]:
    """The server refuses to write, as an old primary does in a fail-over."""
    with maintenance(database_url) as (connection, name):
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")  # pyright: ignore[reportCallIssue, reportArgumentType]
        cut_connections(database_url)
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")  # pyright: ignore[reportCallIssue, reportArgumentType]


@contextlib.contextmanager
def maintenance(database_url: str) -> Generator[tuple["psycopg.Connection[Any]", str]]:
    """A connection beside the ledger's database, and that database's name."""
    name = urlsplit(database_url).path.removeprefix("/")
    url = database_url.replace(f"/{name}?", "/postgres?")
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection, name


def cut_connections(database_url: str) -> None:
    with maintenance(database_url) as (connection, name):
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


async def happened(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.005)


def received(service: Service, method: str, path: str) -> Callable[[], bool]:
    """Whether the simulator has received such a request by now."""
    return lambda: any(each["path"].endswith(path) for each in service.simulator.requests(method))
