"""Ledgers to write to: each test here runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.engine import Engine, connect
from tests.servers import Postgres


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    """A fresh ledger at the newest version."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[Engine]:
    """The same ledger, as another process has it."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_ledger(sqlite_url: str) -> Iterator[Engine]:
    """A fresh ledger in a SQLite file."""
    engine = connect(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def new_file(tmp_path: Path) -> Iterator[Engine]:
    """A SQLite file that does not exist yet."""
    engine = connect(f"sqlite:///{tmp_path / 'new.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def empty_server(postgres: Postgres) -> Iterator[Engine]:
    """A PostgreSQL database without tables."""
    with postgres.database() as url:
        engine = connect(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest) -> Engine:
    """A database without tables."""
    return request.getfixturevalue("new_file" if request.param == "sqlite" else "empty_server")
