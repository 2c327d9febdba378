"""One Prefect server for the whole suite; a ledger, a work pool and a folder for each test."""

import tempfile
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from storage import schema
from storage.engine import connect
from tests.e2e.postgres import debian_postgres
from tests.e2e.stack import PrefectServer, Stack, running_prefect
from tests.servers import Postgres, running_simulator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for Prefect's database and the ledgers, as compose has it."""
    with debian_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def prefect_server(postgres: Postgres) -> Iterator[PrefectServer]:
    """A real server, some fifteen seconds to start."""
    with running_prefect(postgres) as server:
        yield server


class Deployed(Protocol):
    """Sets the service up for one test."""

    def __call__(self, *simulator: str, **settings: str) -> Stack: ...


@pytest.fixture
def deployed(prefect_server: PrefectServer, postgres: Postgres) -> Iterator[Deployed]:
    """The service, deployed, with no worker yet; the simulator is told the arguments."""
    with _deployed(prefect_server, postgres) as set_up:
        yield set_up


@pytest.fixture(params=["postgresql", "sqlite"])
def deployed_on_each(
    request: pytest.FixtureRequest, prefect_server: PrefectServer, postgres: Postgres
) -> Iterator[Deployed]:
    """The same, once with a ledger in PostgreSQL and once in a file that all processes share."""
    with _deployed(prefect_server, postgres if request.param == "postgresql" else None) as set_up:
        yield set_up


@contextmanager
def _deployed(prefect_server: PrefectServer, ledgers: Postgres | None) -> Generator[Deployed]:
    with ExitStack() as stack:
        enter = stack.enter_context

        def set_up(*simulator: str, **settings: str) -> Stack:
            folder = Path(enter(_folder()))
            made = Stack(
                server=prefect_server,
                simulator=enter(running_simulator(*simulator)),
                folder=folder,
                database_url=f"sqlite:///{folder}/ledger.db" if ledgers is None else enter(ledgers.database()),
                settings=settings,
            )
            engine = connect(made.database_url)  # as `throughline db upgrade` does, without starting a process for it
            schema.upgrade(engine)
            engine.dispose()
            made.throughline("deploy")
            return made

        yield set_up


def _folder() -> AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(prefix="throughline-e2e-", ignore_cleanup_errors=True)
