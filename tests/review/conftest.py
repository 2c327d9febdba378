"""A service with an empty ledger, whose jobs the simulator writes."""

import pytest

from tests.faults.support import Service
from tests.servers import Simulator


@pytest.fixture
def service(simulator: Simulator, sqlite_url: str) -> Service:
    """The service on SQLite."""
    return Service(simulator=simulator, database_url=sqlite_url)


@pytest.fixture
def service_on_each(simulator: Simulator, database_url: str) -> Service:
    """The same, once on SQLite and once on PostgreSQL."""
    return Service(simulator=simulator, database_url=database_url)
